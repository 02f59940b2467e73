// One route, compiled: what it asks of a call, and what it decides for those it takes.
import type { Fraction, Route, RouteAction, WeightedCluster } from '../../xds/model/route.ts';
import { status, statusOfHttp } from '../grpc/status.ts';
import { quoteText } from './byte-text.ts';
import { type Condition, compileHeaderMatcher, grpcCondition } from './condition.ts';
import type { CallPolicy, Decision } from './decision.ts';
import { compileHashPolicies } from './hash-policy.ts';
import {
  compilePathMatch,
  compileQueryParameter,
  describePathMatch,
  type QueryTest,
  type RequestPath,
} from './request-path.ts';
import type { TextTest } from './string-match.ts';

export class CompiledRoute {
  readonly route: Route;
  /** Place among the routes of its virtual host. */
  readonly position: number;
  /** What it asks of the fields. */
  readonly conditions: readonly Condition[];
  readonly fraction: Fraction | null;
  readonly #pathTest: TextTest;
  readonly #queries: readonly QueryTest[];
  /** What it decides; several only for weighted clusters. */
  readonly #decisions: readonly Decision[];
  /** For each decision, the sum of the weights up to it. */
  readonly #weightSums: readonly number[];
  readonly #totalWeight: number;

  constructor(route: Route, position: number, where: string) {
    const { match, action } = route;
    this.route = route;
    this.position = position;
    this.conditions = [...(match.grpcOnly ? [grpcCondition] : []), ...match.headers.map(compileHeaderMatcher)];
    this.fraction = match.runtimeFraction;
    this.#pathTest = compilePathMatch(match);
    this.#queries = match.queryParameters.map(compileQueryParameter);
    const clusters = weightedClusters(action);
    this.#decisions = decisionsOf(action, clusters, `${where}, ${routeName(route, position)}`);
    let sum = 0;
    this.#weightSums = clusters.map(({ weight }) => {
      sum += weight;
      return sum;
    });
    this.#totalWeight = sum;
  }

  /** Everything but the fields and the fraction. */
  matchesPath({ path, query }: RequestPath): boolean {
    return this.#pathTest(path) && this.#queries.every((test) => test.holds(query));
  }

  /** Draws for `runtime_fraction`. */
  isDrawn(random: () => number): boolean {
    return this.fraction === null || random() * this.fraction.denominator < this.fraction.numerator;
  }

  /** Draws among weighted clusters. */
  decide(random: () => number): Decision {
    const decisions = this.#decisions;
    if (decisions.length === 1) return decisions[0]!;
    const drawn = random() * this.#totalWeight;
    const sums = this.#weightSums;
    let at = 0;
    while (at < sums.length - 1 && drawn >= sums[at]!) at++;
    return decisions[at]!;
  }

  /** The first thing about the path that rules a call out, as in "the path must …"; `null` when nothing does. */
  pathComplaint({ path, query }: RequestPath): string | null {
    if (!this.#pathTest(path)) return `the path must ${describePathMatch(this.route.match)}`;
    const broken = this.#queries.find((test) => !test.holds(query));
    return broken === undefined ? null : `the path must ${broken.requirement}`;
  }
}

/** As in "route 3 (canary)", counted from 1. */
export function routeName(route: Route, position: number): string {
  return route.name === '' ? `route ${position + 1}` : `route ${position + 1} (${quoteText(route.name)})`;
}

/** What calls meet that the route takes. */
export function describeAction(action: RouteAction): string {
  switch (action.kind) {
    case 'forward': {
      const clusters = weightedClusters(action);
      const total = clusters.reduce((sum, { weight }) => sum + weight, 0);
      if (clusters.length === 1) return `forwarded to cluster ${clusters[0]!.name}`;
      return `forwarded to ${clusters.map(({ name, weight }) => `cluster ${name} (${weight} of ${total})`).join(' or ')}`;
    }
    case 'direct-response':
      return `answered directly, by HTTP status ${action.status}`;
    case 'non-forwarding':
      return 'given to the handlers of this process';
    case 'unsupported':
      return `refused, for ${action.reason}`;
  }
}

/** The clusters that can be drawn; none for other actions. */
function weightedClusters(action: RouteAction): readonly WeightedCluster[] {
  return action.kind === 'forward' ? action.clusters.filter(({ weight }) => weight > 0) : [];
}

function decisionsOf(action: RouteAction, clusters: readonly WeightedCluster[], where: string): readonly Decision[] {
  switch (action.kind) {
    case 'forward': {
      const { timeoutMs, maxStreamDurationMs, grpcTimeoutMaxMs, hostRewrite } = action;
      const hash = compileHashPolicies(action.hashPolicies);
      const policy: CallPolicy = { timeoutMs, maxStreamDurationMs, grpcTimeoutMaxMs, hostRewrite, hash };
      if (clusters.length === 0) return [unavailable(`${where} names no cluster of weight 1 or more`)];
      return clusters.map(({ name }): Decision => ({ kind: 'forward', cluster: name, policy }));
    }
    case 'direct-response':
      // The body is the message (envoy-behaviours 6.1, 6.2).
      return [{ kind: 'reject', status: statusOfHttp(action.status), message: action.body, flag: '-' }];
    case 'non-forwarding':
      return [{ kind: 'local' }];
    case 'unsupported':
      return [unavailable(`${where} can't be carried out: ${action.reason}`)];
  }
}

/** It may be right again with the next configuration, and nothing was sent: the client may try again. */
function unavailable(message: string): Decision {
  return { kind: 'reject', status: status.UNAVAILABLE, message, flag: 'NR' };
}
