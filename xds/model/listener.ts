// Listeners (envoy.config.listener.v3.Listener) as the data plane knows them.
import type { SocketAddress } from './address.ts';
import type { ConnectionLife } from './connection-life.ts';
import type { FilterChainMatch } from './filter-chain-match.ts';
import type { HttpFilter } from './http-filter.ts';
import type { RouteConfiguration } from './route.ts';
import type { DownstreamTls } from './tls.ts';

/** Whose calls arrive: the network's to the app (`inbound`) or the app's to the network (`outbound`). */
export type TrafficDirection = 'inbound' | 'outbound';

export interface Listener {
  readonly name: string;
  /** Where to bind; port 0 takes any free one. */
  readonly address: SocketAddress;
  /** From `traffic_direction`; unspecified counts as `outbound`, as in Envoy's tracing. */
  readonly direction: TrafficDirection;
  /** Of those whose match holds, the most specific one serves a connection. */
  readonly filterChains: readonly FilterChain[];
  /** Chains that were accepted and can't be carried out: a connection that is meant for one is refused. */
  readonly unusableChains: readonly UnusableChain[];
  /** Serves what no other is for. */
  readonly defaultFilterChain: FilterChain | null;
  /** Connections that were meant for another address. Absent: it knows of none. */
  readonly capture?: ListenerCapture;
  /** No connection comes to its address but those that another listener has captured (`bind_to_port: false`). */
  readonly bindsNoPort?: true;
  /** How long a client's first bytes are awaited, where they matter. Absent: our own defaults. */
  readonly detection?: ListenerDetection;
  /**
   * Of a listener without a port (`api_listener`, gRFC A27): what the calls go by that name it with their authority. Such
   * a listener has no address and no chains.
   */
  readonly api?: HttpConnectionManager;
  /** Accepted, so that it holds nothing up, but not to be opened; why, as a field path. Such a listener has no chains. */
  readonly unsupported?: string;
}

/**
 * `match`: its chains match by the address that a connection was meant for (listener filter `original_dst`).
 * `hand-on`: moreover the listener of that address serves it, where there is one (`use_original_dst`).
 */
export type ListenerCapture = 'match' | 'hand-on';

/** `listener_filters_timeout` and `continue_on_listener_filters_timeout`. */
export interface ListenerDetection {
  /** `null`: without end. */
  readonly timeoutMs: number | null;
  /** A client that stays silent is served as one that speaks no protocol we know; else it is closed. */
  readonly servesSilent: boolean;
}

export interface FilterChain {
  readonly name: string;
  /** `null`: it asks nothing of a connection. */
  readonly match: FilterChainMatch | null;
  /** `null`: clear text. */
  readonly tls: DownstreamTls | null;
  readonly http: HttpConnectionManager;
}

/** `reason` is a field path and what is wrong with it. */
export interface UnusableChain {
  readonly name: string;
  readonly match: FilterChainMatch | null;
  readonly reason: string;
}

/** The part of `HttpConnectionManager` that we act on. */
export interface HttpConnectionManager {
  readonly statPrefix: string;
  readonly routes: RouteSource;
  /** Those that act on calls, in order. */
  readonly filters: readonly HttpFilter[];
  /** `common_http_protocol_options.max_stream_duration`; `null`: none. */
  readonly maxStreamDurationMs: number | null;
  /** `http2_protocol_options.max_concurrent_streams`; `null`: our own default. */
  readonly maxConcurrentStreams: number | null;
  /** Of the connections of clients; absent: our own defaults. */
  readonly connectionLife?: ConnectionLife;
  /** Absent: browsers are not served. */
  readonly grpcWeb?: GrpcWeb;
  /** Of each client address; absent: as it likes. */
  readonly callRate?: CallRate;
  /** Its clients are strangers: fewer streams and smaller windows than inside a mesh. */
  readonly isEdge?: true;
  /** What it answers itself, where a route leaves a call to this process. Absent: nothing. */
  readonly ownServices?: OwnServices;
}

/** Health (grpc.health.v1) and server reflection (grpc.reflection.v1, v1alpha). */
export interface OwnServices {
  /** Services whose calls go somewhere. */
  readonly healthOf: readonly ServiceName[];
  /** Serialised `google.protobuf.FileDescriptorSet`, base64 each; empty: there is no reflection. */
  readonly descriptorSets: readonly string[];
}

/** `prefix` of an empty text is any service. */
export interface ServiceName {
  readonly kind: 'exact' | 'prefix';
  readonly value: string;
}

/** Calls beyond it are refused with flag RL. Counted by each data plane (worker). */
export interface CallRate {
  readonly perSecond: number;
  /** At once, after a time of rest; 1 or more. */
  readonly burst: number;
  /** gRPC code of those that are refused. */
  readonly status: number;
}

/** Calls of pages: gRPC-Web over HTTP/1.1 and HTTP/2, and CORS. */
export interface GrpcWeb {
  /** Whose pages may call, lower case: `https://app.example`, `https://*.example`, or `*`. Those of the listener itself may. */
  readonly origins: readonly string[];
  /** Pages of other origins may send cookies. */
  readonly allowsCredentials: boolean;
  /** How long a browser may keep a permission; `null`: as long as it likes. */
  readonly maxAgeSeconds: number | null;
}

/** Where the routes of a connection manager come from. */
export type RouteSource =
  /** RDS by name. */
  | { readonly kind: 'rds'; readonly name: string }
  /** They are inside the listener. */
  | { readonly kind: 'inline'; readonly config: RouteConfiguration }
  /**
   * Each call goes by the listener that its authority names, `%s` of the template standing for the authority. No control
   * plane sends this: it is the agent's own outbound listener for proxyless configuration.
   */
  | { readonly kind: 'by-authority'; readonly template: string };
