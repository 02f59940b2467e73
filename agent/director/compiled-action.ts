// What a route decides for the calls it takes: one decision for each cluster that can be drawn, or the one there is.
import type { FilterOverrides } from '../../xds/model/http-filter.ts';
import type { ForwardAction, Route, RouteAction, RouteConfiguration, WeightedCluster } from '../../xds/model/route.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { status, statusName, statusOfHttp } from '../grpc/status.ts';
import type { CallPolicy, Decision, RouteTraits } from './decision.ts';
import { compileHashPolicies } from './hash-policy.ts';
import { HeadRewrite, type RewriteEdits } from './head-rewrite.ts';
import type { MutationCompiler } from './header-mutation.ts';
import { compileRedirect } from './redirect.ts';

/** A level of a route configuration. */
type Level = Pick<RouteConfiguration, 'mutations' | 'filterOverrides'>;

/** What the actions of one route configuration are compiled with. */
export interface ActionDeps {
  readonly config: Level & Pick<RouteConfiguration, 'mostSpecificMutationsWin'>;
  readonly mutations: MutationCompiler;
  readonly edits: RewriteEdits;
}

export interface CompiledAction {
  decide(head: CallHead, random: () => number): Decision;
}

/** @param where the route stands, for messages. */
export function compileAction(route: Route, virtualHost: Level, where: string, deps: ActionDeps): CompiledAction {
  const { action } = route;
  const traitsOf = (of: ClusterPart | null): RouteTraits => ({
    rewrite: compileRewrite(route, virtualHost, of, deps),
    filterOverrides: mergeOverrides([deps.config, virtualHost, route, of]),
  });
  switch (action.kind) {
    case 'forward':
      return compileForward(action, traitsOf, where);
    case 'redirect': {
      const locate = compileRedirect(action, route.match.path);
      const traits = traitsOf(null);
      return {
        decide: (head) => ({
          kind: 'reject',
          // As Envoy answers gRPC (envoy-behaviours 5.5).
          status: status.UNKNOWN,
          message: '',
          flag: '-',
          route: traits,
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
        route: traitsOf(null),
        http: { status: action.status, body: action.body, fields: [] },
      });
    case 'reject': {
      const { status: code, message } = action;
      return always({ kind: 'reject', status: code, message, flag: '-', route: traitsOf(null), http: null });
    }
    case 'non-forwarding':
      return always({ kind: 'local' });
    case 'unsupported':
      return always(unavailable(`${where} can't be carried out: ${action.reason}`));
  }
}

/** What a weighted cluster brings of its own. */
type ClusterPart = Omit<WeightedCluster, 'name' | 'weight'>;

function compileForward(
  action: ForwardAction,
  traitsOf: (of: ClusterPart | null) => RouteTraits,
  where: string,
): CompiledAction {
  const { timeoutMs, maxStreamDurationMs, grpcTimeoutMaxMs, retry } = action;
  const common = {
    timeoutMs,
    maxStreamDurationMs,
    grpcTimeoutMaxMs,
    retry,
    hash: compileHashPolicies(action.hashPolicies),
    unknownClusterStatus: statusOfHttp(action.clusterNotFoundStatus),
  };
  if ('field' in action.clusters) {
    const { field } = action.clusters;
    const policy: CallPolicy = { ...common, ...traitsOf(null) };
    return { decide: ({ block }) => forwardByField(block.value(field), field, policy, where) };
  }
  const clusters = action.clusters.filter(({ weight }) => weight > 0);
  const decisions = clusters.map((cluster): Decision => {
    return { kind: 'forward', cluster: cluster.name, policy: { ...common, ...traitsOf(cluster) } };
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
    route: policy,
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
  virtualHost: Level,
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

/** The most specific level that has rules for a filter counts, so it comes last. */
function mergeOverrides(levels: readonly (Pick<Level, 'filterOverrides'> | null)[]): FilterOverrides | null {
  const own = levels.flatMap((level) => (level === null ? [] : Object.entries(level.filterOverrides ?? {})));
  return own.length === 0 ? null : Object.fromEntries(own);
}

function always(decision: Decision): CompiledAction {
  return { decide: () => decision };
}

/** It may be right again with the next configuration, and nothing was sent: the client may try again. */
function unavailable(message: string): Decision {
  return { kind: 'reject', status: status.UNAVAILABLE, message, flag: 'NR', route: null, http: null };
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
    case 'reject':
      return `rejected with ${statusName(action.status)}`;
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
