// Keeps clusters and listeners that name secrets joined with them. A resource of which a secret is missing waits, and
// what went out of it before goes on; after 15 s what has nothing before it goes out without what it misses, so that calls
// fail with a reason and the rest of the configuration is not held up.
import { isDeepStrictEqual } from 'node:util';
import type { SetTimer } from './environment.ts';
import { fillCluster, fillListener, type SecretState, secretsOfCluster, secretsOfListener } from './fill-secrets.ts';
import type { Cluster } from './model/cluster.ts';
import type { ClusterEndpoints } from './model/endpoints.ts';
import type { Listener } from './model/listener.ts';
import { formatReference, type SecretReference } from './model/tls.ts';
import { namesSecrets } from './references.ts';
import { doesNotExistMs } from './subscription.ts';
import type { ResourceWatcher } from './watchers.ts';

/** Follows a secret; answers the end of it, or why it can never come. */
export type WatchSecret = (
  reference: SecretReference,
  watcher: ResourceWatcher,
) => (() => void) | { readonly problem: string };

export type Joinable =
  | { readonly type: 'cluster'; readonly value: Cluster }
  | { readonly type: 'listener'; readonly value: Listener };

export interface SecretJoinOptions {
  readonly watch: WatchSecret;
  readonly setTimer: SetTimer;
  /** The newest endpoints of a cluster, wherever they come from; `undefined`: not known yet. */
  readonly endpointsOf: (cluster: Cluster) => ClusterEndpoints | undefined;
  /** What `join` would answer of a resource has changed. */
  readonly onChange: (joined: Joinable) => void;
}

interface Entry {
  readonly raw: Joinable;
  /** As last answered; names secrets while one is missing. */
  joined: Joinable;
  /** Something of this name was whole once. */
  hasServed: boolean;
  references: ReadonlyMap<string, SecretReference>;
}

interface Followed {
  state: SecretState;
  readonly users: Set<string>;
  stop: () => void;
}

export class SecretJoin {
  readonly #options: SecretJoinOptions;
  /** By type and name; of resources that name secrets only. */
  readonly #entries = new Map<string, Entry>();
  readonly #secrets = new Map<string, Followed>();

  constructor(options: SecretJoinOptions) {
    this.#options = options;
  }

  /** The resource with its secrets inside; the resource itself, naming them still, while one is missing. */
  join<Resource extends Joinable>(resource: Resource): Resource['value'] {
    const key = keyOf(resource);
    const before = this.#entries.get(key);
    if (!namesSecrets(resource)) {
      if (before !== undefined) this.drop(resource.type, resource.value.name);
      return resource.value;
    }
    const entry: Entry = {
      raw: resource,
      joined: resource,
      hasServed: before?.hasServed ?? false,
      references: before?.references ?? new Map(),
    };
    this.#entries.set(key, entry);
    this.#evaluate(key, entry);
    return entry.joined.value;
  }

  drop(type: Joinable['type'], name: string): void {
    const key = `${type} ${name}`;
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    for (const reference of entry.references.keys()) this.#release(reference, key);
  }

  /** Its endpoints have changed, and with them perhaps which secrets it needs. Answers whether they wait for some. */
  refresh(cluster: string): boolean {
    const key = `cluster ${cluster}`;
    const entry = this.#entries.get(key);
    // Without matches all endpoints are reached in one way, whichever they are.
    if (entry === undefined || (entry.raw.type === 'cluster' && entry.raw.value.socketMatches === undefined))
      return false;
    this.#update(key, entry);
    return namesSecrets(entry.joined);
  }

  stop(): void {
    for (const { stop } of this.#secrets.values()) stop();
    this.#secrets.clear();
    this.#entries.clear();
  }

  #update(key: string, entry: Entry): void {
    const before = entry.joined;
    this.#evaluate(key, entry);
    if (entry.joined !== before) this.#options.onChange(entry.joined);
  }

  #evaluate(key: string, entry: Entry): void {
    const { raw } = entry;
    this.#follow(key, entry);
    const find = (reference: SecretReference) => this.#stateFor(entry, reference);
    const filled = raw.type === 'cluster' ? this.#fillCluster(raw.value, find) : fillListener(raw.value, find);
    if (filled === null) {
      entry.joined = raw;
      return;
    }
    if ([...entry.references.values()].every((reference) => this.#isThere(reference))) entry.hasServed = true;
    // What comes out the same is the same, so that nothing is swapped for its like.
    if (isDeepStrictEqual(entry.joined.value, filled)) return;
    entry.joined = { type: raw.type, value: filled } as Joinable;
  }

  #fillCluster(cluster: Cluster, find: (reference: SecretReference) => SecretState): Cluster | null {
    return fillCluster(cluster, this.#options.endpointsOf(cluster), find);
  }

  #isThere(reference: SecretReference): boolean {
    const state = this.#secrets.get(formatReference(reference))?.state;
    return state?.kind === 'there' && state.secret.kind !== 'opaque';
  }

  /** What serves goes on; only the endpoints of a cluster must not be held up for ever by the socket of a few. */
  #stateFor({ raw, hasServed }: Entry, reference: SecretReference): SecretState {
    const state = this.#secrets.get(formatReference(reference))?.state ?? { kind: 'waiting' };
    const waits = hasServed && (raw.type === 'listener' || raw.value.socketMatches === undefined);
    return state.kind === 'missing' && waits ? { kind: 'waiting' } : state;
  }

  #follow(key: string, entry: Entry): void {
    const { raw } = entry;
    const wanted =
      raw.type === 'cluster'
        ? secretsOfCluster(raw.value, this.#options.endpointsOf(raw.value))
        : secretsOfListener(raw.value);
    const references = new Map(wanted.map((reference) => [formatReference(reference), reference]));
    for (const [name, reference] of references) {
      const followed = this.#secrets.get(name) ?? this.#start(name, reference);
      followed.users.add(key);
    }
    for (const name of entry.references.keys()) if (!references.has(name)) this.#release(name, key);
    entry.references = references;
  }

  #start(name: string, reference: SecretReference): Followed {
    const followed: Followed = { state: { kind: 'waiting' }, users: new Set(), stop: () => {} };
    this.#secrets.set(name, followed);
    const miss = (reason: string) => {
      // A secret that was there stays in use, whatever becomes of it at its server.
      if (followed.state.kind !== 'there') this.#set(followed, { kind: 'missing', reason });
    };
    const cancel = this.#options.setTimer(() => miss(`has not come within ${doesNotExistMs / 1000} s`), doesNotExistMs);
    const stop = this.#options.watch(reference, {
      onChanged: (resource) => {
        cancel();
        if (resource.type === 'secret') this.#set(followed, { kind: 'there', secret: resource.value });
      },
      onAbsent: () => miss('does not exist'),
      onError: ({ code, message }, hasResource) => {
        if (code !== 'stream-failed' && !hasResource) miss(`is refused: ${message}`);
      },
    });
    if ('problem' in stop) {
      cancel();
      followed.state = { kind: 'missing', reason: stop.problem };
      return followed;
    }
    followed.stop = () => {
      cancel();
      stop();
    };
    return followed;
  }

  #set(followed: Followed, state: SecretState): void {
    followed.state = state;
    for (const key of followed.users) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) this.#update(key, entry);
    }
  }

  #release(name: string, key: string): void {
    const followed = this.#secrets.get(name);
    if (followed === undefined) return;
    followed.users.delete(key);
    if (followed.users.size > 0) return;
    followed.stop();
    this.#secrets.delete(name);
  }
}

function keyOf({ type, value }: Joinable): string {
  return `${type} ${value.name}`;
}
