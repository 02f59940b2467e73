// The decoded form of envoy.config.cluster.v3, envoy.config.endpoint.v3 and of the balancing policies
// (conventions: core-messages.ts).
import type {
  AddressMessage,
  ConfigSourceMessage,
  DurationMessage,
  EnumValue,
  FilterMessage,
  FractionalPercentMessage,
  TransportSocketMessage,
  TypedExtensionConfigMessage,
  Wrapped,
} from './core-messages.ts';

export interface ClusterMessage {
  readonly transport_socket_matches: readonly object[];
  readonly name: string;
  readonly type?: EnumValue;
  readonly cluster_type?: { readonly name: string };
  readonly eds_cluster_config: {
    readonly eds_config: ConfigSourceMessage | null;
    readonly service_name: string;
  } | null;
  readonly connect_timeout: DurationMessage | null;
  readonly lb_policy: EnumValue;
  readonly load_assignment: ClusterLoadAssignmentMessage | null;
  readonly health_checks: readonly object[];
  readonly max_requests_per_connection: Wrapped<number>;
  readonly circuit_breakers: {
    readonly thresholds: readonly ThresholdsMessage[];
    readonly per_host_thresholds: readonly object[];
  } | null;
  readonly dns_refresh_rate: DurationMessage | null;
  readonly outlier_detection: object | null;
  readonly upstream_bind_config: object | null;
  readonly lb_subset_config: object | null;
  readonly common_lb_config: { readonly locality_weighted_lb_config?: object } | null;
  readonly transport_socket: TransportSocketMessage | null;
  readonly filters: readonly FilterMessage[];
  readonly load_balancing_policy: LoadBalancingPolicyMessage | null;
}

export interface ThresholdsMessage {
  readonly priority: EnumValue;
  readonly max_connections: Wrapped<number>;
  readonly max_pending_requests: Wrapped<number>;
  readonly max_requests: Wrapped<number>;
}

export interface LoadBalancingPolicyMessage {
  readonly policies: readonly { readonly typed_extension_config: TypedExtensionConfigMessage | null }[];
}

/** `RoundRobin` and `LeastRequest` agree on this field. */
export interface RoundRobinMessage {
  readonly locality_lb_config: { readonly locality_weighted_lb_config?: object } | null;
}

export interface WrrLocalityMessage {
  readonly endpoint_picking_policy: LoadBalancingPolicyMessage | null;
}

export interface ClusterLoadAssignmentMessage {
  readonly cluster_name: string;
  readonly endpoints: readonly LocalityLbEndpointsMessage[];
  readonly policy: {
    readonly drop_overloads: readonly {
      readonly category: string;
      readonly drop_percentage: FractionalPercentMessage | null;
    }[];
  } | null;
  readonly named_endpoints: Readonly<Record<string, EndpointMessage>>;
}

export interface LocalityLbEndpointsMessage {
  readonly locality: { readonly region: string; readonly zone: string; readonly sub_zone: string } | null;
  readonly lb_endpoints: readonly LbEndpointMessage[];
  readonly load_balancing_weight: Wrapped<number>;
  readonly priority: number;
  readonly load_balancer_endpoints?: { readonly lb_endpoints: readonly LbEndpointMessage[] };
  readonly leds_cluster_locality_config?: object;
}

export interface LbEndpointMessage {
  readonly endpoint?: EndpointMessage;
  readonly endpoint_name?: string;
  readonly health_status: EnumValue;
  readonly load_balancing_weight: Wrapped<number>;
}

export interface EndpointMessage {
  readonly address: AddressMessage | null;
  readonly hostname: string;
  readonly additional_addresses: readonly object[];
}
