// RouteConfiguration to envoy.config.route.v3.RouteConfiguration; the mirror of decode/route.ts.
import type {
  ForwardAction,
  HashPolicy,
  HeaderMatcher,
  PathMatch,
  QueryParameterMatcher,
  Route,
  RouteAction,
  RouteConfiguration,
  RouteMatch,
} from '../model/route.ts';
import { encodeHeaderMutations } from './header-mutations.ts';
import { encodeHostRewrite, encodePathRewrite, encodeRedirect, encodeSubstitution } from './rewrites.ts';
import { encodeDuration, encodeFraction, encodeOptionalDuration, encodeStringMatch, encodeWrapper } from './values.ts';

/** Throws on an action of kind `unsupported`: that is what a decoder makes of something it cannot express. */
export function encodeRouteConfiguration(config: RouteConfiguration): object {
  return {
    name: config.name,
    virtual_hosts: config.virtualHosts.map(({ name, domains, routes, mutations }) => ({
      name,
      domains,
      routes: routes.map(encodeRoute),
      ...encodeHeaderMutations(mutations),
    })),
    ignore_port_in_host_matching: config.ignorePortInHostMatching,
    ...encodeHeaderMutations(config.mutations),
    most_specific_header_mutations_wins: config.mostSpecificMutationsWin,
  };
}

function encodeRoute({ name, match, action, mutations }: Route): object {
  return { name, match: encodeMatch(match), ...encodeAction(name, action), ...encodeHeaderMutations(mutations) };
}

function encodeMatch(match: RouteMatch): object {
  return {
    ...encodePath(match.path),
    case_sensitive: match.caseSensitive ? null : { value: false },
    headers: match.headers.map(encodeHeaderMatcher),
    query_parameters: match.queryParameters.map(encodeQueryParameterMatcher),
    grpc: match.grpcOnly ? {} : null,
    runtime_fraction: match.runtimeFraction === null ? null : { default_value: encodeFraction(match.runtimeFraction) },
  };
}

function encodePath({ kind, value }: PathMatch): object {
  switch (kind) {
    case 'prefix':
      return { prefix: value };
    case 'exact':
      return { path: value };
    case 'regex':
      return { safe_regex: { regex: value } };
    case 'separated-prefix':
      return { path_separated_prefix: value };
  }
}

function encodeHeaderMatcher({ name, match, invert, treatMissingAsEmpty }: HeaderMatcher): object {
  const rest = { name, invert_match: invert, treat_missing_header_as_empty: treatMissingAsEmpty };
  if (match.kind === 'range') return { ...rest, range_match: { start: match.start, end: match.end } };
  if (match.kind === 'present') return { ...rest, present_match: match.value };
  return { ...rest, string_match: encodeStringMatch(match) };
}

function encodeQueryParameterMatcher({ name, match }: QueryParameterMatcher): object {
  return match.kind === 'present'
    ? { name, present_match: match.value }
    : { name, string_match: encodeStringMatch(match) };
}

function encodeAction(route: string, action: RouteAction): object {
  switch (action.kind) {
    case 'forward':
      return { route: encodeForward(action) };
    case 'redirect':
      return { redirect: encodeRedirect(action) };
    case 'direct-response':
      return { direct_response: { status: action.status, body: { inline_string: action.body } } };
    case 'non-forwarding':
      return { non_forwarding_action: {} };
    case 'unsupported':
      throw new TypeError(`route ${route} cannot be encoded: ${action.reason}`);
  }
}

function encodeForward(action: ForwardAction): object {
  const { maxStreamDurationMs, grpcTimeoutMaxMs } = action;
  const limitsStreams = maxStreamDurationMs !== null || grpcTimeoutMaxMs !== null;
  return {
    ...encodeClusters(action.clusters),
    // Unset would mean 15 s to Envoy; 0 is no limit to everyone.
    timeout: encodeDuration(action.timeoutMs ?? 0),
    max_stream_duration: limitsStreams
      ? {
          max_stream_duration: encodeOptionalDuration(maxStreamDurationMs),
          grpc_timeout_header_max: encodeOptionalDuration(grpcTimeoutMaxMs),
        }
      : null,
    ...encodeHostRewrite(action.hostRewrite),
    append_x_forwarded_host: action.appendForwardedHost,
    ...(action.pathRewrite === null ? {} : encodePathRewrite(action.pathRewrite)),
    cluster_not_found_response_code: notFoundCodes[action.clusterNotFoundStatus],
    hash_policy: action.hashPolicies.map(encodeHashPolicy),
  };
}

const notFoundCodes: Readonly<Record<number, string>> = {
  404: 'NOT_FOUND',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
};

function encodeHashPolicy(policy: HashPolicy): object {
  const { terminal } = policy;
  switch (policy.kind) {
    case 'header': {
      const { name, rewrite } = policy;
      const regex_rewrite = rewrite === null ? null : encodeSubstitution(rewrite);
      return { header: { header_name: name, regex_rewrite }, terminal };
    }
    case 'cookie':
      return { cookie: { name: policy.name }, terminal };
    case 'query-parameter':
      return { query_parameter: { name: policy.name }, terminal };
    case 'source-ip':
      return { connection_properties: { source_ip: true }, terminal };
    case 'connection':
      return { filter_state: { key: 'io.grpc.channel_id' }, terminal };
  }
}

function encodeClusters(clusters: ForwardAction['clusters']): object {
  if ('field' in clusters) return { cluster_header: clusters.field };
  const [only] = clusters;
  const isPlain = only?.weight === 1 && only.mutations === null && only.hostRewrite === null;
  if (clusters.length === 1 && isPlain) return { cluster: only.name };
  return {
    weighted_clusters: {
      clusters: clusters.map(({ name, weight, mutations, hostRewrite }) => ({
        name,
        weight: encodeWrapper(weight),
        ...encodeHeaderMutations(mutations),
        ...(hostRewrite === null ? {} : { host_rewrite_literal: hostRewrite }),
      })),
    },
  };
}
