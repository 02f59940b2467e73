// Joins LDS -> RDS and CDS -> EDS (or DNS): follows whatever is named, and emits each step of configuration only when
// all that it names is there (gRFC A74; update-planner.ts says what goes when). Knows nothing of the stream.

import { DnsEndpoints, type ResolveHost } from './dns-endpoints.ts';
import { type Log, nodeTimer, type SetTimer } from './environment.ts';
import type { Cluster } from './model/cluster.ts';
import { type ClusterEndpoints, defaultOverprovisioningPercent } from './model/endpoints.ts';
import type { ConfigUpdate, Resource, ResourceName } from './model/resource.ts';
import type { RouteConfiguration } from './model/route.ts';
import { Patience, withholdMs } from './patience.ts';
import { type Joinable, SecretJoin, type WatchSecret } from './secret-join.ts';
import { type Found, UpdatePlanner } from './update-planner.ts';
import type { XdsClient } from './xds-client.ts';

/** The part of XdsClient that the manager uses. */
export type ResourceSource = Pick<XdsClient, 'watch' | 'watchAll'>;

export interface DependencyManagerOptions {
  readonly client: ResourceSource;
  /** Resolves the hosts of STRICT_DNS and LOGICAL_DNS clusters. */
  readonly resolve: ResolveHost;
  /** Where secrets come from. Default: from `client`, and from nowhere else. */
  readonly watchSecret?: WatchSecret;
  /** Each step, in an order that never leaves a name without what it names. Plain data. */
  readonly onUpdate: (update: ConfigUpdate) => void;
  /**
   * Once: LDS and CDS have answered (or stayed silent for 15 s), and everything they refer to is there or known not to
   * be. Comes after the update that says so.
   */
  readonly onReady?: () => void;
  /** Each time that nothing which is wanted waits for anything. */
  readonly onSettled?: () => void;
  readonly log: Log;
  /** Default: the timers of Node. */
  readonly setTimer?: SetTimer;
}

interface Followed<T> {
  value: Found<T>;
  readonly stop: () => void;
}

interface FollowedDns {
  readonly cluster: Cluster;
  value: ClusterEndpoints | undefined;
  readonly resolver: DnsEndpoints;
}

export class DependencyManager {
  readonly #options: DependencyManagerOptions;
  readonly #setTimer: SetTimer;
  readonly #patience: Patience;
  readonly #planner: UpdatePlanner;
  readonly #secrets: SecretJoin;
  #stops: (() => void)[] = [];

  readonly #routes = new Map<string, Followed<RouteConfiguration>>();
  /** EDS, by service name. */
  readonly #endpoints = new Map<string, Followed<ClusterEndpoints>>();
  /** Endpoints that wait for the secrets by which they are reached, by service name. */
  readonly #held = new Map<string, ClusterEndpoints>();
  /** By cluster. */
  readonly #dns = new Map<string, FollowedDns>();
  /** Names whose users have changed, so that following them may have to begin or end. */
  readonly #named = { route: new Set<string>(), endpoints: new Set<string>() };

  #isReady = false;
  #isSettled = false;
  #isScheduled = false;
  #isRunning = false;

  constructor(options: DependencyManagerOptions) {
    this.#options = options;
    this.#setTimer = options.setTimer ?? nodeTimer;
    this.#patience = new Patience(this.#setTimer, options.log, (name) => this.#touch(name));
    this.#planner = new UpdatePlanner(
      {
        route: (name) => this.#routes.get(name)?.value,
        endpoints: (cluster) => this.#endpointsOf(cluster),
        hasWaited: (resource) => this.#patience.hasWaited(resource),
        waitsNot: (name) => this.#patience.end(name),
      },
      (type, name) => this.#named[type].add(name),
    );
    this.#secrets = new SecretJoin({
      watch: options.watchSecret ?? watchByClient(options.client),
      setTimer: this.#setTimer,
      endpointsOf: (cluster) => this.#newestEndpointsOf(cluster),
      onChange: (joined) => this.#onJoined(joined),
    });
  }

  /** Subscribes to all listeners and clusters. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { client } = this.#options;
    // Clusters first, so that they are asked for first. A bad version of what is in use changes nothing; what was never
    // good is as if it were not there.
    this.#stops = [
      client.watchAll('cluster', {
        onUpdate: ({ changed, removed }) => {
          for (const name of removed) this.#secrets.drop('cluster', name);
          const clusters = changed.flatMap((resource) =>
            resource.type === 'cluster' ? [this.#secrets.join(resource)] : [],
          );
          this.#planner.wantClusters(clusters, removed);
          this.#admitHeld();
          this.#schedule();
        },
        onSilence: () => {
          this.#planner.wantClusters([], []);
          this.#schedule();
        },
        onError: () => {},
      }),
      client.watchAll('listener', {
        onUpdate: ({ changed, removed }) => {
          for (const name of removed) this.#secrets.drop('listener', name);
          const listeners = changed.flatMap((resource) =>
            resource.type === 'listener' ? [this.#secrets.join(resource)] : [],
          );
          this.#planner.wantListeners(listeners, removed);
          this.#schedule();
        },
        onSilence: () => {
          this.#planner.wantListeners([], []);
          this.#schedule();
        },
        onError: () => {},
      }),
    ];
  }

  /** Gives up every subscription and timer. Nothing is emitted afterwards; what went out stays as it is. */
  stop(): void {
    this.#isRunning = false;
    for (const stop of this.#stops) stop();
    for (const { stop } of [...this.#routes.values(), ...this.#endpoints.values()]) stop();
    for (const { resolver } of this.#dns.values()) resolver.stop();
    this.#patience.stop();
    this.#secrets.stop();
    for (const map of [this.#routes, this.#endpoints, this.#dns, this.#held]) map.clear();
  }

  /** Whether nothing which is wanted waits for anything. */
  get isSettled(): boolean {
    return this.#isSettled && !this.#isScheduled;
  }

  #touch(name: ResourceName): void {
    this.#planner.touch(name);
    this.#schedule();
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
    const { update, isSettled } = this.#planner.next();
    // What went out may have dropped the last use of something.
    this.#followNamed();
    if (update.upsert.length > 0 || update.remove.length > 0) this.#call(() => this.#options.onUpdate(update));
    this.#isSettled = isSettled;
    if (!isSettled) return;
    if (!this.#isReady) {
      this.#isReady = true;
      this.#call(() => this.#options.onReady?.());
    }
    this.#call(() => this.#options.onSettled?.());
  }

  #endpointsOf(cluster: Cluster): ClusterEndpoints | undefined {
    if (cluster.discovery.kind === 'eds') {
      const found = this.#endpoints.get(cluster.discovery.serviceName)?.value;
      return found ?? undefined;
    }
    const dns = this.#dns.get(cluster.name);
    return dns?.cluster === cluster ? dns.value : undefined;
  }

  /** By which it is known what secrets the cluster needs: these must be there before endpoints go out. */
  #newestEndpointsOf({ discovery }: Cluster): ClusterEndpoints | undefined {
    if (discovery.kind === 'unsupported') return undefined;
    if (discovery.kind !== 'eds') return discovery.endpoints;
    return this.#held.get(discovery.serviceName) ?? this.#endpoints.get(discovery.serviceName)?.value ?? undefined;
  }

  #onJoined(joined: Joinable): void {
    if (joined.type === 'listener') this.#planner.wantListeners([joined.value], []);
    else this.#planner.wantClusters([joined.value], []);
    this.#admitHeld();
    this.#schedule();
  }

  #admitHeld(): void {
    for (const [name, value] of this.#held) this.#admit(name, value);
  }

  /** Endpoints go out once every cluster that names them has the secrets by which they are reached. */
  #admit(name: string, value: ClusterEndpoints): void {
    this.#held.set(name, value);
    const users = new Set([...this.#planner.clustersNaming(name)].map((cluster) => cluster.name));
    const waits = [...users].map((user) => this.#secrets.refresh(user));
    // A cluster that has become whole in this moment has let them go already.
    if (waits.includes(true) || this.#held.get(name) !== value) return;
    this.#held.delete(name);
    const followed = this.#endpoints.get(name);
    if (followed !== undefined) followed.value = value;
    this.#touch({ type: 'endpoints', name });
  }

  /** Follows what wanted and emitted resources name, and nothing else. */
  #followNamed(): void {
    for (const name of this.#named.route) {
      const isNamed = this.#planner.listenersNaming(name).size > 0;
      this.#followIf(isNamed, this.#routes, name, () => this.#followRoute(name));
    }
    for (const name of this.#named.endpoints) {
      const users = [...this.#planner.clustersNaming(name)];
      const isNamed = users.some(({ discovery }) => discovery.kind === 'eds');
      this.#followIf(isNamed, this.#endpoints, name, () => this.#followEndpoints(name));
      if (!isNamed) this.#held.delete(name);
      this.#followDns(name, users);
    }
    this.#named.route.clear();
    this.#named.endpoints.clear();
  }

  #followIf<T>(isNamed: boolean, followed: Map<string, Followed<T>>, name: string, follow: () => Followed<T>): void {
    const known = followed.get(name);
    if (isNamed && known === undefined) followed.set(name, follow());
    if (isNamed || known === undefined) return;
    known.stop();
    followed.delete(name);
  }

  #followRoute(name: string): Followed<RouteConfiguration> {
    const read = (resource: Resource) => (resource.type === 'route' ? resource.value : null);
    const followed = this.#follow<RouteConfiguration>('route', name, null, read, (value) => {
      followed.value = value;
      this.#touch({ type: 'route', name });
    });
    return followed;
  }

  #followEndpoints(name: string): Followed<ClusterEndpoints> {
    // A cluster without EDS goes out with no endpoints, so that calls fail at once instead of waiting.
    const none: ClusterEndpoints = {
      name,
      localities: [],
      dropOverloads: [],
      overprovisioningPercent: defaultOverprovisioningPercent,
    };
    const read = (resource: Resource) => (resource.type === 'endpoints' ? resource.value : none);
    return this.#follow('endpoints', name, none, read, (value) => this.#admit(name, value ?? none));
  }

  /**
   * @param none what takes the place of a resource that there is not.
   * @param put takes what there is from now on.
   */
  #follow<T>(
    type: 'route' | 'endpoints',
    name: string,
    none: T | null,
    read: (resource: Resource) => T | null,
    put: (value: T | null) => void,
  ): Followed<T> {
    let cancel = () => {};
    const set = (value: T | null) => {
      cancel();
      put(value);
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

  /** Resolves the cluster of that name whose endpoints come by DNS: the wanted one, or else the one in use. */
  #followDns(name: string, users: readonly Cluster[]): void {
    const ofName = users.filter((cluster) => cluster.name === name);
    const current = ofName.find((cluster) => this.#planner.isWanted(cluster)) ?? ofName[0];
    const known = this.#dns.get(name);
    if (known !== undefined && known.cluster !== current) {
      known.resolver.stop();
      this.#dns.delete(name);
    }
    if (current === undefined || this.#dns.has(name) || !this.#planner.isWanted(current)) return;
    const { discovery } = current;
    if (discovery.kind !== 'strict-dns' && discovery.kind !== 'logical-dns') return;
    const { resolve, log } = this.#options;
    const resolver = new DnsEndpoints({
      discovery,
      resolve,
      random: Math.random,
      setTimer: this.#setTimer,
      log,
      onChange: (endpoints) => {
        followed.value = endpoints;
        this.#touch({ type: 'endpoints', name });
      },
    });
    const followed: FollowedDns = { cluster: current, value: undefined, resolver };
    this.#dns.set(name, followed);
    resolver.start();
  }

  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#options.log('error', 'applying an xDS update threw', { error: String(error) });
    }
  }
}

function watchByClient(client: ResourceSource): WatchSecret {
  return ({ name, source }, watcher) =>
    source.kind === 'ads' ? client.watch('secret', name, watcher) : { problem: 'is at a server that is not known' };
}
