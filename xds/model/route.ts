// Route configurations (envoy.config.route.v3.RouteConfiguration) as the director compiles them.

export interface RouteConfiguration {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
  /** `ignore_port_in_host_matching`: only the request's port is ignored, never a domain's. */
  readonly ignorePortInHostMatching: boolean;
}

export interface VirtualHost {
  readonly name: string;
  /** Exact, `*suffix`, `prefix*` or `*`; unique within the configuration, compared without case. */
  readonly domains: readonly string[];
  /** The first that matches wins. */
  readonly routes: readonly Route[];
}

export interface Route {
  /** May be empty. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
}

export interface RouteMatch {
  readonly path: PathMatch;
  /** For `prefix`, `exact` and `separated-prefix`; a regex says so itself. */
  readonly caseSensitive: boolean;
  /** All must hold. */
  readonly headers: readonly HeaderMatcher[];
  /** All must hold; gRPC paths rarely have a query. */
  readonly queryParameters: readonly QueryParameterMatcher[];
  /** `grpc {}`: the content-type must be one of gRPC's. */
  readonly grpcOnly: boolean;
  /** Holds for `numerator` of `denominator` calls; `null`: always. */
  readonly runtimeFraction: Fraction | null;
}

/** `separated-prefix` is `path_separated_prefix`; `regex` is RE2 and must match the whole path. */
export interface PathMatch {
  readonly kind: 'prefix' | 'exact' | 'regex' | 'separated-prefix';
  readonly value: string;
}

export interface Fraction {
  readonly numerator: number;
  /** 100, 10,000 or 1,000,000. */
  readonly denominator: number;
}

export type StringMatch =
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: 'regex'; readonly value: string };

export interface HeaderMatcher {
  /** Lower case; `:authority`, `:path` and `:method` may be named. */
  readonly name: string;
  /** `range` is start <= value < end on integers; `present` with `value: false` matches absence only. */
  readonly match:
    | StringMatch
    | { readonly kind: 'range'; readonly start: number; readonly end: number }
    | { readonly kind: 'present'; readonly value: boolean };
  readonly invert: boolean;
  readonly treatMissingAsEmpty: boolean;
}

export interface QueryParameterMatcher {
  readonly name: string;
  readonly match: StringMatch | { readonly kind: 'present'; readonly value: boolean };
}

export type RouteAction =
  | ForwardAction
  /** `direct_response`: an HTTP status that becomes a gRPC one. */
  | { readonly kind: 'direct-response'; readonly status: number; readonly body: string }
  /** `non_forwarding_action` (gRFC A36): the call is for the server at hand. */
  | { readonly kind: 'non-forwarding' }
  /** An action we know but do not carry out; a call that meets it fails, naming `reason` (a field path). */
  | { readonly kind: 'unsupported'; readonly reason: string };

export interface ForwardAction {
  readonly kind: 'forward';
  /** One or more; a plain `cluster` is one of weight 1. Weights sum to 1 or more. */
  readonly clusters: readonly WeightedCluster[];
  /** Route `timeout`; `null`: unset or 0, no limit (design section 7: no 15 s that nobody asked for). */
  readonly timeoutMs: number | null;
  /** `max_stream_duration.max_stream_duration`; `null`: the connection manager's; 0: none. */
  readonly maxStreamDurationMs: number | null;
  /** `max_stream_duration.grpc_timeout_header_max`; `null` or 0: no cap. */
  readonly grpcTimeoutMaxMs: number | null;
  /** `host_rewrite_literal`; `null`: the authority passes unchanged. */
  readonly hostRewrite: string | null;
  /** In order; each that finds something adds to the call's hash. */
  readonly hashPolicies: readonly HashPolicy[];
}

/** What of a call says which endpoint takes it, where a cluster balances by hash. */
export type HashPolicy = {
  /** Nothing after it counts once it or one before it has found something. */
  readonly terminal: boolean;
} & (
  | { readonly kind: 'header'; readonly name: string; readonly rewrite: Substitution | null }
  | { readonly kind: 'cookie' | 'query-parameter'; readonly name: string }
  | { readonly kind: 'source-ip' }
  /** The downstream connection (gRFC A42's `io.grpc.channel_id`). */
  | { readonly kind: 'connection' }
);

/** Each match of the RE2 expression is replaced; `\\0` is the match, `\\1` to `\\9` its groups. */
export interface Substitution {
  readonly regex: string;
  readonly replacement: string;
}

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
}
