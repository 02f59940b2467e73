// The next step from what was emitted to what the control plane wants, so that nothing is named before it is there,
// and nothing goes while it is named (make before break). A step costs what has changed, whatever there is besides.
//
// Upserts go endpoints, clusters, routes, listeners; removals the other way round. Whatever waits for something keeps
// its last emitted version. No timers and no I/O: DependencyManager feeds it, and calls `next` behind a change.
import { Generations } from './generations.ts';
import type { Cluster } from './model/cluster.ts';
import type { ClusterEndpoints } from './model/endpoints.ts';
import type { Listener } from './model/listener.ts';
import type { ConfigUpdate, ResourceName, ServingResource } from './model/resource.ts';
import type { RouteConfiguration } from './model/route.ts';
import { clustersNamedBy, endpointsNamedBy, inlineRoutesOf, namesSecrets, routesNamedBy } from './references.ts';

/** `undefined`: may still come. `null`: there is none. */
export type Found<T> = T | null | undefined;

/** What the planner asks; whatever changes in an answer is said by `touch`. */
export interface PlanSource {
  readonly route: (name: string) => Found<RouteConfiguration>;
  /** Of a cluster whose endpoints are not inside it. There is always an answer in the end, if an empty one. */
  readonly endpoints: (cluster: Cluster) => ClusterEndpoints | undefined;
  /**
   * Whether this very resource has waited long enough; it waits from the first question on. Asked for a route or listener
   * that would move traffic to a cluster which CDS has not named yet (a server may send RDS before CDS), and for a
   * cluster which CDS has dropped but a route still names (Istio sends CDS before RDS).
   */
  readonly hasWaited: (resource: ServingResource) => boolean;
  /** No such resource has anything to wait for. */
  readonly waitsNot: (name: ResourceName) => void;
}

export interface Plan {
  readonly update: ConfigUpdate;
  /** Nothing that is wanted still waits. */
  readonly isSettled: boolean;
}

/** Why traffic may not go by a resource yet. */
type Obstacle =
  /** That one is on its way; until it is there, or not to come, nothing else counts. */
  | { readonly kind: 'cluster'; readonly name: string }
  /** Something that CDS has not named, for as long as it may be waited for. */
  | { readonly kind: 'patience' }
  | { readonly kind: 'route' | 'secret' | 'silence' };

export class UpdatePlanner {
  readonly #source: PlanSource;
  readonly #clusters: Generations<Cluster>;
  readonly #listeners: Generations<Listener>;
  readonly #routes = new Map<string, RouteConfiguration>();
  readonly #endpoints = new Map<string, ClusterEndpoints>();
  /** How many emitted route configurations name a cluster. */
  readonly #clusterUses = new Map<string, number>();

  // What the next step looks at, beside what is dirty in the generations.
  readonly #dirtyRoutes = new Set<string>();
  readonly #dirtyEndpoints = new Set<string>();

  // What is wanted and waits, by name.
  readonly #coldClusters = new Set<string>();
  readonly #unknownRoutes = new Set<string>();
  readonly #heldRoutes = new Map<string, Obstacle>();
  readonly #heldListeners = new Map<string, Obstacle>();

  // Of the step at hand.
  #upsert: ServingResource[] = [];
  #remove: ResourceName[] = [];

  /** @param onNamed told of a route configuration or endpoints that something has begun or ceased to name. */
  constructor(source: PlanSource, onNamed: (type: 'route' | 'endpoints', name: string) => void) {
    this.#source = source;
    this.#clusters = new Generations(endpointsOf, (name) => {
      this.#dirtyEndpoints.add(name);
      onNamed('endpoints', name);
    });
    this.#listeners = new Generations(routesNamedBy, (name) => {
      this.#dirtyRoutes.add(name);
      onNamed('route', name);
    });
  }

  /** What CDS says, from one answer to the next. */
  wantClusters(changed: Iterable<Cluster>, removed: Iterable<string>): void {
    this.#clusters.want(changed, removed);
  }

  /** What LDS says. */
  wantListeners(changed: Iterable<Listener>, removed: Iterable<string>): void {
    this.#listeners.want(changed, removed);
  }

  /** What the source answers of it has changed. */
  touch({ type, name }: ResourceName): void {
    if (type === 'route') this.#dirtyRoutes.add(name);
    else if (type === 'endpoints') this.#clusters.wakeUsersOf(name);
    else if (type === 'cluster') this.#clusters.dirty.add(name);
    else this.#listeners.dirty.add(name);
  }

  /** Wanted or emitted listeners that name that route configuration. */
  listenersNaming(route: string): ReadonlySet<Listener> {
    return this.#listeners.usersOf(route);
  }

  /** Wanted or emitted clusters whose endpoints come under that name. */
  clustersNaming(endpoints: string): ReadonlySet<Cluster> {
    return this.#clusters.usersOf(endpoints);
  }

  isWanted(cluster: Cluster): boolean {
    return this.#clusters.wanted?.get(cluster.name) === cluster;
  }

  next(): Plan {
    this.#upsert = [];
    this.#remove = [];
    this.#addClusters();
    this.#addRoutes();
    this.#addListeners();
    this.#removeListeners();
    this.#removeRoutes();
    this.#removeClusters();
    this.#removeEndpoints();
    for (const dirty of [this.#clusters.dirty, this.#listeners.dirty, this.#dirtyRoutes, this.#dirtyEndpoints]) {
      dirty.clear();
    }
    const waiting = [this.#coldClusters, this.#unknownRoutes, this.#heldRoutes, this.#heldListeners];
    const hasHeard = this.#listeners.wanted !== undefined && this.#clusters.wanted !== undefined;
    return {
      update: { upsert: this.#upsert, remove: this.#remove },
      isSettled: hasHeard && waiting.every(({ size }) => size === 0),
    };
  }

  #addClusters(): void {
    const { dirty, wanted, emitted } = this.#clusters;
    const warm: Cluster[] = [];
    for (const name of dirty) {
      const next = wanted?.get(name);
      const current = emitted.get(name);
      const isOpen = next !== undefined && namesSecrets({ type: 'cluster', value: next });
      const isCold = next !== undefined && (isOpen || !this.#addEndpoints(next));
      if (isCold) this.#coldClusters.add(name);
      else this.#coldClusters.delete(name);
      if (next !== undefined && next !== current && !isCold) warm.push(next);
      // What is in use gets its new endpoints also while a newer version of it waits, or after it was dropped.
      if (current !== undefined && (next === undefined || isCold)) this.#addEndpoints(current);
    }
    for (const value of warm) {
      this.#clusters.emit(value);
      this.#upsert.push({ type: 'cluster', value });
    }
  }

  /** `false`: they may still come. */
  #addEndpoints(cluster: Cluster): boolean {
    const name = endpointsNamedBy(cluster);
    if (name === null) return true;
    const value = this.#source.endpoints(cluster);
    if (value === undefined) return false;
    if (this.#endpoints.get(name) !== value) {
      this.#endpoints.set(name, value);
      this.#upsert.push({ type: 'endpoints', value });
    }
    return true;
  }

  #addRoutes(): void {
    const free: RouteConfiguration[] = [];
    for (const name of this.#open(this.#heldRoutes, this.#dirtyRoutes)) {
      const value = this.#listeners.usersOf(name).size === 0 ? null : this.#source.route(name);
      if (value === undefined) this.#unknownRoutes.add(name);
      else this.#unknownRoutes.delete(name);
      const old = this.#routes.get(name);
      const isNew = value !== undefined && value !== null && value !== old;
      const obstacle = isNew ? this.#obstacleOfRoute(name, value, old) : null;
      this.#hold(this.#heldRoutes, { type: 'route', name }, obstacle);
      if (isNew && obstacle === null) free.push(value);
    }
    // Behind all verdicts, so that none depends on the order in which routes are looked at.
    for (const value of free) {
      this.#count(value, this.#routes.get(value.name));
      this.#routes.set(value.name, value);
      this.#upsert.push({ type: 'route', value });
    }
  }

  #obstacleOfRoute(name: string, value: RouteConfiguration, old: RouteConfiguration | undefined): Obstacle | null {
    const { wanted, emitted } = this.#listeners;
    const users = [...this.#listeners.usersOf(name)];
    const serving = users.filter((listener) => wanted?.get(listener.name) === listener && emitted.has(listener.name));
    const predecessors = old === undefined ? serving.flatMap((listener) => this.#configsOf(listener.name)) : [old];
    const hasPredecessor = old !== undefined || serving.length > 0;
    return this.#obstacleOf(value, hasPredecessor, predecessors, { type: 'route', value });
  }

  /** The route configurations that an emitted listener goes by now. */
  #configsOf(name: string): RouteConfiguration[] {
    const listener = this.#listeners.emitted.get(name);
    if (listener === undefined) return [];
    const named = routesNamedBy(listener).flatMap((route) => this.#routes.get(route) ?? []);
    return [...inlineRoutesOf(listener), ...named];
  }

  /**
   * Why traffic may not go by `config`. Clusters that are on their way are waited for. Those that CDS does not name are
   * waited for, as long as `resource` may wait, where traffic flows already (`predecessors`) and does not go there yet.
   */
  #obstacleOf(
    config: RouteConfiguration,
    hasPredecessor: boolean,
    predecessors: readonly RouteConfiguration[],
    resource: ServingResource,
  ): Obstacle | null {
    const { wanted, emitted } = this.#clusters;
    const missing: string[] = [];
    for (const name of clustersNamedBy(config)) {
      if (emitted.has(name)) continue;
      if (wanted?.has(name)) return { kind: 'cluster', name };
      missing.push(name);
    }
    if (missing.length === 0) return null;
    if (wanted === undefined) return { kind: 'silence' };
    const isNews = missing.some((name) => !predecessors.some((old) => clustersNamedBy(old).has(name)));
    return !hasPredecessor || !isNews || this.#source.hasWaited(resource) ? null : { kind: 'patience' };
  }

  #addListeners(): void {
    const { dirty, wanted, emitted } = this.#listeners;
    for (const name of this.#open(this.#heldListeners, dirty)) {
      const value = wanted?.get(name);
      const isNew = value !== undefined && value.unsupported === undefined && value !== emitted.get(name);
      const obstacle = isNew ? this.#obstacleOfListener(value) : null;
      this.#hold(this.#heldListeners, { type: 'listener', name }, obstacle);
      if (!isNew || obstacle !== null) continue;
      const old = emitted.get(name);
      this.#listeners.emit(value);
      this.#countInline(value, old);
      this.#upsert.push({ type: 'listener', value });
    }
  }

  #obstacleOfListener(value: Listener): Obstacle | null {
    const hasRoutes = routesNamedBy(value).every((name) => this.#routes.has(name) || this.#source.route(name) === null);
    if (!hasRoutes) return { kind: 'route' };
    if (namesSecrets({ type: 'listener', value })) return { kind: 'secret' };
    const hasPredecessor = this.#listeners.emitted.has(value.name);
    const old = this.#configsOf(value.name);
    for (const config of inlineRoutesOf(value)) {
      const obstacle = this.#obstacleOf(config, hasPredecessor, old, { type: 'listener', value });
      if (obstacle !== null) return obstacle;
    }
    return null;
  }

  /** What is dirty, and what is held by something that may have gone. */
  #open(held: ReadonlyMap<string, Obstacle>, dirty: Set<string>): ReadonlySet<string> {
    const { wanted, emitted } = this.#clusters;
    for (const [name, obstacle] of held) {
      const stands = obstacle.kind === 'cluster' && !emitted.has(obstacle.name) && wanted?.has(obstacle.name);
      if (!stands) dirty.add(name);
    }
    return dirty;
  }

  #hold(held: Map<string, Obstacle>, resource: ResourceName, obstacle: Obstacle | null): void {
    if (obstacle?.kind !== 'patience') this.#source.waitsNot(resource);
    if (obstacle === null) held.delete(resource.name);
    else held.set(resource.name, obstacle);
  }

  #removeListeners(): void {
    const { dirty, wanted, emitted } = this.#listeners;
    for (const name of dirty) {
      const old = emitted.get(name);
      const next = wanted?.get(name);
      if (old === undefined || (next !== undefined && next.unsupported === undefined)) continue;
      this.#listeners.retract(name);
      this.#countInline(null, old);
      this.#remove.push({ type: 'listener', name });
    }
  }

  #removeRoutes(): void {
    for (const name of this.#dirtyRoutes) {
      const isUsed = this.#listeners.usersOf(name).size > 0;
      const old = this.#routes.get(name);
      if (old === undefined || (isUsed && this.#source.route(name) !== null)) continue;
      this.#routes.delete(name);
      this.#count(null, old);
      this.#remove.push({ type: 'route', name });
    }
  }

  #removeClusters(): void {
    const { dirty, wanted, emitted } = this.#clusters;
    for (const name of dirty) {
      const value = emitted.get(name);
      const isDropped = value !== undefined && wanted !== undefined && !wanted.has(name);
      if (isDropped && this.#clusterUses.has(name) && !this.#source.hasWaited({ type: 'cluster', value })) continue;
      this.#source.waitsNot({ type: 'cluster', name });
      if (!isDropped) continue;
      this.#clusters.retract(name);
      this.#remove.push({ type: 'cluster', name });
    }
  }

  #removeEndpoints(): void {
    const { emitted } = this.#clusters;
    for (const name of this.#dirtyEndpoints) {
      const users = [...this.#clusters.usersOf(name)];
      if (!this.#endpoints.has(name) || users.some((user) => emitted.get(user.name) === user)) continue;
      this.#endpoints.delete(name);
      this.#remove.push({ type: 'endpoints', name });
    }
  }

  #countInline(next: Listener | null, old: Listener | undefined): void {
    if (next !== null) for (const config of inlineRoutesOf(next)) this.#count(config, undefined);
    if (old !== undefined) for (const config of inlineRoutesOf(old)) this.#count(null, config);
  }

  /** A route configuration takes the place of another one. */
  #count(next: RouteConfiguration | null, old: RouteConfiguration | undefined): void {
    const uses = this.#clusterUses;
    if (next !== null) for (const name of clustersNamedBy(next)) uses.set(name, (uses.get(name) ?? 0) + 1);
    if (old === undefined) return;
    for (const name of clustersNamedBy(old)) {
      const left = (uses.get(name) ?? 0) - 1;
      if (left > 0) uses.set(name, left);
      else {
        uses.delete(name);
        this.#clusters.dirty.add(name);
      }
    }
  }
}

function endpointsOf(cluster: Cluster): readonly string[] {
  const name = endpointsNamedBy(cluster);
  return name === null ? [] : [name];
}
