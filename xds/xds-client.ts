// The client of all control planes of a bootstrap: a name of the form `xdstp://authority/...` is asked of that authority's
// servers, any other of those that the bootstrap names first (gRFC A47, xRFC TP1). Authorities with the same servers share
// one client, and so one stream.
import { ControlPlaneClient, type XdsClientOptions } from './client.ts';
import type { ControlPlaneStatus } from './client-status.ts';
import type { ConfigDump } from './config-dump.ts';
import { resourceTypes } from './decode/resource-types.ts';
import { XdsError } from './errors.ts';
import type { ServerConfig } from './model/bootstrap.ts';
import type { ResourceType } from './model/resource.ts';
import { parseResourceName } from './model/resource-name.ts';
import { renamed } from './resource-cache.ts';
import type { SavedResource } from './saved-config.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';

type Found = { readonly client: ControlPlaneClient; readonly canonical: string } | { readonly problem: string };

export class XdsClient {
  readonly #options: XdsClientOptions;
  readonly #main: ControlPlaneClient;
  /** By their servers, those of the bootstrap first; others once they are needed. */
  readonly #clients = new Map<string, ControlPlaneClient>();
  readonly #restoredCounts = new Map<string, number>();
  #isStarted = false;

  /** Opens nothing yet. Throws where the bootstrap has no server, or proto/ cannot be loaded. */
  constructor(options: XdsClientOptions) {
    this.#options = options;
    this.#main = this.#clientOf(options.bootstrap.servers);
  }

  /** Connects, and keeps connected until `stop`. */
  start(): void {
    this.#isStarted = true;
    for (const client of this.#clients.values()) client.start();
  }

  /** Takes over what was `held` in an earlier life, before `start`: in use until a server replaces or drops it. */
  restore(saved: readonly SavedResource[]): void {
    const shares = new Map<ControlPlaneClient, SavedResource[]>();
    for (const resource of saved) {
      const found = this.#find(resource.type, resource.name);
      if ('problem' in found) continue;
      shares.set(found.client, [...(shares.get(found.client) ?? []), resource]);
    }
    for (const [client, share] of shares) client.restore(share);
  }

  /** What is in use, as it was received. */
  held(): SavedResource[] {
    return [...this.#clients.values()].flatMap((client) => client.held());
  }

  /** Ends all streams and timers. Resources stay readable by `dump`. */
  stop(): void {
    this.#isStarted = false;
    for (const client of this.#clients.values()) client.stop();
  }

  /** Whether the bootstrap's own server works: its stream has given a response, and the last attempt did not fail (gRFC A78). */
  get connected(): boolean {
    return this.#main.connected;
  }

  /** Of each control plane, that of the bootstrap first; to be read at once. */
  statuses(): ControlPlaneStatus[] {
    return [...this.#clients.values()].map((client) => client.status());
  }

  /** Follows one resource. Returns the end of it; the last end gives up the subscription and the resource. */
  watch(type: ResourceType, name: string, watcher: ResourceWatcher): () => void {
    const found = this.#find(type, name);
    if ('problem' in found) {
      const error = new XdsError('unknown-authority', `${type} "${name}": ${found.problem}`);
      let isOver = false;
      queueMicrotask(() => {
        if (!isOver) watcher.onError(error, false);
      });
      return () => {
        isOver = true;
      };
    }
    const { client, canonical } = found;
    if (canonical === name) return client.watch(type, name, watcher);
    // Whoever asks by another order of the parameters knows the resource by that name.
    return client.watch(type, canonical, {
      onChanged: (resource) => watcher.onChanged(renamed(resource, name)),
      onAbsent: () => watcher.onAbsent(),
      onError: (error, hasResource) => watcher.onError(error, hasResource),
    });
  }

  /** Follows all resources of LDS or CDS that the bootstrap's own servers have. Returns the end of it. */
  watchAll(type: 'listener' | 'cluster', watcher: WildcardWatcher): () => void {
    return this.#main.watchAll(type, watcher);
  }

  /** What is known, for `/config_dump`: plain JSON without private keys. */
  dump(): ConfigDump {
    const [main, ...others] = [...this.#clients.values()].map((client) => client.dump());
    return others.length === 0 ? main! : { ...main!, others };
  }

  #find(type: ResourceType, name: string): Found {
    const parsed = parseResourceName(name);
    if (parsed.kind === 'plain') return { client: this.#main, canonical: name };
    if (parsed.kind === 'invalid') return { problem: parsed.reason };
    const { messageName } = resourceTypes[type];
    if (parsed.messageName !== messageName) return { problem: `the name is of a ${parsed.messageName}` };
    const { authorities = {}, servers } = this.#options.bootstrap;
    if (!Object.hasOwn(authorities, parsed.authority)) {
      return { problem: `the bootstrap has no authority "${parsed.authority}"` };
    }
    const own = authorities[parsed.authority]!.servers;
    return { client: this.#clientOf(own.length === 0 ? servers : own), canonical: parsed.canonical };
  }

  #clientOf(servers: readonly ServerConfig[]): ControlPlaneClient {
    const key = JSON.stringify(servers);
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = new ControlPlaneClient({
        ...this.#options,
        bootstrap: { ...this.#options.bootstrap, servers },
        onRestored: (count) => this.#countRestored(key, count),
      });
      this.#clients.set(key, client);
      if (this.#isStarted) client.start();
    }
    return client;
  }

  #countRestored(key: string, count: number): void {
    this.#restoredCounts.set(key, count);
    this.#options.onRestored?.([...this.#restoredCounts.values()].reduce((sum, own) => sum + own));
  }
}
