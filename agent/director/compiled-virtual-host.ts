// The routes of one virtual host, found by path, and each compiled when it first comes into question: of ten thousand, an
// agent calls a few.
import type { Route, VirtualHost } from '../../xds/model/route.ts';
import { type ActionDeps, compileAction } from './compiled-action.ts';
import { CompiledRoute, routeName } from './compiled-route.ts';
import { PathIndex } from './path-index.ts';
import type { RequestPath } from './request-path.ts';
import type { DomainsOwner } from './virtual-host-index.ts';

export class CompiledVirtualHost implements DomainsOwner {
  readonly name: string;
  readonly domains: readonly string[];
  readonly #level: Pick<VirtualHost, 'mutations' | 'filterOverrides'>;
  readonly #where: string;
  readonly #deps: ActionDeps;
  readonly #routes: Route[] = [];
  readonly #compiled: (CompiledRoute | undefined)[] = [];
  readonly #paths = new PathIndex();

  /** Without routes: these are added. */
  constructor({ name, domains, mutations, filterOverrides }: VirtualHost, configName: string, deps: ActionDeps) {
    this.name = name;
    this.domains = domains;
    this.#level = { mutations, filterOverrides };
    this.#where = `route configuration ${configName}, virtual host ${name}`;
    this.#deps = deps;
  }

  /** Routes behind those that are there. */
  add(routes: readonly Route[]): void {
    for (const route of routes) {
      this.#paths.add(route.match, this.#routes.length);
      this.#routes.push(route);
      this.#compiled.push(undefined);
    }
  }

  /** All routes, in order. */
  *routes(): Generator<CompiledRoute> {
    for (const position of this.#routes.keys()) yield this.#compiled[position] ?? this.#compile(position);
  }

  /** The routes whose path rules that path meets, in order. Routes behind the first that asks nothing more are left out. */
  candidates(path: RequestPath): readonly CompiledRoute[] {
    const lists = this.#paths.find(path.path);
    const at = lists.map(() => 0);
    const found: CompiledRoute[] = [];
    for (;;) {
      let next = Number.POSITIVE_INFINITY;
      let from = -1;
      for (let list = 0; list < lists.length; list++) {
        const position = lists[list]![at[list]!];
        if (position === undefined || position >= next) continue;
        next = position;
        from = list;
      }
      if (from === -1) return found;
      at[from]!++;
      this.#compiled[next] ??= this.#compile(next);
      const route = this.#compiled[next]!;
      if (!route.matchesPath(path)) continue;
      found.push(route);
      if (route.conditions.length === 0 && route.fraction === null) return found;
    }
  }

  #compile(position: number): CompiledRoute {
    const route = this.#routes[position]!;
    const where = `${this.#where}, ${routeName(route, position)}`;
    return new CompiledRoute(route, position, compileAction(route, this.#level, where, this.#deps));
  }
}
