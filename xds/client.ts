// The client of one control plane, its servers in their order: watchers and resources over ADS. Resources outlive the stream: while the server is away, the last good ones
// stay in use, and nobody is told (gRFC A57).
import { AbsenceTimers } from './absence-timers.ts';
import type { Verdict } from './ads-stream.ts';
import type { ReceivedUpdate } from './ads-wire.ts';
import { type ControlPlaneStatus, statusesOf } from './client-status.ts';
import { type ConfigDump, dumpType } from './config-dump.ts';
import type { ReadMessage } from './decode/decode-context.ts';
import { resourceTypeOf } from './decode/resource-types.ts';
import type { UnsupportedPolicy } from './decode/validation.ts';
import { type Log, nodeTimer, type SetTimer } from './environment.ts';
import { XdsError } from './errors.ts';
import type { AdsModePolicy, Bootstrap, ServerConfig } from './model/bootstrap.ts';
import type { ResourceType } from './model/resource.ts';
import { toNodeMessage } from './node-message.ts';
import { createPacedTransport } from './paced-transport.ts';
import { loadProtos } from './protos.ts';
import { digestOf, logUpdate } from './received-update.ts';
import { ResourceTtls } from './resource-ttls.ts';
import { RestoredResources } from './restored-resources.ts';
import type { SavedResource } from './saved-config.ts';
import { ServerChain } from './server-chain.ts';
import type { SotwWireOptions } from './sotw-wire.ts';
import { nextSubscriptionState } from './subscription.ts';
import type { Transport } from './transport.ts';
import { TypeState } from './type-state.ts';
import { UpdateCounts } from './update-counts.ts';
import { overdueError, refusedError, rejectedError, WatcherCalls } from './watcher-calls.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';
import { wireSchemaOf } from './wire-schema.ts';

export interface XdsClientOptions {
  readonly bootstrap: Bootstrap;
  /** Makes the way to a server of the bootstrap (`createGrpcTransport`). */
  readonly transport: (server: ServerConfig) => Transport;
  readonly log: Log;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** 0 to 1, for jitter. Default `Math.random`. */
  readonly random?: () => number;
  /** Default: the timers of Node. */
  readonly setTimer?: SetTimer;
  /** What to do with fields that we do not carry out. Default `warn`. */
  readonly unsupported?: UnsupportedPolicy;
  /** The text of a certificate file that a resource names; throws. Default `null`: such resources are unsupported. */
  readonly readFile?: ((path: string) => string) | null;
  /** How to ask for everything. Default `legacy`: no names at all, which every server understands. */
  readonly wildcard?: SotwWireOptions['wildcard'];
  /** The version to name in the NACK of a response of which a part is in use. Default `previous`. */
  readonly partialVersion?: SotwWireOptions['partialVersion'];
  /** How ADS is spoken. Default: what the bootstrap says of the server, else `auto`. */
  readonly mode?: AdsModePolicy;
  /** Sent as `user_agent_version`. */
  readonly userAgentVersion?: string;
  /** Told how much of what is in use is from the disk (`restore`), whenever that changes. */
  readonly onRestored?: (count: number) => void;
}

/** Make before break: what is named is asked for before what names it. */
const typeOrder: readonly ResourceType[] = ['secret', 'cluster', 'endpoints', 'listener', 'route'];

export class ControlPlaneClient {
  readonly #log: Log;
  readonly #servers: ServerChain;
  readonly #types: Readonly<Record<ResourceType, TypeState>>;
  readonly #watchers: WatcherCalls;
  readonly #restored: RestoredResources;
  readonly #absence: AbsenceTimers;
  readonly #ttls: ResourceTtls;
  /** Types of which the wanted names changed since the last flush; `null` where no flush is due. */
  #dirty: Set<ResourceType> | null = null;
  #isConnected = false;
  /** Why the last attempt to reach a server gave nothing; `null` once one has answered. */
  #failure: string | null = null;
  readonly #counts = new UpdateCounts();

  /** Opens nothing yet. Throws where the bootstrap has no server, or proto/ cannot be loaded. */
  constructor(options: XdsClientOptions) {
    const { bootstrap, log, now = Date.now, random = Math.random, setTimer = nodeTimer } = options;
    if (bootstrap.servers.length === 0) throw new Error('the bootstrap has no xDS server');
    const protos = loadProtos();
    this.#log = log;
    const decode = {
      // The interfaces that decoders read by are written by hand after proto/ (xds/decode/*-messages.ts).
      read: protos.decode as ReadMessage,
      readFile: options.readFile ?? null,
      unsupported: options.unsupported ?? 'warn',
      schema: wireSchemaOf(protos.describe),
    };
    const createType = (type: ResourceType) => new TypeState({ type, decode, now });
    this.#types = {
      listener: createType('listener'),
      route: createType('route'),
      cluster: createType('cluster'),
      endpoints: createType('endpoints'),
      secret: createType('secret'),
    };
    const watchers = new WatcherCalls(this.#types, log);
    this.#watchers = watchers;
    this.#restored = new RestoredResources({
      types: this.#types,
      log,
      setTimer,
      isAnswered: () => this.#isConnected,
      onGone: (type, names) => this.#onGone(type, names),
      onCount: options.onRestored ?? (() => {}),
    });
    this.#absence = new AbsenceTimers({
      types: this.#types,
      server: () => this.#servers.target,
      log,
      setTimer,
      policy: () => this.#servers.policy,
      onAbsent: (type, name) => watchers.tell(type, name, (watcher) => watcher.onAbsent()),
      onOverdue: (type, name) =>
        watchers.tell(type, name, (watcher) => watcher.onError(overdueError(type, name), false)),
      onSilence: (type) => watchers.tellAll(type, (watcher) => watcher.onSilence()),
    });
    this.#ttls = new ResourceTtls(setTimer, (type, name) => {
      if (!this.#types[type].cache.get(name)?.accepted) return;
      log('warn', 'an xDS resource has outlived its time to live, and is dropped', {
        server: this.#servers.target,
        type,
        name,
      });
      this.#types[type].cache.forget(name);
      this.#onGone(type, [name]);
    });
    const { wildcard = 'legacy', partialVersion = 'previous', mode = null } = options;
    this.#servers = new ServerChain({
      servers: bootstrap.servers,
      transport: (server) =>
        createPacedTransport({
          transport: options.transport(server),
          decodeAhead: (any) => {
            const info = resourceTypeOf(any.type_url);
            if (info !== undefined) this.#types[info.type].cache.decodeAhead(any);
          },
        }),
      mode,
      node: toNodeMessage(bootstrap.node, options.userAgentVersion ?? ''),
      protos,
      wildcard,
      partialVersion,
      log,
      now,
      random,
      setTimer,
      handler: {
        onRequested: (type) => {
          this.#restored.awaitServer(type);
          this.#absence.start(type);
        },
        onUpdate: (update) => this.#onUpdate(update),
        onBroken: (failure) => this.#onBroken(failure),
        heldVersions: (type) => this.#types[type].cache.heldVersions(),
        forgetVersions: () => {
          for (const type of typeOrder) this.#types[type].cache.forgetVersions();
        },
        lacksData: () => typeOrder.some((type) => this.#types[type].lacksData),
      },
    });
  }

  /** Connects, and keeps connected until `stop`. */
  start(): void {
    this.#flush();
    this.#servers.start();
  }

  /** Takes over what was `held` in an earlier life, before `start`: in use until the server replaces or drops it. */
  restore(saved: readonly SavedResource[]): void {
    this.#restored.restore(saved);
  }

  /** What is in use, as it was received. */
  held(): SavedResource[] {
    return typeOrder.flatMap((type) => this.#types[type].cache.held());
  }

  /** Ends the stream and all timers. Resources stay readable by `dump`. */
  stop(): void {
    this.#isConnected = false;
    this.#servers.stop();
    this.#ttls.stop();
    for (const type of typeOrder) this.#types[type].cancelTimers();
  }

  /** Whether the server works: its stream has given a response, and the last attempt did not fail (gRFC A78). */
  get connected(): boolean {
    return this.#isConnected;
  }

  /** What is known of the servers and of each resource; to be read at once. */
  status(): ControlPlaneStatus {
    const types = this.#types;
    return {
      server: this.#servers.target,
      connected: this.#isConnected,
      counts: this.#counts.byServer(this.#servers.target),
      resources: typeOrder.flatMap((type) => [...statusesOf(type, types[type])]),
    };
  }

  /** Follows one resource. Returns the end of it; the last end gives up the subscription and the resource. */
  watch(type: ResourceType, name: string, watcher: ResourceWatcher): () => void {
    const state = this.#types[type];
    let watchers = state.watchers.get(name);
    if (watchers === undefined) {
      watchers = new Set();
      state.watchers.set(name, watchers);
      this.#touch(type);
    }
    watchers.add(watcher);
    const entry = state.cache.get(name);
    if (!state.states.has(name)) state.states.set(name, entry === undefined ? 'started' : 'received');
    const step = state.states.get(name);
    const failure = this.#servers.isExhausted ? this.#failure : null;
    if (entry !== undefined || step === 'does-not-exist' || step === 'overdue' || failure !== null) {
      queueMicrotask(() => {
        if (watchers.has(watcher)) this.#watchers.tellWhatIsKnown(type, name, watcher, failure);
      });
    }
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0) this.#touch(type);
    };
  }

  /** Follows all resources of LDS or CDS. Returns the end of it. */
  watchAll(type: 'listener' | 'cluster', watcher: WildcardWatcher): () => void {
    const state = this.#types[type];
    state.wildcardWatchers.add(watcher);
    this.#touch(type);
    if (state.wildcardState === 'received' || state.cache.size > 0) {
      queueMicrotask(() => {
        if (state.wildcardWatchers.has(watcher)) this.#watchers.tellAllThatIsKnown(type, watcher);
      });
    }
    return () => {
      state.wildcardWatchers.delete(watcher);
      if (state.wildcardWatchers.size === 0) this.#touch(type);
    };
  }

  /** What is known, for `/config_dump`: plain JSON without private keys. */
  dump(): ConfigDump {
    const { listener, route, cluster, endpoints, secret } = this.#types;
    return {
      server: this.#servers.target,
      connected: this.#isConnected,
      listeners: dumpType('listener', listener),
      routes: dumpType('route', route),
      clusters: dumpType('cluster', cluster),
      endpoints: dumpType('endpoints', endpoints),
      secrets: dumpType('secret', secret),
    };
  }

  /** Changes of one turn become one request a type, sent after whatever is going on now. */
  #touch(type: ResourceType): void {
    if (this.#dirty === null) {
      this.#dirty = new Set();
      queueMicrotask(() => this.#flush());
    }
    this.#dirty.add(type);
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = null;
    if (dirty === null) return;
    for (const type of typeOrder) {
      if (!dirty.has(type)) continue;
      const state = this.#types[type];
      state.prune();
      this.#servers.subscribe(type, state.wanted);
    }
  }

  #onUpdate(update: ReceivedUpdate): Verdict {
    this.#isConnected = true;
    this.#failure = null;
    const { type } = update;
    const state = this.#types[type];
    const applied = state.cache.apply(update, (name) => state.isWanted(name), this.#servers.policy);
    this.#counts.updated(this.#servers.target, type, applied);
    if (state.wildcardWatchers.size > 0) state.wildcardState = 'received';
    for (const name of applied.seen) if (state.states.has(name)) state.step(name, 'received');
    const absent = [...applied.removed, ...state.missingOf(update.removed, applied)];
    for (const name of absent) if (state.states.has(name)) state.step(name, 'removed');
    const isPartlyValid = applied.validCount > 0;
    const isRepeated = this.#noteVerdict(state, update, applied.errors);
    logUpdate(this.#log, this.#servers.target, update, applied, isRepeated);

    for (const resource of applied.changed) {
      this.#watchers.tell(type, resource.value.name, (watcher) => watcher.onChanged(resource));
    }
    for (const name of absent) this.#watchers.tell(type, name, (watcher) => watcher.onAbsent());
    const removed = [...applied.removed, ...applied.dropped];
    this.#watchers.tellAll(type, (watcher) => watcher.onUpdate({ changed: applied.changed, removed }));
    this.#restored.count();
    for (const [name, ttlMs] of applied.ttls) this.#ttls.set(type, name, ttlMs);
    for (const name of [...absent, ...applied.dropped]) this.#ttls.set(type, name, null);
    for (const { name, errors } of applied.rejected) {
      this.#watchers.tellError(type, name, rejectedError(type, name, errors));
    }
    for (const error of applied.refused) this.#watchers.tellError(type, error.name, refusedError(type, error));
    return { detail: applied.errors.length === 0 ? null : applied.errors.join('\n'), isPartlyValid, isRepeated };
  }

  /** What was restored, or had a time to live, is no longer there. */
  #onGone(type: ResourceType, names: readonly string[]): void {
    const state = this.#types[type];
    for (const name of names) {
      if (state.states.has(name)) state.step(name, 'removed');
      this.#watchers.tell(type, name, (watcher) => watcher.onAbsent());
    }
    this.#watchers.tellAll(type, (watcher) => watcher.onUpdate({ changed: [], removed: names }));
  }

  /** Whether a rejected response is byte for byte the one that was rejected before it, in any order of its resources. */
  #noteVerdict(state: TypeState, update: ReceivedUpdate, errors: readonly string[]): boolean {
    if (errors.length === 0) {
      state.rejectedDigest = null;
      return false;
    }
    const digest = digestOf(update);
    const isRepeated = digest === state.rejectedDigest;
    state.rejectedDigest = digest;
    return isRepeated;
  }

  #onBroken(failure: string | null): void {
    if (failure !== null && this.#isConnected) {
      this.#isConnected = false;
      this.#counts.failed(this.#servers.target);
    }
    for (const type of typeOrder) {
      const state = this.#types[type];
      state.cancelTimers();
      state.wildcardState = nextSubscriptionState(state.wildcardState, 'stream-broken');
      for (const name of state.states.keys()) state.step(name, 'stream-broken');
    }
    if (failure === null) return;
    this.#failure = failure;
    const error = new XdsError('stream-failed', failure);
    for (const type of typeOrder) {
      const state = this.#types[type];
      for (const [name, step] of [...state.states]) {
        if (step === 'started' && !state.cache.get(name)?.accepted) {
          this.#watchers.tell(type, name, (watcher) => watcher.onError(error, false));
        }
      }
    }
  }
}
