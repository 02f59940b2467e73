// One route, compiled: what it asks of a call, and what it decides for those it takes.
import type { Fraction, Route } from '../../xds/model/route.ts';
import { quoteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import type { TextTest } from '../grpc/string-match.ts';
import type { CompiledAction } from './compiled-action.ts';
import { type Condition, compileHeaderMatcher, grpcCondition } from './condition.ts';
import type { Decision } from './decision.ts';
import {
  compilePathMatch,
  compileQueryParameter,
  describePathMatch,
  type QueryTest,
  type RequestPath,
} from './request-path.ts';

export class CompiledRoute {
  readonly route: Route;
  /** Place among the routes of its virtual host. */
  readonly position: number;
  /** What it asks of the fields. */
  readonly conditions: readonly Condition[];
  readonly fraction: Fraction | null;
  readonly #pathTest: TextTest;
  readonly #queries: readonly QueryTest[];
  readonly #action: CompiledAction;

  /** @param action what it decides. */
  constructor(route: Route, position: number, action: CompiledAction) {
    const { match } = route;
    this.route = route;
    this.position = position;
    this.conditions = [...(match.grpcOnly ? [grpcCondition] : []), ...match.headers.map(compileHeaderMatcher)];
    this.fraction = match.runtimeFraction;
    this.#pathTest = compilePathMatch(match);
    this.#queries = match.queryParameters.map(compileQueryParameter);
    this.#action = action;
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
  decide(head: CallHead, random: () => number): Decision {
    return this.#action.decide(head, random);
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
