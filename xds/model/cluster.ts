// Clusters (envoy.config.cluster.v3.Cluster) as the data plane knows them.
import type { ConnectionLife } from './connection-life.ts';
import type { ClusterEndpoints } from './endpoints.ts';
import type { UpstreamTls } from './tls.ts';

export interface Cluster {
  readonly name: string;
  readonly discovery: ClusterDiscovery;
  readonly lbPolicy: LbPolicy;
  /**
   * Whether locality weights count: `locality_weighted_lb_config`, or a policy that implies them (wrr_locality).
   * Without it all endpoints of a priority are one round robin, as in Envoy.
   */
  readonly localityWeighted: boolean;
  /**
   * `common_lb_config.healthy_panic_threshold`: below this share of well endpoints, in percent, a priority is in panic
   * and all its endpoints are called. 0: never. Default 50.
   */
  readonly panicPercent: number;
  /** Default 5,000, as in Envoy. */
  readonly connectTimeoutMs: number;
  /** `circuit_breakers.thresholds[DEFAULT].max_requests`; `null`: Envoy's default of 1,024. Of all data planes of the agent. */
  readonly maxRequests: number | null;
  /** Of endpoints that no socket match takes. `null`: clear text. */
  readonly tls: UpstreamTls | null;
  /** How endpoints are reached that have labels: the first that matches counts. Absent: all by `tls`. */
  readonly socketMatches?: readonly SocketMatch[];
  /** Of the connections to its endpoints; absent: our own defaults. */
  readonly connectionLife?: ConnectionLife;
  /** What the name that a call goes to says of TLS. Absent: nothing, all calls share the connections. */
  readonly callName?: CallName;
}

/** The host of a call's authority, or of a header, in the TLS of the connection that the call takes. One of the two at least. */
export interface CallName {
  /** Of the header that says the name, in lower case; `null`, or where a call lacks it: the authority that is sent upstream. */
  readonly header: string | null;
  /** It is asked for by SNI, before any other, unless it is an IP address (`auto_sni`). */
  readonly isSni: boolean;
  /** The server's certificate must carry it, besides all else that counts (`auto_san_validation`). */
  readonly isChecked: boolean;
}

/** An element of `transport_socket_matches`. */
export interface SocketMatch {
  /** Empty in place of the cluster's own socket, where that cannot be carried out: of endpoints that no other match takes. */
  readonly name: string;
  /** The labels that an endpoint must have, as in `Endpoint`; none: every endpoint matches. */
  readonly labels: Readonly<Record<string, string>>;
  readonly socket: EndpointSocket;
}

export type EndpointSocket =
  | { readonly kind: 'clear' }
  | { readonly kind: 'tls'; readonly tls: UpstreamTls }
  /** Endpoints that want it are not reached; why, as a field path. */
  | { readonly kind: 'unsupported'; readonly reason: string };

/** `panicPercent` of a cluster that names none. */
export const defaultPanicPercent = 50;

/** How the endpoints become known. Each kind ends as one `ClusterEndpoints`. */
export type ClusterDiscovery =
  | { readonly kind: 'eds'; readonly serviceName: string }
  | { readonly kind: 'static'; readonly endpoints: ClusterEndpoints }
  | DnsDiscovery
  /** Accepted, so that it holds nothing up; a call sent there fails, naming `reason` (a field path). */
  | { readonly kind: 'unsupported'; readonly reason: string };

/**
 * Hosts are DNS names. `strict-dns`: every address of each is an endpoint. `logical-dns`: there is one host, and it is one
 * endpoint, of whose addresses one takes all calls while it can be reached.
 */
export interface DnsDiscovery {
  readonly kind: 'strict-dns' | 'logical-dns';
  readonly endpoints: ClusterEndpoints;
  /** Between one resolution and the next. */
  readonly refreshMs: number;
  /** Which addresses count; `v4-first`: IPv6 only where there is no other. Absent: all. */
  readonly family?: 'v4' | 'v6' | 'v4-first';
  /** The time to live of the answer, where it is known, takes the place of `refreshMs`. Absent: it does not. */
  readonly respectTtl?: true;
  /** After failures in a row: `baseMs`, and up to twice as much after each, at most `maxMs`. Absent: `refreshMs`. */
  readonly failureRefresh?: { readonly baseMs: number; readonly maxMs: number };
}

/** How an endpoint is chosen for a call, among those of one priority and health. */
export type LbPolicy =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'random' }
  /** Of `choices` endpoints drawn by weight the one with the fewest calls under way; 2 or more. */
  | { readonly kind: 'least-request'; readonly choices: number }
  /** A ring of at least `minSize` points (1 or more) and at most `maxSize`. */
  | { readonly kind: 'ring-hash'; readonly minSize: number; readonly maxSize: number; readonly key: HashKey }
  /** `tableSize` is a prime. */
  | { readonly kind: 'maglev'; readonly tableSize: number; readonly key: HashKey };

/** What places an endpoint on a ring or in a table, unless it names a key of its own. */
export type HashKey = 'address' | 'hostname';
