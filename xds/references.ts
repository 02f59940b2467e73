// Which resources a resource names.
import type { Cluster, EndpointSocket } from './model/cluster.ts';
import type { FilterChain, Listener } from './model/listener.ts';
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
    case 'logical-dns':
      return name;
    case 'static':
    case 'unsupported':
      return null;
  }
}

function routeSources(listener: Listener) {
  const sources = chainsOf(listener).map(({ http }) => http.routes);
  return listener.api === undefined ? sources : [...sources, listener.api.routes];
}

export function chainsOf({ filterChains, defaultFilterChain }: Listener): readonly FilterChain[] {
  return defaultFilterChain === null ? filterChains : [...filterChains, defaultFilterChain];
}

/** Whether certificates are still to be filled in, so that it can't go to a data plane as it is. */
export function namesSecrets(resource: ClusterOrListener): boolean {
  if (resource.type === 'listener') return chainsOf(resource.value).some(({ tls }) => tls?.secrets !== undefined);
  const { tls, socketMatches = [] } = resource.value;
  const isOpen = (socket: EndpointSocket) => socket.kind === 'tls' && socket.tls.secrets !== undefined;
  return tls?.secrets !== undefined || socketMatches.some(({ socket }) => isOpen(socket));
}

type ClusterOrListener =
  | { readonly type: 'cluster'; readonly value: Cluster }
  | { readonly type: 'listener'; readonly value: Listener };
