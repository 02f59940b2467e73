// The routes of one virtual host, compiled, and found by path: exact ones by hash, the others one after the other.
import type { VirtualHost } from '../../xds/model/route.ts';
import { asciiLower, byteText } from '../grpc/byte-text.ts';
import { type ActionDeps, compileAction } from './compiled-action.ts';
import { CompiledRoute, routeName } from './compiled-route.ts';
import type { RequestPath } from './request-path.ts';
import type { DomainsOwner } from './virtual-host-index.ts';

export class CompiledVirtualHost implements DomainsOwner {
  readonly name: string;
  readonly domains: readonly string[];
  /** In order. */
  readonly routes: readonly CompiledRoute[];
  readonly #exact = new Map<string, CompiledRoute[]>();
  readonly #exactInAnyCase = new Map<string, CompiledRoute[]>();
  readonly #others: readonly CompiledRoute[];

  constructor(virtualHost: VirtualHost, configName: string, deps: ActionDeps) {
    this.name = virtualHost.name;
    this.domains = virtualHost.domains;
    const where = `route configuration ${configName}, virtual host ${virtualHost.name}`;
    this.routes = virtualHost.routes.map((route, position) => {
      const action = compileAction(route, virtualHost, `${where}, ${routeName(route, position)}`, deps);
      return new CompiledRoute(route, position, action);
    });
    this.#others = this.routes.filter((route) => !this.#index(route));
  }

  /** The routes whose path rules that path meets, in order. Routes behind the first that asks nothing more are left out. */
  candidates(path: RequestPath): readonly CompiledRoute[] {
    const exact = this.#exact.get(path.path) ?? NO_ROUTES;
    const inAnyCase =
      this.#exactInAnyCase.size === 0 ? NO_ROUTES : (this.#exactInAnyCase.get(asciiLower(path.path)) ?? NO_ROUTES);
    const found: CompiledRoute[] = [];
    const lists = [exact, inAnyCase, this.#others];
    const at = [0, 0, 0];
    for (;;) {
      let next: CompiledRoute | undefined;
      let from = 0;
      for (let list = 0; list < lists.length; list++) {
        const route = lists[list]![at[list]!];
        if (route === undefined || (next !== undefined && next.position < route.position)) continue;
        next = route;
        from = list;
      }
      if (next === undefined) return found;
      at[from]!++;
      if (!next.matchesPath(path)) continue;
      found.push(next);
      if (next.conditions.length === 0 && next.fraction === null) return found;
    }
  }

  #index(route: CompiledRoute): boolean {
    const { path, caseSensitive } = route.route.match;
    if (path.kind !== 'exact') return false;
    const index = caseSensitive ? this.#exact : this.#exactInAnyCase;
    const key = caseSensitive ? byteText(path.value) : asciiLower(byteText(path.value));
    const known = index.get(key);
    if (known === undefined) index.set(key, [route]);
    else known.push(route);
    return true;
  }
}

const NO_ROUTES: readonly CompiledRoute[] = [];
