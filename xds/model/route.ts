// Route configurations (envoy.config.route.v3.RouteConfiguration) as the director compiles them.
import type { HeaderMutations } from './header-mutations.ts';
import type { FilterOverrides } from './http-filter.ts';
import type { HeaderMatcher, StringMatch } from './matcher.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface RouteConfiguration {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
  /** `ignore_port_in_host_matching`: only the request's port is ignored, never a domain's. */
  readonly ignorePortInHostMatching: boolean;
  /** `null`: it changes no header; so at each level. */
  readonly mutations: HeaderMutations | null;
  /** Rules of its own for filters; `null`: none. The most specific level that has some for a filter counts. */
  readonly filterOverrides: FilterOverrides | null;
  /**
   * In which order levels change headers: weighted cluster, route, virtual host, configuration; or, where the most
   * specific wins, weighted cluster, configuration, virtual host, route (envoy-behaviours 4.1, 4.2).
   */
  readonly mostSpecificMutationsWin: boolean;
}

export interface VirtualHost {
  readonly name: string;
  /** Exact, `*suffix`, `prefix*` or `*`; unique within the configuration, compared without case. */
  readonly domains: readonly string[];
  /** The first that matches wins. */
  readonly routes: readonly Route[];
  readonly mutations: HeaderMutations | null;
  readonly filterOverrides: FilterOverrides | null;
}

export interface Route {
  /** May be empty. */
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly mutations: HeaderMutations | null;
  readonly filterOverrides: FilterOverrides | null;
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

export interface QueryParameterMatcher {
  readonly name: string;
  readonly match: StringMatch | { readonly kind: 'present'; readonly value: boolean };
}

export type RouteAction =
  | ForwardAction
  | RedirectAction
  /** `direct_response`: an HTTP status that becomes a gRPC one. */
  | { readonly kind: 'direct-response'; readonly status: number; readonly body: string }
  /** A gRPC status (1 to 16) said outright, which no xDS message can: of configuration files. */
  | { readonly kind: 'reject'; readonly status: number; readonly message: string }
  /** `non_forwarding_action` (gRFC A36): the call is for the server at hand. */
  | { readonly kind: 'non-forwarding' }
  /** An action we know but do not carry out; a call that meets it fails, naming `reason` (a field path). */
  | { readonly kind: 'unsupported'; readonly reason: string };

export interface ForwardAction {
  readonly kind: 'forward';
  /** One or more, a plain `cluster` being one of weight 1, and weights sum to 1 or more; or the field that names it. */
  readonly clusters: readonly WeightedCluster[] | ClusterField;
  /** Route `timeout`; `null`: unset or 0, no limit (design section 7: no 15 s that nobody asked for). */
  readonly timeoutMs: number | null;
  /** `max_stream_duration.max_stream_duration`; `null`: the connection manager's; 0: none. */
  readonly maxStreamDurationMs: number | null;
  /** `max_stream_duration.grpc_timeout_header_max`; `null` or 0: no cap. */
  readonly grpcTimeoutMaxMs: number | null;
  /** Of the route, or else of its virtual host; `null`: a call is sent again only where it was not processed. */
  readonly retry: RetryPolicy | null;
  /** `null`: the authority passes unchanged. */
  readonly hostRewrite: HostRewrite | null;
  /** Whether `x-forwarded-host` gets the authority that a rewrite replaces. */
  readonly appendForwardedHost: boolean;
  /** `null`: the path passes unchanged. */
  readonly pathRewrite: PathRewrite | null;
  /** HTTP status of calls to a cluster that is not known: 503, 404 or 500. */
  readonly clusterNotFoundStatus: number;
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
  readonly mutations: HeaderMutations | null;
  readonly filterOverrides: FilterOverrides | null;
  /** The authority, where the route itself rewrites none. */
  readonly hostRewrite: string | null;
}

/** The request's first field of that name, lower case, names the cluster. */
export interface ClusterField {
  readonly field: string;
}

export type HostRewrite =
  | { readonly kind: 'literal'; readonly value: string }
  /** `auto_host_rewrite`: the host name of the endpoint, where it has one. */
  | { readonly kind: 'endpoint' }
  /** The first value of a field, where it has one. */
  | { readonly kind: 'header'; readonly name: string }
  /** What the substitution makes of the path. */
  | ({ readonly kind: 'path-regex' } & Substitution);

export type PathRewrite =
  /** What the route's prefix matched is replaced; all of the path where it matched in another way. */
  { readonly kind: 'prefix'; readonly value: string } | ({ readonly kind: 'regex' } & Substitution);

/** For gRPC UNKNOWN with a `location`; for HTTP one of its redirections. `null`: as it came. */
export interface RedirectAction {
  readonly kind: 'redirect';
  /** HTTP status: 301, 302, 303, 307 or 308. */
  readonly status: number;
  readonly scheme: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly path: PathRewrite | { readonly kind: 'whole'; readonly value: string } | null;
  readonly stripQuery: boolean;
}

/** What a route asks of a call that asks nothing. */
export const anyCall: RouteMatch = {
  path: { kind: 'prefix', value: '/' },
  caseSensitive: true,
  headers: [],
  queryParameters: [],
  grpcOnly: false,
  runtimeFraction: null,
};

/** A level of a route configuration that changes nothing. */
export const unchanged = { mutations: null, filterOverrides: null } as const;

/** Forwards to those clusters and changes nothing on the way, but for what `over` says. */
export function forwardTo(
  clusters: readonly Pick<WeightedCluster, 'name' | 'weight'>[],
  over: Partial<Omit<ForwardAction, 'kind' | 'clusters'>> = {},
): ForwardAction {
  return {
    kind: 'forward',
    clusters: clusters.map(({ name, weight }) => ({ name, weight, ...unchanged, hostRewrite: null })),
    timeoutMs: null,
    maxStreamDurationMs: null,
    grpcTimeoutMaxMs: null,
    retry: null,
    hostRewrite: null,
    appendForwardedHost: false,
    pathRewrite: null,
    clusterNotFoundStatus: 503,
    hashPolicies: [],
    ...over,
  };
}
