// Joins LDS -> RDS and CDS -> EDS (or DNS): follows whatever is named, and emits each step of configuration only when
// all that it names is there (gRFC A74; update-plan.ts says what goes when). Knows nothing of the stream.
import type { XdsClient } from './client.ts';
import { DnsEndpoints, type ResolveHost } from './dns-endpoints.ts';
import { type Log, nodeTimer, type SetTimer } from './environment.ts';
import type { Cluster } from './model/cluster.ts';
import { type ClusterEndpoints, defaultOverprovisioningPercent } from './model/endpoints.ts';
import type { Listener } from './model/listener.ts';
import type { ConfigUpdate, Resource, ServingResource } from './model/resource.ts';
import type { RouteConfiguration } from './model/route.ts';
import { endpointsNamedBy, routesNamedBy } from './references.ts';
import { type Emitted, type Found, planUpdate, type Wish } from './update-plan.ts';
import type { WildcardWatcher } from './watchers.ts';

/** The part of XdsClient that the manager uses. */
export type ResourceSource = Pick<XdsClient, 'watch' | 'watchAll'>;

export interface DependencyManagerOptions {
  readonly client: ResourceSource;
  /** Resolves the hosts of STRICT_DNS clusters. */
  readonly resolve: ResolveHost;
  /** Each step, in an order that never leaves a name without what it names. Plain data. */
  readonly onUpdate: (update: ConfigUpdate) => void;
  /**
   * Once: LDS and CDS have answered (or stayed silent for 15 s), and everything they refer to is there or known not to
   * be. Comes after the update that says so.
   */
  readonly onReady: () => void;
  /** Each time that nothing which is wanted waits for anything. */
  readonly onSettled?: () => void;
  readonly log: Log;
  /** Default: the timers of Node. */
  readonly setTimer?: SetTimer;
}

/** What was dropped while something still names it is kept for so long. */
const withholdMs = 15_000;
/** Traffic is not moved to a cluster that CDS has not named for so long. */
const holdMs = 5000;

interface Followed<T> {
  value: Found<T>;
  readonly stop: () => void;
}

interface FollowedDns {
  readonly cluster: Cluster;
  value: ClusterEndpoints | undefined;
  readonly resolver: DnsEndpoints;
}

interface Patience {
  readonly value: ServingResource['value'];
  isOver: boolean;
  readonly cancel: () => void;
}

export class DependencyManager {
  readonly #options: DependencyManagerOptions;
  readonly #setTimer: SetTimer;
  #stops: (() => void)[] = [];

  // What the control plane wants.
  #listeners: Map<string, Listener> | undefined;
  #clusters: Map<string, Cluster> | undefined;
  readonly #routes = new Map<string, Followed<RouteConfiguration>>();
  /** EDS, by service name. */
  readonly #endpoints = new Map<string, Followed<ClusterEndpoints>>();
  /** By cluster. */
  readonly #dns = new Map<string, FollowedDns>();

  // What went out.
  #emitted: Emitted = { listeners: new Map(), routes: new Map(), clusters: new Map(), endpoints: new Map() };
  /** Of what waits for patience to end, by type and name. */
  readonly #patience = new Map<string, Patience>();
  #isReady = false;
  #isSettled = false;
  #isScheduled = false;
  #isRunning = false;

  constructor(options: DependencyManagerOptions) {
    this.#options = options;
    this.#setTimer = options.setTimer ?? nodeTimer;
  }

  /** Subscribes to all listeners and clusters. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { client } = this.#options;
    // Clusters first, so that they are asked for first.
    this.#stops = [
      client.watchAll('cluster', this.#followClusters()),
      client.watchAll('listener', this.#followListeners()),
    ];
  }

  /** Gives up every subscription and timer. Nothing is emitted afterwards; what went out stays as it is. */
  stop(): void {
    this.#isRunning = false;
    for (const stop of this.#stops) stop();
    for (const { stop } of [...this.#routes.values(), ...this.#endpoints.values()]) stop();
    for (const { resolver } of this.#dns.values()) resolver.stop();
    for (const { cancel } of this.#patience.values()) cancel();
    for (const map of [this.#routes, this.#endpoints, this.#dns, this.#patience]) map.clear();
  }

  #followClusters(): WildcardWatcher {
    return {
      onUpdate: ({ changed, removed }) => {
        this.#clusters ??= new Map();
        for (const { type, value } of changed) if (type === 'cluster') this.#clusters.set(value.name, value);
        for (const name of removed) this.#clusters.delete(name);
        this.#schedule();
      },
      onSilence: () => {
        this.#clusters ??= new Map();
        this.#schedule();
      },
      // A bad version of what is in use changes nothing; what was never good is as if it were not there.
      onError: () => {},
    };
  }

  #followListeners(): WildcardWatcher {
    return {
      onUpdate: ({ changed, removed }) => {
        this.#listeners ??= new Map();
        for (const { type, value } of changed) if (type === 'listener') this.#listeners.set(value.name, value);
        for (const name of removed) this.#listeners.delete(name);
        this.#schedule();
      },
      onSilence: () => {
        this.#listeners ??= new Map();
        this.#schedule();
      },
      onError: () => {},
    };
  }

  /** Whether nothing which is wanted waits for anything. */
  get isSettled(): boolean {
    return this.#isSettled && !this.#isScheduled;
  }

  /** Changes of one turn make one step. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#isRunning) this.#step();
    });
  }

  #step(): void {
    this.#followNamed();
    const plan = planUpdate(this.#wish(), this.#emitted);
    this.#emitted = plan.emitted;
    this.#waitFor(plan.waiting);
    // What went out may have dropped the last use of something.
    this.#followNamed();
    if (plan.update.upsert.length > 0 || plan.update.remove.length > 0) {
      this.#call(() => this.#options.onUpdate(plan.update));
    }
    this.#isSettled = plan.isSettled;
    if (!plan.isSettled) return;
    if (!this.#isReady) {
      this.#isReady = true;
      this.#call(() => this.#options.onReady());
    }
    this.#call(() => this.#options.onSettled?.());
  }

  #wish(): Wish {
    return {
      listeners: this.#listeners,
      clusters: this.#clusters,
      route: (name) => this.#routes.get(name)?.value,
      endpoints: (cluster) => this.#endpointsOf(cluster),
      isPatienceOver: ({ type, value }) => {
        const patience = this.#patience.get(`${type} ${value.name}`);
        return patience?.value === value && patience.isOver;
      },
    };
  }

  #endpointsOf(cluster: Cluster): ClusterEndpoints | undefined {
    if (cluster.discovery.kind === 'eds') {
      const found = this.#endpoints.get(cluster.discovery.serviceName)?.value;
      return found ?? undefined;
    }
    const dns = this.#dns.get(cluster.name);
    return dns?.cluster === cluster ? dns.value : undefined;
  }

  /** Follows what wanted and emitted resources name, and nothing else. */
  #followNamed(): void {
    const listeners = [...(this.#listeners?.values() ?? []), ...this.#emitted.listeners.values()];
    const clusters = [...(this.#clusters?.values() ?? []), ...this.#emitted.clusters.values()];
    this.#followOnly(this.#routes, new Set(listeners.flatMap(routesNamedBy)), (name) => this.#followRoute(name));
    const services = clusters.flatMap((cluster) =>
      cluster.discovery.kind === 'eds' ? (endpointsNamedBy(cluster) ?? []) : [],
    );
    this.#followOnly(this.#endpoints, new Set(services), (name) => this.#followEndpoints(name));
    this.#followDns();
  }

  #followOnly<T>(
    followed: Map<string, Followed<T>>,
    names: ReadonlySet<string>,
    follow: (name: string) => Followed<T>,
  ) {
    for (const [name, { stop }] of followed) {
      if (names.has(name)) continue;
      stop();
      followed.delete(name);
    }
    for (const name of names) if (!followed.has(name)) followed.set(name, follow(name));
  }

  #followRoute(name: string): Followed<RouteConfiguration> {
    return this.#follow<RouteConfiguration>('route', name, null, (resource) =>
      resource.type === 'route' ? resource.value : null,
    );
  }

  #followEndpoints(name: string): Followed<ClusterEndpoints> {
    // A cluster without EDS goes out with no endpoints, so that calls fail at once instead of waiting.
    const none: ClusterEndpoints = {
      name,
      localities: [],
      dropOverloads: [],
      overprovisioningPercent: defaultOverprovisioningPercent,
    };
    return this.#follow('endpoints', name, none, (resource) => (resource.type === 'endpoints' ? resource.value : none));
  }

  /** `none`: what takes the place of a resource that there is not. */
  #follow<T>(
    type: 'route' | 'endpoints',
    name: string,
    none: T | null,
    read: (resource: Resource) => T | null,
  ): Followed<T> {
    let cancel = () => {};
    const set = (value: T | null) => {
      cancel();
      followed.value = value;
      this.#schedule();
    };
    const stop = this.#options.client.watch(type, name, {
      onChanged: (resource) => set(read(resource)),
      onAbsent: () => {
        // A delta server removes what its new routes no longer need in any order, and often before it says so.
        if (followed.value === undefined || followed.value === none) return set(none);
        cancel();
        cancel = this.#setTimer(() => set(none), withholdMs);
      },
      // What cannot be had holds nothing up; a server that is away says nothing about the resource.
      onError: ({ code }, hasResource) => {
        if (code !== 'stream-failed' && !hasResource) set(none);
      },
    });
    const followed: Followed<T> = {
      value: undefined,
      stop: () => {
        cancel();
        stop();
      },
    };
    return followed;
  }

  #followDns(): void {
    for (const [name, { cluster, resolver }] of this.#dns) {
      const current = this.#clusters?.get(name) ?? this.#emitted.clusters.get(name);
      if (current === cluster) continue;
      resolver.stop();
      this.#dns.delete(name);
    }
    for (const cluster of this.#clusters?.values() ?? []) {
      const { discovery } = cluster;
      if (discovery.kind !== 'strict-dns' || this.#dns.has(cluster.name)) continue;
      const { resolve, log } = this.#options;
      const resolver = new DnsEndpoints({
        template: discovery.endpoints,
        refreshMs: discovery.refreshMs,
        resolve,
        setTimer: this.#setTimer,
        log,
        onChange: (endpoints) => {
          followed.value = endpoints;
          this.#schedule();
        },
      });
      const followed: FollowedDns = { cluster, value: undefined, resolver };
      this.#dns.set(cluster.name, followed);
      resolver.start();
    }
  }

  /** A timer for each resource that waits; a new version of it waits anew. */
  #waitFor(waiting: readonly ServingResource[]): void {
    const keys = new Map(waiting.map((resource) => [`${resource.type} ${resource.value.name}`, resource]));
    for (const [key, patience] of this.#patience) {
      if (keys.get(key)?.value === patience.value) continue;
      patience.cancel();
      this.#patience.delete(key);
    }
    for (const [key, { type, value }] of keys) {
      if (this.#patience.has(key)) continue;
      const cancel = this.#setTimer(
        () => {
          patience.isOver = true;
          this.#options.log('warn', 'waited long enough for the rest of an update', { type, name: value.name });
          this.#schedule();
        },
        type === 'cluster' ? withholdMs : holdMs,
      );
      const patience: Patience = { value, isOver: false, cancel };
      this.#patience.set(key, patience);
    }
  }

  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#options.log('error', 'applying an xDS update threw', { error: String(error) });
    }
  }
}
