// RouteConfiguration to envoy.config.route.v3.RouteConfiguration; the mirror of decode/route.ts.
import { type RetryPolicy, unansweredCauses } from '../model/retry-policy.ts';
import type { ForwardAction, HashPolicy, Route, RouteAction, RouteConfiguration } from '../model/route.ts';
import { encodeHeaderMutations } from './header-mutations.ts';
import { encodeFilterOverrides } from './http-filters.ts';
import type { Pack } from './pack.ts';
import { encodeHostRewrite, encodePathRewrite, encodeRedirect, encodeSubstitution } from './rewrites.ts';
import { encodeMatch } from './route-match.ts';
import { encodeDuration, encodeOptionalDuration, encodeWrapper } from './values.ts';

/** Throws on an action of kind `unsupported`: that is what a decoder makes of something it cannot express. */
export function encodeRouteConfiguration(config: RouteConfiguration, pack: Pack): object {
  return {
    name: config.name,
    virtual_hosts: config.virtualHosts.map(({ name, domains, routes, mutations, filterOverrides }) => ({
      name,
      domains,
      routes: routes.map((route) => encodeRoute(route, pack)),
      ...encodeHeaderMutations(mutations),
      typed_per_filter_config: encodeFilterOverrides(filterOverrides, pack),
    })),
    ignore_port_in_host_matching: config.ignorePortInHostMatching,
    ...encodeHeaderMutations(config.mutations),
    typed_per_filter_config: encodeFilterOverrides(config.filterOverrides, pack),
    most_specific_header_mutations_wins: config.mostSpecificMutationsWin,
  };
}

function encodeRoute({ name, match, action, mutations, filterOverrides }: Route, pack: Pack): object {
  return {
    name,
    match: encodeMatch(match),
    ...encodeAction(name, action, pack),
    ...encodeHeaderMutations(mutations),
    typed_per_filter_config: encodeFilterOverrides(filterOverrides, pack),
  };
}

function encodeAction(route: string, action: RouteAction, pack: Pack): object {
  switch (action.kind) {
    case 'forward':
      return { route: encodeForward(action, pack) };
    case 'redirect':
      return { redirect: encodeRedirect(action) };
    case 'direct-response':
      return { direct_response: { status: action.status, body: { inline_string: action.body } } };
    case 'non-forwarding':
      return { non_forwarding_action: {} };
    case 'reject':
      throw new TypeError(`route ${route} cannot be encoded: it answers with a gRPC status`);
    case 'unsupported':
      throw new TypeError(`route ${route} cannot be encoded: ${action.reason}`);
  }
}

function encodeForward(action: ForwardAction, pack: Pack): object {
  const { maxStreamDurationMs, grpcTimeoutMaxMs } = action;
  const limitsStreams = maxStreamDurationMs !== null || grpcTimeoutMaxMs !== null;
  return {
    ...encodeClusters(action.clusters, pack),
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
    retry_policy: encodeRetryPolicy(action.retry),
    cluster_not_found_response_code: notFoundCodes[action.clusterNotFoundStatus],
    hash_policy: action.hashPolicies.map(encodeHashPolicy),
  };
}

/** The mirror of decode/retry-policy.ts, as far as `retry_on` has words for it. */
function encodeRetryPolicy(policy: RetryPolicy | null): object | null {
  if (policy === null) return null;
  const causes = policy.statuses.flatMap((status) => retryCauses[status] ?? []);
  if (policy.httpStatuses.length > 0) causes.push('retriable-status-codes');
  const unanswered = policy.unanswered === 'by-status' ? unansweredCauses : policy.unanswered;
  causes.push(...unanswered.map((cause) => unansweredWords[cause]));
  return {
    retry_on: causes.join(','),
    num_retries: encodeWrapper(policy.maxAttempts - 1),
    retriable_status_codes: policy.httpStatuses,
    retry_back_off: {
      base_interval: encodeDuration(policy.initialBackoffMs),
      max_interval: encodeDuration(policy.maxBackoffMs),
    },
  };
}

const retryCauses: Readonly<Record<number, string>> = {
  1: 'cancelled',
  4: 'deadline-exceeded',
  8: 'resource-exhausted',
  13: 'internal',
  14: 'unavailable',
};

/** The last one stands for all three. */
const unansweredWords = { unconnected: 'connect-failure', refused: 'refused-stream', reset: 'reset' } as const;

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

function encodeClusters(clusters: ForwardAction['clusters'], pack: Pack): object {
  if ('field' in clusters) return { cluster_header: clusters.field };
  const [only] = clusters;
  const isPlain =
    only?.weight === 1 && only.mutations === null && only.filterOverrides === null && only.hostRewrite === null;
  if (clusters.length === 1 && isPlain) return { cluster: only.name };
  return {
    weighted_clusters: {
      clusters: clusters.map(({ name, weight, mutations, filterOverrides, hostRewrite }) => ({
        name,
        weight: encodeWrapper(weight),
        ...encodeHeaderMutations(mutations),
        typed_per_filter_config: encodeFilterOverrides(filterOverrides, pack),
        ...(hostRewrite === null ? {} : { host_rewrite_literal: hostRewrite }),
      })),
    },
  };
}
