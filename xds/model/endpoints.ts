// The endpoints of one cluster (envoy.config.endpoint.v3.ClusterLoadAssignment).
import type { SocketAddress } from './address.ts';

export interface ClusterEndpoints {
  /** The EDS name: `eds_cluster_config.service_name`, or the cluster's own. */
  readonly name: string;
  readonly localities: readonly LocalityEndpoints[];
  readonly dropOverloads: readonly DropOverload[];
  /** `policy.overprovisioning_factor`, in percent: a priority counts as whole until its well endpoints, so inflated, are fewer. Default 140. */
  readonly overprovisioningPercent: number;
}

/** `overprovisioningPercent` of endpoints that come with none. */
export const defaultOverprovisioningPercent = 140;

export interface LocalityEndpoints {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  /** 0 is the highest; contiguous. */
  readonly priority: number;
  /** 0 when the resource gave none. */
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: SocketAddress;
  /** 1 or more. */
  readonly weight: number;
  readonly health: EndpointHealth;
  /** `hostname` of the endpoint; may be empty. */
  readonly hostname: string;
  /** `hash_key` of its `envoy.lb` metadata: takes the place of the address in consistent hashing; may be empty. */
  readonly hashKey: string;
  /**
   * Its `envoy.transport_socket_match` metadata, by which a cluster chooses how to reach it: each value as JSON text.
   * Absent: none. Endpoints with equal labels share the object.
   */
  readonly socketLabels?: Readonly<Record<string, string>>;
  /** The same of its locality, which count where its own choose nothing. Absent: none. */
  readonly localityLabels?: Readonly<Record<string, string>>;
}

/** UNKNOWN counts as healthy; DRAINING, UNHEALTHY and TIMEOUT as unhealthy. */
export type EndpointHealth = 'healthy' | 'degraded' | 'unhealthy';

export interface DropOverload {
  readonly category: string;
  readonly numerator: number;
  readonly denominator: number;
}
