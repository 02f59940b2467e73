// Resources of a control plane that is asked by name (the proxyless style of gRFC A27): a listener for each name that
// somebody wants, and of the clusters only those that routes name. DependencyManager reads from here as it reads from a
// control plane that enumerates everything, one that always sends clusters before what names them: a listener or route is
// handed on only when each cluster that it names is there, or known not to be.

import type { XdsError } from './errors.ts';
import type { Cluster } from './model/cluster.ts';
import type { Listener } from './model/listener.ts';
import type { Resource } from './model/resource.ts';
import { clustersNamedBy, inlineRoutesOf } from './references.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';
import type { XdsClient } from './xds-client.ts';

export interface OnDemandSourceOptions {
  readonly client: Pick<XdsClient, 'watch'>;
  /** Calls that name this listener cannot be carried, for a reason that is one sentence; that may change. */
  readonly onRefused: (name: string, reason: string) => void;
}

interface WantedListener {
  /** Who wants it, by numbers of the caller's. */
  readonly wanters: Set<number>;
  readonly stop: () => void;
  /** Why it cannot be had; `null`: it is there, or on its way. */
  refusal: string | null;
  isHandedOn: boolean;
}

interface FollowedCluster {
  readonly stop: () => void;
  /** `undefined`: it may still come; `null`: there is none. */
  value: Cluster | null | undefined;
}

/** What names clusters, a listener or a route configuration. */
interface Namer {
  /** By what was handed on. */
  named: ReadonlySet<string>;
  /** A version that waits for its clusters. */
  pending: { readonly named: ReadonlySet<string>; readonly handOn: () => void } | null;
}

const noNames: ReadonlySet<string> = new Set();
const nothing: WildcardWatcher = { onUpdate() {}, onSilence() {}, onError() {} };

export class OnDemandSource {
  readonly #options: OnDemandSourceOptions;
  readonly #listeners = new Map<string, WantedListener>();
  readonly #clusters = new Map<string, FollowedCluster>();
  /** By type and name. */
  readonly #namers = new Map<string, Namer>();
  #listenerWatcher = nothing;
  #clusterWatcher = nothing;
  /** Why the control plane cannot be asked, where that became known in this turn. */
  #failure: string | null = null;
  #isScheduled = false;

  constructor(options: OnDemandSourceOptions) {
    this.#options = options;
  }

  /** How many listeners are wanted. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Subscribes to the listener, unless somebody wants it already. What is known to be wrong is told again. */
  want(name: string, wanter: number): void {
    const known = this.#listeners.get(name);
    if (known !== undefined) {
      known.wanters.add(wanter);
      if (known.refusal !== null) this.#options.onRefused(name, known.refusal);
      return;
    }
    const stop = this.#options.client.watch('listener', name, {
      onChanged: ({ value }) => this.#onListener(value as Listener),
      onAbsent: () => this.#refuse(name, `the control plane has no listener ${name}`),
      onError: (error, hasResource) => {
        if (!hasResource) this.#refuse(name, error.message);
      },
    });
    this.#listeners.set(name, { wanters: new Set([wanter]), stop, refusal: null, isHandedOn: false });
  }

  /** The last one who does not want it any more ends the subscription. */
  unwant(name: string, wanter: number): void {
    const wanted = this.#listeners.get(name);
    if (!wanted?.wanters.delete(wanter) || wanted.wanters.size > 0) return;
    wanted.stop();
    this.#takeBack(name);
    this.#listeners.delete(name);
  }

  /** For one who is gone. */
  unwantAll(wanter: number): void {
    for (const name of [...this.#listeners.keys()]) this.unwant(name, wanter);
  }

  /** Listeners that are wanted, or the clusters that they lead to; one watcher for each type. */
  watchAll(type: 'listener' | 'cluster', watcher: WildcardWatcher): () => void {
    if (type === 'listener') this.#listenerWatcher = watcher;
    else this.#clusterWatcher = watcher;
    // Nothing is wanted before somebody wants it: the first answer is there.
    queueMicrotask(() => watcher.onUpdate({ changed: [], removed: [] }));
    return () => {
      if (type === 'listener') this.#listenerWatcher = nothing;
      else this.#clusterWatcher = nothing;
    };
  }

  /** As `XdsClient.watch`, but that a route configuration comes behind its clusters. */
  watch(type: Resource['type'], name: string, watcher: ResourceWatcher): () => void {
    if (type !== 'route') {
      return this.#options.client.watch(type, name, {
        onChanged: (resource) => watcher.onChanged(resource),
        onAbsent: () => watcher.onAbsent(),
        onError: (error, hasResource) => {
          this.#noteFailure(error);
          watcher.onError(error, hasResource);
        },
      });
    }
    const key = `route ${name}`;
    const stop = this.#options.client.watch('route', name, {
      onChanged: (resource) => {
        const named = resource.type === 'route' ? clustersNamedBy(resource.value) : noNames;
        this.#handOnBehind(key, named, () => watcher.onChanged(resource));
      },
      onAbsent: () => {
        this.#forgetPending(key);
        watcher.onAbsent();
      },
      onError: (error, hasResource) => {
        this.#noteFailure(error);
        watcher.onError(error, hasResource);
      },
    });
    return () => {
      stop();
      this.#namers.delete(key);
      this.#schedule();
    };
  }

  #onListener(listener: Listener): void {
    const { name, api } = listener;
    const wanted = this.#listeners.get(name);
    if (wanted === undefined) return;
    if (api === undefined) {
      // One with an address is not what was asked for, and must not be opened for having been asked for by name.
      this.#refuse(name, listener.unsupported ?? `listener ${name} is none for clients (api_listener)`);
      return;
    }
    wanted.refusal = null;
    const named = new Set(inlineRoutesOf(listener).flatMap((config) => [...clustersNamedBy(config)]));
    this.#handOnBehind(`listener ${name}`, named, () => {
      wanted.isHandedOn = true;
      this.#listenerWatcher.onUpdate({ changed: [{ type: 'listener', value: listener }], removed: [] });
    });
  }

  #refuse(name: string, reason: string): void {
    const wanted = this.#listeners.get(name);
    if (wanted === undefined) return;
    this.#takeBack(name);
    wanted.refusal = reason;
    this.#options.onRefused(name, reason);
  }

  #takeBack(name: string): void {
    this.#namers.delete(`listener ${name}`);
    const wanted = this.#listeners.get(name);
    if (wanted?.isHandedOn) {
      wanted.isHandedOn = false;
      this.#listenerWatcher.onUpdate({ changed: [], removed: [name] });
    }
    this.#schedule();
  }

  #noteFailure({ code, message }: XdsError): void {
    if (code !== 'stream-failed') return;
    this.#failure = message;
    this.#schedule();
  }

  #handOnBehind(key: string, named: ReadonlySet<string>, handOn: () => void): void {
    const namer = this.#namers.get(key) ?? { named: noNames, pending: null };
    this.#namers.set(key, namer);
    namer.pending = { named, handOn };
    this.#schedule();
  }

  #forgetPending(key: string): void {
    const namer = this.#namers.get(key);
    if (namer === undefined) return;
    namer.pending = null;
    this.#schedule();
  }

  /** A response changes many resources in one turn. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#settle();
    });
  }

  /** Follows the clusters that are named, hands on what has waited for them, and gives up those that nothing names. */
  #settle(): void {
    this.#tellFailure();
    for (const { pending } of this.#namers.values()) {
      for (const name of pending?.named ?? noNames) if (!this.#clusters.has(name)) this.#followCluster(name);
    }
    for (const namer of this.#namers.values()) {
      const { pending } = namer;
      if (pending === null || ![...pending.named].every((name) => this.#clusters.get(name)?.value !== undefined)) {
        continue;
      }
      namer.named = pending.named;
      namer.pending = null;
      pending.handOn();
    }
    const needed = new Set<string>();
    for (const { named, pending } of this.#namers.values()) {
      for (const name of named) needed.add(name);
      for (const name of pending?.named ?? noNames) needed.add(name);
    }
    for (const [name, { stop, value }] of this.#clusters) {
      if (needed.has(name)) continue;
      stop();
      this.#clusters.delete(name);
      if (value) this.#clusterWatcher.onUpdate({ changed: [], removed: [name] });
    }
  }

  /** While the control plane is away no more will come of what waits; whoever has what it wants need not care. */
  #tellFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure === null) return;
    for (const [name, { refusal }] of this.#listeners) if (refusal === null) this.#options.onRefused(name, failure);
  }

  #followCluster(name: string): void {
    const followed: FollowedCluster = {
      value: undefined,
      stop: this.#options.client.watch('cluster', name, {
        onChanged: (resource) => {
          if (resource.type !== 'cluster') return;
          // In gRPC the weights of localities always count (gRFC A27); in Envoy only where the cluster says so.
          const value: Cluster = { ...resource.value, localityWeighted: true };
          followed.value = value;
          this.#clusterWatcher.onUpdate({ changed: [{ type: 'cluster', value }], removed: [] });
          this.#schedule();
        },
        onAbsent: () => this.#loseCluster(name, followed),
        onError: (error, hasResource) => {
          this.#noteFailure(error);
          if (error.code !== 'stream-failed' && !hasResource) this.#loseCluster(name, followed);
        },
      }),
    };
    this.#clusters.set(name, followed);
  }

  #loseCluster(name: string, followed: FollowedCluster): void {
    const wasThere = Boolean(followed.value);
    followed.value = null;
    if (wasThere) this.#clusterWatcher.onUpdate({ changed: [], removed: [name] });
    this.#schedule();
  }
}
