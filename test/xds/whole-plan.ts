// What the planner is held against: the same rules over the whole configuration in each step, with nothing remembered
// but what was emitted. Costs what there is, and is plain enough to be believed.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import type { Listener } from '../../xds/model/listener.ts';
import type { ConfigUpdate, ResourceName, ServingResource } from '../../xds/model/resource.ts';
import type { RouteConfiguration } from '../../xds/model/route.ts';
import { clustersNamedBy, endpointsNamedBy, inlineRoutesOf, routesNamedBy } from '../../xds/references.ts';

/** `undefined`: may still come. `null`: there is none. */
export type Found<T> = T | null | undefined;

export interface Wish {
  /** What LDS and CDS say; `undefined` before they have said anything. */
  readonly listeners: ReadonlyMap<string, Listener> | undefined;
  readonly clusters: ReadonlyMap<string, Cluster> | undefined;
  readonly route: (name: string) => Found<RouteConfiguration>;
  /** Of a cluster whose endpoints are not inside it. There is always an answer in the end, if an empty one. */
  readonly endpoints: (cluster: Cluster) => ClusterEndpoints | undefined;
  /** Whether a held or withheld resource (see `Plan`) has waited long enough. */
  readonly isPatienceOver: (resource: ServingResource) => boolean;
}

/** By name. */
export interface Emitted {
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, ClusterEndpoints>;
}

export interface Plan {
  readonly update: ConfigUpdate;
  readonly emitted: Emitted;
  /** Nothing that is wanted still waits. */
  readonly isSettled: boolean;
  /**
   * Wait for patience to end. Routes and listeners that would move traffic to a cluster which CDS has not named yet
   * (a server may send RDS before CDS), and clusters which CDS has dropped but a route still names (Istio sends CDS
   * before RDS).
   */
  readonly waiting: readonly ServingResource[];
}

export function planUpdate(wish: Wish, before: Emitted): Plan {
  const listeners = new Map(before.listeners);
  const routes = new Map(before.routes);
  const clusters = new Map(before.clusters);
  const endpoints = new Map(before.endpoints);
  const upsert: ServingResource[] = [];
  const remove: ResourceName[] = [];
  const waiting: ServingResource[] = [];
  let isSettled = wish.listeners !== undefined && wish.clusters !== undefined;

  function upsertEndpoints(cluster: Cluster): boolean {
    const name = endpointsNamedBy(cluster);
    if (name === null) return true;
    const value = wish.endpoints(cluster);
    if (value === undefined) return false;
    if (endpoints.get(name) !== value) {
      endpoints.set(name, value);
      upsert.push({ type: 'endpoints', value });
    }
    return true;
  }

  function addClusters(): void {
    const warm: Cluster[] = [];
    for (const cluster of wish.clusters?.values() ?? []) {
      if (upsertEndpoints(cluster)) warm.push(cluster);
      else isSettled = false;
    }
    // What is in use gets its new endpoints also while a newer version of it waits, or after it was dropped.
    for (const cluster of clusters.values()) {
      const wanted = wish.clusters?.get(cluster.name);
      if (wanted === undefined || !warm.includes(wanted)) upsertEndpoints(cluster);
    }
    for (const cluster of warm) {
      if (clusters.get(cluster.name) === cluster) continue;
      clusters.set(cluster.name, cluster);
      upsert.push({ type: 'cluster', value: cluster });
    }
  }

  /**
   * Whether traffic may go by `config`. Clusters that are on their way are waited for. Those that CDS does not name
   * are waited for, until patience ends, where traffic flows already (`predecessors`) and does not go there yet.
   */
  function areClustersThere(
    config: RouteConfiguration,
    hasPredecessor: boolean,
    predecessors: readonly RouteConfiguration[],
    resource: ServingResource,
  ): boolean {
    const missing = [...clustersNamedBy(config)].filter((name) => !clusters.has(name));
    if (missing.length === 0) return true;
    if (wish.clusters === undefined || missing.some((name) => wish.clusters?.has(name))) return false;
    if (!hasPredecessor) return true;
    const isNews = missing.some((name) => !predecessors.some((old) => clustersNamedBy(old).has(name)));
    if (!isNews || wish.isPatienceOver(resource)) return true;
    waiting.push(resource);
    return false;
  }

  function addRoutes(): void {
    const wanted = [...(wish.listeners?.values() ?? [])];
    const free: RouteConfiguration[] = [];
    for (const name of new Set([...wanted, ...listeners.values()].flatMap(routesNamedBy))) {
      const value = wish.route(name);
      const old = routes.get(name);
      if (value === undefined) isSettled = false;
      if (!value || value === old) continue;
      const serving = wanted.filter(
        (listener) => listeners.has(listener.name) && routesNamedBy(listener).includes(name),
      );
      const resource: ServingResource = { type: 'route', value };
      const predecessors = old === undefined ? serving.flatMap((listener) => configsOf(listener.name)) : [old];
      if (areClustersThere(value, old !== undefined || serving.length > 0, predecessors, resource)) {
        free.push(value);
      } else {
        isSettled = false;
      }
    }
    for (const value of free) {
      routes.set(value.name, value);
      upsert.push({ type: 'route', value });
    }
  }

  /** The route configurations that an emitted listener goes by now. */
  function configsOf(name: string): RouteConfiguration[] {
    const listener = listeners.get(name);
    if (listener === undefined) return [];
    const named = routesNamedBy(listener).flatMap((route) => routes.get(route) ?? []);
    return [...inlineRoutesOf(listener), ...named];
  }

  function addListeners(): void {
    for (const value of wish.listeners?.values() ?? []) {
      if (value.unsupported !== undefined || listeners.get(value.name) === value) continue;
      const resource: ServingResource = { type: 'listener', value };
      const hasRoutes = routesNamedBy(value).every((name) => routes.has(name) || wish.route(name) === null);
      const old = configsOf(value.name);
      const isReady =
        hasRoutes &&
        inlineRoutesOf(value).every((config) => areClustersThere(config, listeners.has(value.name), old, resource));
      if (isReady) {
        listeners.set(value.name, value);
        upsert.push(resource);
      } else {
        isSettled = false;
      }
    }
  }

  function removeUnnamed(): void {
    for (const name of listeners.keys()) {
      const wanted = wish.listeners?.get(name);
      if (wish.listeners === undefined || (wanted !== undefined && wanted.unsupported === undefined)) continue;
      listeners.delete(name);
      remove.push({ type: 'listener', name });
    }
    const usedRoutes = new Set([...listeners.values(), ...(wish.listeners?.values() ?? [])].flatMap(routesNamedBy));
    for (const name of routes.keys()) {
      if (usedRoutes.has(name) && wish.route(name) !== null) continue;
      routes.delete(name);
      remove.push({ type: 'route', name });
    }
    const configs = [...routes.values(), ...[...listeners.values()].flatMap(inlineRoutesOf)];
    const usedClusters = new Set(configs.flatMap((config) => [...clustersNamedBy(config)]));
    for (const [name, value] of clusters) {
      if (wish.clusters === undefined || wish.clusters.has(name)) continue;
      const resource: ServingResource = { type: 'cluster', value };
      if (usedClusters.has(name) && !wish.isPatienceOver(resource)) {
        waiting.push(resource);
        continue;
      }
      clusters.delete(name);
      remove.push({ type: 'cluster', name });
    }
    const usedEndpoints = new Set([...clusters.values()].map(endpointsNamedBy));
    for (const name of endpoints.keys()) {
      if (usedEndpoints.has(name)) continue;
      endpoints.delete(name);
      remove.push({ type: 'endpoints', name });
    }
  }

  addClusters();
  addRoutes();
  addListeners();
  removeUnnamed();
  return { update: { upsert, remove }, emitted: { listeners, routes, clusters, endpoints }, isSettled, waiting };
}
