// Which resources a resource names.
import type { Cluster } from './model/cluster.ts';
import type { Listener } from './model/listener.ts';
import type { RouteAction, RouteConfiguration } from './model/route.ts';

// A resource never changes, so what it names is found once.
const clustersByRoutes = new WeakMap<RouteConfiguration, ReadonlySet<string>>();

export function clustersNamedBy(config: RouteConfiguration): ReadonlySet<string> {
  let names = clustersByRoutes.get(config);
  if (names === undefined) {
    names = new Set(config.virtualHosts.flatMap(({ routes }) => routes.flatMap(({ action }) => clustersOf(action))));
    clustersByRoutes.set(config, names);
  }
  return names;
}

/** Which cluster a field names is known only when a call comes. */
function clustersOf(action: RouteAction): string[] {
  if (action.kind !== 'forward' || 'field' in action.clusters) return [];
  return action.clusters.map(({ name }) => name);
}

/** Names of RDS resources. */
export function routesNamedBy(listener: Listener): string[] {
  return routeSources(listener).flatMap((source) => (source.kind === 'rds' ? [source.name] : []));
}

/** Route configurations inside the listener. */
export function inlineRoutesOf(listener: Listener): RouteConfiguration[] {
  return routeSources(listener).flatMap((source) => (source.kind === 'inline' ? [source.config] : []));
}

/** The name under which a cluster's endpoints are emitted; `null` where they are inside it, or there are none. */
export function endpointsNamedBy({ name, discovery }: Cluster): string | null {
  switch (discovery.kind) {
    case 'eds':
      return discovery.serviceName;
    case 'strict-dns':
      return name;
    case 'static':
    case 'unsupported':
      return null;
  }
}

function routeSources({ filterChains, defaultFilterChain, api }: Listener) {
  const chains = defaultFilterChain === null ? filterChains : [...filterChains, defaultFilterChain];
  const sources = chains.map(({ http }) => http.routes);
  return api === undefined ? sources : [...sources, api.routes];
}
