// What a route decides for the calls it takes: one decision for each cluster that can be drawn, or the one there is.
import type { ForwardAction, Route, RouteAction, RouteConfiguration, VirtualHost } from '../../xds/model/route.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { status, statusOfHttp } from '../grpc/status.ts';
import type { CallPolicy, Decision } from './decision.ts';
import { compileHashPolicies } from './hash-policy.ts';
import { HeadRewrite, type RewriteEdits } from './head-rewrite.ts';
import type { MutationCompiler } from './header-mutation.ts';
import { compileRedirect } from './redirect.ts';

/** What the actions of one route configuration are compiled with. */
export interface ActionDeps {
  readonly config: Pick<RouteConfiguration, 'mutations' | 'mostSpecificMutationsWin'>;
  readonly mutations: MutationCompiler;
  readonly edits: RewriteEdits;
}

export interface CompiledAction {
  decide(head: CallHead, random: () => number): Decision;
}

/** @param where the route stands, for messages. */
export function compileAction(
  route: Route,
  virtualHost: Pick<VirtualHost, 'mutations'>,
  where: string,
  deps: ActionDeps,
): CompiledAction {
  const { action } = route;
  const rewriteOf = (of: ClusterPart | null): HeadRewrite | null => compileRewrite(route, virtualHost, of, deps);
  switch (action.kind) {
    case 'forward':
      return compileForward(action, rewriteOf, where);
    case 'redirect': {
      const locate = compileRedirect(action, route.match.path);
      const rewrite = rewriteOf(null);
      return {
        decide: (head) => ({
          kind: 'reject',
          // As Envoy answers gRPC (envoy-behaviours 5.5).
          status: status.UNKNOWN,
          message: '',
          flag: '-',
          rewrite,
          http: { status: action.status, body: '', fields: [['location', locate(head)]] },
        }),
      };
    }
    case 'direct-response':
      // The body is the message (envoy-behaviours 6.1, 6.2).
      return always({
        kind: 'reject',
        status: statusOfHttp(action.status),
        message: action.body,
        flag: '-',
        rewrite: rewriteOf(null),
        http: { status: action.status, body: action.body, fields: [] },
      });
    case 'non-forwarding':
      return always({ kind: 'local' });
    case 'unsupported':
      return always(unavailable(`${where} can't be carried out: ${action.reason}`));
  }
}

/** What a weighted cluster brings of its own. */
type ClusterPart = Pick<Extract<ForwardAction['clusters'], readonly unknown[]>[number], 'mutations' | 'hostRewrite'>;

function compileForward(
  action: ForwardAction,
  rewriteOf: (of: ClusterPart | null) => HeadRewrite | null,
  where: string,
): CompiledAction {
  const { timeoutMs, maxStreamDurationMs, grpcTimeoutMaxMs } = action;
  const common = {
    timeoutMs,
    maxStreamDurationMs,
    grpcTimeoutMaxMs,
    hash: compileHashPolicies(action.hashPolicies),
    unknownClusterStatus: statusOfHttp(action.clusterNotFoundStatus),
  };
  if ('field' in action.clusters) {
    const { field } = action.clusters;
    const policy: CallPolicy = { ...common, rewrite: rewriteOf(null) };
    return { decide: ({ block }) => forwardByField(block.value(field), field, policy, where) };
  }
  const clusters = action.clusters.filter(({ weight }) => weight > 0);
  const decisions = clusters.map((cluster): Decision => {
    return { kind: 'forward', cluster: cluster.name, policy: { ...common, rewrite: rewriteOf(cluster) } };
  });
  const [only] = decisions;
  if (only === undefined) return always(unavailable(`${where} names no cluster of weight 1 or more`));
  return decisions.length === 1
    ? always(only)
    : new DrawnDecision(
        decisions,
        clusters.map(({ weight }) => weight),
      );
}

/** Absent or empty, it names a cluster that is not known (envoy-behaviours 6.3). */
function forwardByField(cluster: string | null, field: string, policy: CallPolicy, where: string): Decision {
  if (cluster !== null && cluster !== '') return { kind: 'forward', cluster, policy };
  const message = `${where} goes by ${field}, which names no cluster`;
  return {
    kind: 'reject',
    status: policy.unknownClusterStatus,
    message,
    flag: 'NC',
    rewrite: policy.rewrite,
    http: null,
  };
}

class DrawnDecision implements CompiledAction {
  readonly #decisions: readonly Decision[];
  /** For each decision, the sum of the weights up to it. */
  readonly #sums: readonly number[];
  readonly #total: number;

  constructor(decisions: readonly Decision[], weights: readonly number[]) {
    let sum = 0;
    this.#decisions = decisions;
    this.#sums = weights.map((weight) => {
      sum += weight;
      return sum;
    });
    this.#total = sum;
  }

  decide(_head: CallHead, random: () => number): Decision {
    const drawn = random() * this.#total;
    const sums = this.#sums;
    let at = 0;
    while (at < sums.length - 1 && drawn >= sums[at]!) at++;
    return this.#decisions[at]!;
  }
}

function compileRewrite(
  { name, match, action, mutations }: Route,
  virtualHost: Pick<VirtualHost, 'mutations'>,
  cluster: ClusterPart | null,
  { config, mutations: compiler, edits }: ActionDeps,
): HeadRewrite | null {
  const fromRoute = [mutations, virtualHost.mutations, config.mutations];
  const levels = config.mostSpecificMutationsWin ? fromRoute.toReversed() : fromRoute;
  const forwards = action.kind === 'forward';
  const ownHost = cluster?.hostRewrite ?? null;
  return HeadRewrite.compile(
    {
      routeName: name,
      mutations: compiler.chain([cluster?.mutations ?? null, ...levels]),
      path: forwards ? action.pathRewrite : null,
      // The route's counts before its cluster's (envoy-behaviours 4.6).
      host: (forwards ? action.hostRewrite : null) ?? (ownHost === null ? null : { kind: 'literal', value: ownHost }),
      appendForwardedHost: forwards && action.appendForwardedHost,
      match: match.path,
    },
    edits,
  );
}

function always(decision: Decision): CompiledAction {
  return { decide: () => decision };
}

/** It may be right again with the next configuration, and nothing was sent: the client may try again. */
function unavailable(message: string): Decision {
  return { kind: 'reject', status: status.UNAVAILABLE, message, flag: 'NR', rewrite: null, http: null };
}

/** What calls meet that the route takes. */
export function describeAction(action: RouteAction): string {
  switch (action.kind) {
    case 'forward':
      return describeClusters(action.clusters);
    case 'redirect':
      return `redirected, by HTTP status ${action.status}`;
    case 'direct-response':
      return `answered directly, by HTTP status ${action.status}`;
    case 'non-forwarding':
      return 'given to the handlers of this process';
    case 'unsupported':
      return `refused, for ${action.reason}`;
  }
}

function describeClusters(all: ForwardAction['clusters']): string {
  if ('field' in all) return `forwarded to the cluster that ${all.field} names`;
  const clusters = all.filter(({ weight }) => weight > 0);
  const total = clusters.reduce((sum, { weight }) => sum + weight, 0);
  if (clusters.length === 1) return `forwarded to cluster ${clusters[0]!.name}`;
  return `forwarded to ${clusters.map(({ name, weight }) => `cluster ${name} (${weight} of ${total})`).join(' or ')}`;
}
