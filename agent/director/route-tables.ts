// The route tables of one data plane by name. A listener holds a place in here, not a table: a new configuration is
// swapped in whole and the next call of every connection sees it.
import type { RouteSource } from '../../xds/model/listener.ts';
import type { RouteConfiguration } from '../../xds/model/route.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { status } from '../grpc/status.ts';
import type { HeaderShapes } from '../http2/index.ts';
import type { VirtualHostPart } from '../link.ts';
import type { Decision, Director } from './decision.ts';
import { createRewriteEdits } from './head-rewrite.ts';
import { RoutePlans } from './route-plan.ts';
import { compileRouteTable, RouteTable, type RouteTableDeps } from './route-table.ts';

/** A director whose rules arrive by name, maybe later than the calls. */
export class NamedDirector implements Director {
  readonly name: string;
  table: RouteTable | null = null;

  constructor(name: string) {
    this.name = name;
  }

  direct(head: CallHead): Decision {
    if (this.table !== null) return this.table.direct(head);
    return {
      kind: 'reject',
      status: status.UNAVAILABLE,
      message: `route configuration ${this.name} has not arrived from the control plane`,
      flag: 'NR',
      route: null,
      http: null,
    };
  }

  /** Line by line: which route takes the call, and why each one before it did not. */
  explain(head: CallHead): string[] {
    return this.table?.explain(head) ?? [`route configuration ${this.name} has not arrived from the control plane`];
  }
}

export class RouteTables {
  readonly #deps: RouteTableDeps;
  readonly #directors = new Map<string, NamedDirector>();
  /** What arrives in parts, and does not count yet. */
  readonly #drafts = new Map<string, RouteTable>();

  /** @param random uniform in [0, 1), for fractions and weighted clusters. */
  constructor({ random, shapes }: { readonly random: () => number; readonly shapes: HeaderShapes }) {
    this.#deps = { random, plans: new RoutePlans(shapes), shapes, edits: createRewriteEdits(shapes) };
  }

  upsert(config: RouteConfiguration): void {
    this.#drafts.delete(config.name);
    this.#named(config.name).table = compileRouteTable(config, this.#deps);
  }

  /** A configuration whose virtual hosts follow by `add`, until `end`; what serves under its name goes on meanwhile. */
  begin(config: RouteConfiguration): void {
    this.#drafts.set(config.name, new RouteTable(config, this.#deps));
  }

  add(name: string, parts: readonly VirtualHostPart[]): void {
    this.#drafts.get(name)?.add(parts);
  }

  end(name: string): void {
    const table = this.#drafts.get(name);
    if (table === undefined) return;
    this.#drafts.delete(name);
    this.#named(name).table = table;
  }

  remove(name: string): void {
    this.#drafts.delete(name);
    this.#named(name).table = null;
  }

  /** The director of a connection manager: rules that stand inside the listener, or those that arrive under a name. */
  directorOf(source: Exclude<RouteSource, { kind: 'by-authority' }>): NamedDirector {
    if (source.kind === 'rds') return this.#named(source.name);
    const inline = new NamedDirector(source.config.name);
    inline.table = compileRouteTable(source.config, this.#deps);
    return inline;
  }

  #named(name: string): NamedDirector {
    let director = this.#directors.get(name);
    if (director === undefined) {
      director = new NamedDirector(name);
      this.#directors.set(name, director);
    }
    return director;
  }
}
