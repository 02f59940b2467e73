// Clusters (envoy.config.cluster.v3.Cluster) as the data plane knows them.
import type { UpstreamTls } from './address.ts';
import type { ClusterEndpoints } from './endpoints.ts';

export interface Cluster {
  readonly name: string;
  readonly discovery: ClusterDiscovery;
  readonly lbPolicy: LbPolicy;
  /**
   * Whether locality weights count: `locality_weighted_lb_config`, or a policy that implies them (wrr_locality).
   * Without it all endpoints of a priority are one round robin, as in Envoy.
   */
  readonly localityWeighted: boolean;
  /** Default 5,000, as in Envoy. */
  readonly connectTimeoutMs: number;
  /** `circuit_breakers.thresholds[DEFAULT].max_requests`; `null`: Envoy's default of 1,024. */
  readonly maxRequests: number | null;
  /** `null`: clear text. */
  readonly tls: UpstreamTls | null;
}

/** How the endpoints become known. Each kind ends as one `ClusterEndpoints`. */
export type ClusterDiscovery =
  | { readonly kind: 'eds'; readonly serviceName: string }
  | { readonly kind: 'static'; readonly endpoints: ClusterEndpoints }
  /** Hosts are DNS names; every address of each is an endpoint. */
  | { readonly kind: 'strict-dns'; readonly endpoints: ClusterEndpoints; readonly refreshMs: number }
  /** Accepted, so that it holds nothing up; a call sent there fails, naming `reason` (a field path). */
  | { readonly kind: 'unsupported'; readonly reason: string };

export type LbPolicy = { readonly kind: 'round-robin' };
