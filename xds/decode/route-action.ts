// What a route does with a call -> RouteAction of the model.
import type { RetryPolicy } from '../model/retry-policy.ts';
import { type ForwardAction, type RouteAction, unchanged, type WeightedCluster } from '../model/route.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeHashPolicies } from './hash-policy.ts';
import { decodeRetryPolicy } from './retry-policy.ts';
import { checkText, decodeHostRewrite, decodePathRewrite, decodeRedirect } from './rewrites.ts';
import { decodeLevel } from './route-level.ts';
import type { RouteActionMessage, RouteMessage, WeightedClusterMessage } from './route-messages.ts';
import { decodeDuration, decodeText, maxUint32 } from './scalars.ts';
import type { Scope } from './validation.ts';

/**
 * `null` after a problem was noted.
 * @param retry of its virtual host, which counts where the action has no policy of its own.
 */
export function decodeRouteAction(
  context: DecodeContext,
  message: RouteMessage,
  retry: RetryPolicy | null,
  scope: Scope,
): RouteAction | null {
  if (message.route !== undefined) return decodeForward(context, message.route, retry, scope.at('route'));
  if (message.non_forwarding_action !== undefined) return { kind: 'non-forwarding' };
  if (message.direct_response !== undefined) {
    return decodeDirectResponse(context, message.direct_response, scope.at('direct_response'));
  }
  if (message.redirect !== undefined) return decodeRedirect(message.redirect, scope.at('redirect'));
  if (message.filter_action !== undefined) {
    return unsupported(scope.at('filter_action'), 'actions of filters are not supported');
  }
  scope.fail('no action is set');
  return null;
}

function unsupported(scope: Scope, text: string): RouteAction {
  return { kind: 'unsupported', reason: scope.unsupported(text) };
}

function decodeDirectResponse(
  context: DecodeContext,
  message: NonNullable<RouteMessage['direct_response']>,
  scope: Scope,
): RouteAction | null {
  const { status } = message;
  if (status < 200 || status > 599) scope.at('status').fail(`${status} is not a final HTTP status`);
  const body = decodeText(context, message.body, scope.at('body'));
  if (body.kind === 'invalid') return null;
  if (body.kind === 'unsupported') return body;
  return { kind: 'direct-response', status, body: body.kind === 'text' ? body.text : '' };
}

function decodeForward(
  context: DecodeContext,
  message: RouteActionMessage,
  inherited: RetryPolicy | null,
  scope: Scope,
): RouteAction | null {
  const timeoutMs = decodeDuration(message.timeout, scope.at('timeout'));
  const limits = message.max_stream_duration;
  const limitsScope = scope.at('max_stream_duration');
  const maxStreamDurationMs = decodeDuration(
    limits?.max_stream_duration ?? null,
    limitsScope.at('max_stream_duration'),
  );
  const grpcTimeoutMaxMs = decodeDuration(
    limits?.grpc_timeout_header_max ?? null,
    limitsScope.at('grpc_timeout_header_max'),
  );
  if (limits !== null && limits.grpc_timeout_header_offset !== null) {
    limitsScope.at('grpc_timeout_header_offset').unsupported('the deadline is not shortened');
  }
  reportUnsupported(message, scope);
  const own = decodeRetryPolicy(message.retry_policy, scope.at('retry_policy'));
  const policy = message.path_rewrite_policy;
  const rewritten = policy === null ? null : scope.at('path_rewrite_policy').unsupported('paths are not rewritten so');
  const clusters = decodeClusters(context, message, scope);
  if (clusters === null) return null;
  if (clusters.kind === 'unsupported') return clusters;
  // With another path than was asked for, the call would reach another method.
  if (rewritten !== null) return { kind: 'unsupported', reason: rewritten };
  return {
    kind: 'forward',
    clusters: clusters.clusters,
    timeoutMs: timeoutMs === 0 ? null : timeoutMs,
    maxStreamDurationMs,
    grpcTimeoutMaxMs,
    retry: message.retry_policy === null ? inherited : own,
    hostRewrite: decodeHostRewrite(message, scope),
    appendForwardedHost: message.append_x_forwarded_host,
    pathRewrite: decodePathRewrite(message, scope),
    clusterNotFoundStatus: decodeClusterNotFound(message, scope.at('cluster_not_found_response_code')),
    hashPolicies: decodeHashPolicies(message.hash_policy, scope),
  };
}

const notFoundStatuses: Readonly<Record<string, number>> = {
  SERVICE_UNAVAILABLE: 503,
  NOT_FOUND: 404,
  INTERNAL_SERVER_ERROR: 500,
};

function decodeClusterNotFound({ cluster_not_found_response_code: code }: RouteActionMessage, scope: Scope): number {
  const status = notFoundStatuses[code];
  if (status === undefined) scope.fail(`unknown value ${code}`);
  return status ?? 503;
}

type DecodedClusters =
  | { readonly kind: 'clusters'; readonly clusters: ForwardAction['clusters'] }
  | { readonly kind: 'unsupported'; readonly reason: string };

function decodeClusters(context: DecodeContext, message: RouteActionMessage, scope: Scope): DecodedClusters | null {
  if (message.cluster !== undefined) {
    if (message.cluster === '') scope.at('cluster').fail('must not be empty');
    return {
      kind: 'clusters',
      clusters: [{ name: message.cluster, weight: 1, ...unchanged, hostRewrite: null }],
    };
  }
  if (message.weighted_clusters !== undefined) {
    return decodeWeighted(context, message.weighted_clusters, scope.at('weighted_clusters'));
  }
  if (message.cluster_header !== undefined) {
    if (message.cluster_header === '') scope.at('cluster_header').fail('must not be empty');
    return { kind: 'clusters', clusters: { field: message.cluster_header.toLowerCase() } };
  }
  if (message.cluster_specifier_plugin !== undefined || message.inline_cluster_specifier_plugin !== undefined) {
    const reason = scope.at('cluster_specifier_plugin').unsupported('cluster specifier plugins are not supported');
    return { kind: 'unsupported', reason };
  }
  scope.fail('no cluster specifier that we know is set');
  return null;
}

/** Weights sum to 1 to 2^32-1 (gRFC A28). A cluster of weight 0 is never chosen, so it is left out. */
function decodeWeighted(context: DecodeContext, message: WeightedClusterMessage, scope: Scope): DecodedClusters {
  const clusters: WeightedCluster[] = [];
  let sum = 0;
  let reason: string | null = null;
  for (const [index, entry] of message.clusters.entries()) {
    const at = scope.item('clusters', index);
    const weight = entry.weight?.value ?? 0;
    sum += weight;
    if (entry.name === '' && entry.cluster_header !== '') {
      reason = at.at('cluster_header').unsupported('a cluster named by a header is not supported');
    } else if (entry.name === '') at.at('name').fail('must not be empty');
    else if (entry.cluster_header !== '') at.at('cluster_header').fail('not allowed together with name');
    const hostRewrite = entry.host_rewrite_literal ?? '';
    checkText(hostRewrite, at.at('host_rewrite_literal'));
    if (entry.metadata_match !== null) at.at('metadata_match').unsupported('subsets are not carried out');
    const level = decodeLevel(context, entry, at);
    if (weight > 0) {
      clusters.push({ name: entry.name, weight, ...level, hostRewrite: hostRewrite === '' ? null : hostRewrite });
    }
  }
  if (message.clusters.length === 0) scope.at('clusters').fail('must not be empty');
  else if (sum === 0) scope.at('clusters').fail('the weights sum to 0');
  else if (sum > maxUint32) scope.at('clusters').fail(`the weights sum to ${sum}, above ${maxUint32}`);
  return reason === null ? { kind: 'clusters', clusters } : { kind: 'unsupported', reason };
}

function reportUnsupported(message: RouteActionMessage, scope: Scope): void {
  if (message.hedge_policy !== null) scope.at('hedge_policy').unsupported('calls are not hedged');
  if (message.request_mirror_policies.length > 0) {
    scope.at('request_mirror_policies').unsupported('calls are not mirrored');
  }
  if (message.metadata_match !== null) scope.at('metadata_match').unsupported('subsets are not carried out');
  if (message.priority !== 'DEFAULT') scope.at('priority').unsupported('all calls share one set of limits');
  const idle = message.idle_timeout;
  if (idle !== null && (idle.seconds !== 0 || idle.nanos !== 0)) {
    scope.at('idle_timeout').unsupported('idle calls are not ended');
  }
}
