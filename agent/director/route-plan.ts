// What is left to decide about calls of one shape under one route table, once everything that the shape fixes has been
// looked at; and where such plans hang.
import type { CallHead } from '../grpc/call-head.ts';
import type { HeaderShapes, Shape, ShapeMemo } from '../http2/index.ts';
import type { CompiledRoute } from './compiled-route.ts';
import type { Condition } from './condition.ts';
import type { Decision } from './decision.ts';

/** A route that may take the call, and what it depends on: conditions on holes, and its fraction. */
interface RouteStep {
  readonly route: CompiledRoute;
  readonly conditions: readonly Condition[];
}

/** Steps in order, and the decision when none takes the call. */
export interface RoutePlan {
  readonly steps: readonly RouteStep[];
  readonly otherwise: Decision;
}

/** Leaves out what `head`'s shape settles: `candidates` are the routes that match its path. */
export function planRoutes(candidates: readonly CompiledRoute[], head: CallHead, otherwise: Decision): RoutePlan {
  const { shape } = head.block;
  const steps: RouteStep[] = [];
  for (const route of candidates) {
    const open = route.conditions.filter((condition) => !condition.isFixedIn(shape));
    const settled = route.conditions.filter((condition) => condition.isFixedIn(shape));
    if (!settled.every((condition) => condition.holds(head))) continue;
    steps.push({ route, conditions: open });
    if (open.length === 0 && route.fraction === null) break;
  }
  return { steps, otherwise };
}

export function followPlan({ steps, otherwise }: RoutePlan, head: CallHead, random: () => number): Decision {
  for (let i = 0; i < steps.length; i++) {
    const { route, conditions } = steps[i]!;
    if (allHold(conditions, head) && route.isDrawn(random)) return route.decide(head, random);
  }
  return otherwise;
}

export function allHold(conditions: readonly Condition[], head: CallHead): boolean {
  for (let i = 0; i < conditions.length; i++) if (!conditions[i]!.holds(head)) return false;
  return true;
}

/** Plans of one shape, by the number of their table. */
export class PlansOfShape {
  readonly #tables: number[] = [];
  readonly #plans: RoutePlan[] = [];
  #next = 0;

  get(table: number): RoutePlan | undefined {
    const tables = this.#tables;
    for (let i = 0; i < tables.length; i++) if (tables[i] === table) return this.#plans[i];
    return undefined;
  }

  set(table: number, plan: RoutePlan): void {
    this.#tables[this.#next] = table;
    this.#plans[this.#next] = plan;
    this.#next = (this.#next + 1) % MAX_TABLES;
  }
}

/** Tables whose plans a shape keeps, replaced ones among them; more than that take turns. */
const MAX_TABLES = 8;

/** The plans of all tables of one data plane: one memo, since a table comes with every change of configuration. */
export class RoutePlans {
  readonly #memo: ShapeMemo<PlansOfShape>;
  #tables = 0;

  constructor(shapes: HeaderShapes) {
    this.#memo = shapes.memo<PlansOfShape>();
  }

  /** A number for one more table, never given twice. */
  addTable(): number {
    return this.#tables++;
  }

  of(shape: Shape): PlansOfShape | undefined {
    return this.#memo.get(shape);
  }

  /** Begins to keep plans for a shape. */
  begin(shape: Shape): void {
    this.#memo.set(shape, new PlansOfShape());
  }
}
