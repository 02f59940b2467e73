// The decoded form of envoy.config.cluster.v3, envoy.config.endpoint.v3 and of the balancing policies
// (conventions: core-messages.ts).
import type {
  AddressMessage,
  AnyMessage,
  CommonOptionsMessage,
  ConfigSourceMessage,
  DurationMessage,
  EnumValue,
  FilterMessage,
  FractionalPercentMessage,
  Http2OptionsMessage,
  MetadataMessage,
  StructMessage,
  TransportSocketMessage,
  TypedExtensionConfigMessage,
  UpstreamNameOptionsMessage,
  Wrapped,
} from './core-messages.ts';

/** What `Cluster` and `DnsCluster` say alike. */
export interface DnsRulesMessage {
  readonly dns_refresh_rate: DurationMessage | null;
  readonly dns_failure_refresh_rate: {
    readonly base_interval: DurationMessage | null;
    readonly max_interval: DurationMessage | null;
  } | null;
  readonly respect_dns_ttl: boolean;
  readonly dns_lookup_family: EnumValue;
}

/** `envoy.extensions.clusters.dns.v3.DnsCluster`. */
export interface DnsClusterMessage extends DnsRulesMessage {
  readonly dns_discovery_type: EnumValue;
}

export interface ClusterMessage extends DnsRulesMessage {
  readonly transport_socket_matches: readonly TransportSocketMatchMessage[];
  readonly name: string;
  readonly type?: EnumValue;
  readonly cluster_type?: { readonly name: string; readonly typed_config: AnyMessage | null };
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
  readonly outlier_detection: object | null;
  readonly upstream_bind_config: object | null;
  readonly lb_subset_config: object | null;
  readonly ring_hash_lb_config?: RingHashConfigMessage;
  readonly maglev_lb_config?: MaglevConfigMessage;
  readonly least_request_lb_config?: LeastRequestConfigMessage;
  readonly round_robin_lb_config?: SlowStartMessage;
  readonly common_lb_config: CommonLbConfigMessage | null;
  readonly transport_socket: TransportSocketMessage | null;
  readonly filters: readonly FilterMessage[];
  readonly http2_protocol_options: Http2OptionsMessage | null;
  readonly upstream_http_protocol_options: UpstreamNameOptionsMessage | null;
  readonly typed_extension_protocol_options: Readonly<Record<string, AnyMessage>>;
  readonly load_balancing_policy: LoadBalancingPolicyMessage | null;
}

export interface TransportSocketMatchMessage {
  readonly name: string;
  readonly match: StructMessage | null;
  readonly transport_socket: TransportSocketMessage | null;
}

/** `envoy.extensions.upstreams.http.v3.HttpProtocolOptions`. */
export interface UpstreamHttpOptionsMessage {
  readonly common_http_protocol_options: CommonOptionsMessage | null;
  readonly upstream_http_protocol_options: UpstreamNameOptionsMessage | null;
  readonly explicit_http_config?: { readonly http2_protocol_options?: Http2OptionsMessage };
  readonly use_downstream_protocol_config?: { readonly http2_protocol_options: Http2OptionsMessage | null };
  readonly auto_config?: { readonly http2_protocol_options: Http2OptionsMessage | null };
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

export interface CommonLbConfigMessage {
  readonly healthy_panic_threshold: { readonly value: number } | null;
  readonly zone_aware_lb_config?: object;
  readonly locality_weighted_lb_config?: object;
  readonly consistent_hashing_lb_config: ConsistentHashingMessage | null;
}

export interface ConsistentHashingMessage {
  readonly use_hostname_for_hashing: boolean;
  readonly hash_balance_factor: Wrapped<number>;
}

export interface SlowStartMessage {
  readonly slow_start_config: object | null;
}

/** What the balancing policies' own messages and their older forms in `Cluster` have in common. */
export interface LeastRequestConfigMessage extends SlowStartMessage {
  readonly choice_count: Wrapped<number>;
  readonly active_request_bias: object | null;
}

export interface RingHashConfigMessage {
  readonly minimum_ring_size: Wrapped<number>;
  readonly maximum_ring_size: Wrapped<number>;
  readonly hash_function: EnumValue;
}

export interface MaglevConfigMessage {
  readonly table_size: Wrapped<number>;
}

interface LocalityConfigMessage {
  readonly zone_aware_lb_config?: object;
  readonly locality_weighted_lb_config?: object;
}

export interface RandomMessage {
  readonly locality_lb_config: LocalityConfigMessage | null;
}

export interface RoundRobinMessage extends RandomMessage, SlowStartMessage {}

export interface LeastRequestMessage extends RandomMessage, LeastRequestConfigMessage {
  readonly enable_full_scan: Wrapped<boolean>;
  readonly selection_method: EnumValue;
}

export interface RingHashMessage extends RingHashConfigMessage, ConsistentHashingMessage {
  readonly consistent_hashing_lb_config: ConsistentHashingMessage | null;
  readonly locality_weighted_lb_config: object | null;
}

export interface MaglevMessage extends MaglevConfigMessage {
  readonly consistent_hashing_lb_config: ConsistentHashingMessage | null;
  readonly locality_weighted_lb_config: object | null;
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
    readonly overprovisioning_factor: Wrapped<number>;
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
  readonly metadata: MetadataMessage | null;
}

export interface LbEndpointMessage {
  readonly endpoint?: EndpointMessage;
  readonly endpoint_name?: string;
  readonly health_status: EnumValue;
  readonly metadata: MetadataMessage | null;
  readonly load_balancing_weight: Wrapped<number>;
}

export interface EndpointMessage {
  readonly address: AddressMessage | null;
  readonly hostname: string;
  readonly additional_addresses: readonly object[];
}
