// Starts the data-plane threads and watches them: hands configuration down in slices, gathers what comes up, and when a
// thread dies starts another with the configuration replayed. The third crash within a minute is for the agent to end.

import { closeSync } from 'node:fs';
import module from 'node:module';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { formatAddress, isSocketFile, type SocketAddress } from '../xds/model/address.ts';
import type { ConfigUpdate, ServingResource, ServingType } from '../xds/model/resource.ts';
import { ConfigFeed } from './config-feed.ts';
import type { DrainPlan } from './drain.ts';
import type { DataPlaneSettings, Down, LentSocket, RedirectionSettings, SamplingSettings, Up } from './link.ts';
import type { Log, LogLevel } from './observe/log.ts';
import { SharedCounts } from './stats/shared-counts.ts';
import type { GivenSockets } from './takeover/given-sockets.ts';
import { type InheritedSockets, listenerSocketName, type PassedSocket } from './takeover/inherited-sockets.ts';

const CRASH_WINDOW_MS = 60_000;
const CRASHES_ALLOWED = 2;
/** What a worker may take to say which sockets it has. */
const LEND_MS = 2000;
/** 8 MiB hold about 13,000 rows of calls, more than the cap on label sets lets come to be. */
const STATS_BYTES = 8 * 1024 * 1024;

/** The order in which a whole configuration is replayed: what is named before what names it. */
const REPLAY_ORDER: readonly ServingType[] = ['cluster', 'endpoints', 'route', 'listener'];

export interface WorkersOptions {
  readonly concurrency: number;
  readonly sampling: SamplingSettings;
  readonly redirection?: RedirectionSettings;
  /** Sockets that the agent was started with; absent: none. */
  readonly given?: GivenSockets;
  readonly logLevel: LogLevel;
  readonly log: Log;
  /** Everything that comes up, by worker. */
  readonly onUp: (worker: number, up: Up) => void;
  /** A worker (again) has a statistics block of its own. */
  readonly onStats: (worker: number, stats: SharedArrayBuffer) => void;
  readonly onCrash: (worker: number) => void;
  /** Too many crashes in a minute: the agent can't go on. */
  readonly onFatal: (reason: string) => void;
}

/** Workers are asked for their sockets. */
interface Lending {
  readonly waiting: Set<Thread>;
  readonly sockets: PassedSocket[];
  readonly goOn: () => void;
  readonly done: (sockets: readonly PassedSocket[]) => void;
}

interface Thread {
  readonly id: number;
  readonly worker: Worker;
  readonly feed: ConfigFeed;
}

export class Workers {
  readonly #options: WorkersOptions;
  readonly #threads: Thread[] = [];
  /** The last good configuration, whole: what a restarted worker is told. */
  readonly #resources = new Map<ServingType, Map<string, ServingResource>>(
    REPLAY_ORDER.map((type) => [type, new Map()]),
  );
  /** By listener: the address whose port was found free, which several workers share from then on. */
  readonly #probed = new Map<string, { readonly wanted: SocketAddress; readonly address: SocketAddress }>();
  /** Listeners that wait for the sockets of a predecessor; `null`: none does. */
  #held: Map<string, ServingResource> | null = null;
  #lending: Lending | null = null;
  /** What the workers count together; `null`: there is one. */
  readonly #counts: SharedCounts | null;
  #sending: Promise<void> = Promise.resolve();
  /** Counts the steps of configuration, so that `applied` can be matched. */
  #version = 0;
  #nextId = 0;
  #crashTimes: number[] = [];
  #logLevel: LogLevel;
  #stopping = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#counts = options.concurrency > 1 ? new SharedCounts(options.concurrency) : null;
    this.#logLevel = options.logLevel;
  }

  start(): void {
    for (let i = 0; i < this.#options.concurrency; i++) this.#threads.push(this.#spawn(i));
  }

  /** Ids of the threads that run, for messages and tests. */
  get threadIds(): readonly number[] {
    return this.#threads.map(({ worker }) => worker.threadId);
  }

  /** Remembers and sends one step of configuration; steps go out in the order they came. Resolves once it is on its way. */
  apply(update: ConfigUpdate): Promise<void> {
    return this.#inOrder(() => this.#apply(update));
  }

  /** From here on listeners bind nothing, until `inherit`. */
  holdListeners(): void {
    this.#held = new Map();
  }

  /** Listeners bind now, those whose sockets are among these by taking them. Resolves with the names of these. */
  async inherit(sockets: InheritedSockets): Promise<readonly string[]> {
    const names: string[] = [];
    await this.#inOrder(async () => {
      const held = [...(this.#held?.values() ?? [])];
      this.#held = null;
      for (const resource of held) if (this.#takeSockets(resource, sockets)) names.push(resource.value.name);
      await this.#apply({ upsert: held, remove: [] });
    });
    return names;
  }

  /**
   * Copies of all listening sockets, the receiver's to close; steps of configuration wait until `goOn`, so that no other
   * socket comes to be. Rejects with one sentence where a worker does not answer.
   */
  async lend(): Promise<readonly PassedSocket[]> {
    const { promise: isOver, resolve: goOn } = Promise.withResolvers<void>();
    const lent = Promise.withResolvers<readonly PassedSocket[]>();
    await this.#inOrder(async () => {
      this.#lending = { waiting: new Set(this.#threads), sockets: [], goOn, done: lent.resolve };
      this.#broadcast({ kind: 'lend' });
    });
    this.#sending = this.#sending.then(() => isOver);
    const late = setTimeout(() => lent.reject(new Error('a data plane does not answer')), LEND_MS);
    try {
      return await lent.promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Configuration goes on. */
  goOn(): void {
    this.#lending?.goOn();
    this.#lending = null;
  }

  setLogLevel(level: LogLevel): void {
    this.#logLevel = level;
    this.#broadcast({ kind: 'log-level', level });
  }

  /** Each worker answers with `drained`. */
  drain(plan: DrainPlan): void {
    this.#broadcast({ kind: 'drain', plan });
  }

  /** Tells one worker, if it still runs. */
  tell(id: number, down: Down): void {
    this.#threads.find((thread) => thread.id === id)?.worker.postMessage(down);
  }

  /** Tells every worker, behind the configuration that is under way. */
  tellAll(down: Down): void {
    this.#sending = this.#sending.then(() => this.#broadcast(down));
  }

  /** Asks any worker; it answers with `explained`. */
  ask(down: Down): void {
    this.#threads[0]?.worker.postMessage(down);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const exits = this.#threads.map(
      ({ worker }) => new Promise<void>((resolve) => worker.once('exit', () => resolve())),
    );
    this.#broadcast({ kind: 'stop' });
    const forced = setTimeout(() => {
      for (const { worker } of this.#threads) void worker.terminate();
    }, 500);
    await Promise.all(exits);
    clearTimeout(forced);
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    this.#sending = this.#sending.then(step);
    return this.#sending;
  }

  async #apply({ upsert: all, remove }: ConfigUpdate): Promise<void> {
    const wanted = this.#withoutHeld(all);
    for (const resource of wanted) if (!this.#isBound(resource)) this.#give(resource, this.#threads);
    const upsert = await this.#withFreePorts(wanted);
    for (const resource of upsert) {
      this.#resources.get(resource.type)?.set(resource.value.name, resource);
      if (resource.type === 'cluster') this.#counts?.assign(resource.value.name);
    }
    for (const { type, name } of remove) {
      this.#resources.get(type)?.delete(name);
      if (type === 'cluster') this.#counts?.release(name);
      if (type !== 'listener') continue;
      this.#probed.delete(name);
      this.#held?.delete(name);
    }
    this.#version++;
    for (const { feed } of this.#threads) feed.push({ upsert, remove }, this.#version);
  }

  #withoutHeld(upsert: readonly ServingResource[]): readonly ServingResource[] {
    const held = this.#held;
    if (held === null) return upsert;
    return upsert.filter((resource) => {
      if (resource.type !== 'listener') return true;
      held.set(resource.value.name, resource);
      return false;
    });
  }

  /** Hands the sockets of a listener to the workers, evenly; `false`: there are none. */
  #takeSockets(resource: ServingResource, sockets: InheritedSockets): boolean {
    if (resource.type !== 'listener' || resource.value.api !== undefined) return false;
    const { name: listener, address } = resource.value;
    const all = sockets.take(listenerSocketName(listener, address));
    if (all.length === 0) return false;
    this.#probed.set(listener, { wanted: address, address });
    for (const [at, { worker }] of this.#threads.entries()) {
      const descriptors = all.filter((_, i) => i % this.#threads.length === at);
      worker.postMessage({ kind: 'inherit', listener, descriptors } satisfies Down);
    }
    return true;
  }

  /** Or has a predecessor's sockets to take. */
  #isBound(resource: ServingResource): boolean {
    if (resource.type !== 'listener') return false;
    const known = this.#wantedAddress(resource.value.name);
    return known !== undefined && formatAddress(known) === formatAddress(resource.value.address);
  }

  /** A copy of the socket that the agent was started with for the port of a listener, to each of these. */
  #give(resource: ServingResource, threads: readonly Thread[]): void {
    const { given } = this.#options;
    if (given === undefined || resource.type !== 'listener' || resource.value.api !== undefined) return;
    const { name: listener, address } = resource.value;
    for (const { worker } of threads) {
      const descriptor = given.take(address.port);
      if (descriptor === null) return;
      this.#probed.set(listener, { wanted: address, address });
      worker.postMessage({ kind: 'inherit', listener, descriptors: [descriptor] } satisfies Down);
    }
  }

  #broadcast(down: Down): void {
    for (const { worker } of this.#threads) worker.postMessage(down);
  }

  /** @param index which of the threads it is, or takes the place of. */
  #spawn(index: number): Thread {
    const id = this.#nextId++;
    const { concurrency, sampling, redirection, onStats } = this.#options;
    const stats = new SharedArrayBuffer(STATS_BYTES);
    const settings: DataPlaneSettings = {
      worker: id,
      reusePort: concurrency > 1,
      stats,
      logLevel: this.#logLevel,
      sampling,
      ...(redirection === undefined ? {} : { redirection }),
      ...(this.#counts === null ? {} : { counts: this.#counts.row(index) }),
    };
    onStats(id, stats);
    // Sources and the built package differ in this file's extension only.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./data-plane-worker.${extension}`, import.meta.url), {
      workerData: settings,
      env: withCompileCache(process.env),
      // A small young generation keeps the resident set small; half of this costs CPU (docs/performance.md).
      resourceLimits: { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 12 },
    });
    const placeOf = (cluster: string): number => this.#counts?.placeOf(cluster) ?? -1;
    const feed = new ConfigFeed((down) => worker.postMessage(down), placeOf);
    const thread: Thread = { id, worker, feed };
    let cause = 'it ended by itself';
    worker.on('message', (up: Up) => this.#receive(thread, up));
    worker.on('error', (error: unknown) => {
      cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    worker.on('exit', () => this.#exited(thread, cause));
    return thread;
  }

  #exited(thread: Thread, cause: string): void {
    if (this.#stopping) return;
    const { log, onCrash, onFatal } = this.#options;
    const now = performance.now();
    this.#crashTimes = [...this.#crashTimes.filter((time) => now - time < CRASH_WINDOW_MS), now];
    onCrash(thread.id);
    if (this.#crashTimes.length > CRASHES_ALLOWED) {
      onFatal(`a data-plane worker crashed ${this.#crashTimes.length} times within a minute: ${cause}`);
      return;
    }
    log('error', 'data-plane worker died; another one takes its place', { worker: thread.id, cause });
    const index = this.#threads.indexOf(thread);
    this.#counts?.clearRow(index);
    const successor = this.#spawn(index);
    this.#threads[index] = successor;
    const upsert = REPLAY_ORDER.flatMap((type) => [...(this.#resources.get(type)?.values() ?? [])]);
    for (const resource of upsert) this.#give(resource, [successor]);
    successor.feed.push({ upsert, remove: [] }, this.#version);
  }

  /** Slices are between the feed and its data plane; who listens here is told of whole steps. */
  #receive(thread: Thread, up: Up): void {
    const { id, feed } = thread;
    const { onUp } = this.#options;
    if (up.kind === 'lent') {
      this.#lent(thread, up.sockets);
      return;
    }
    if (up.kind !== 'applied') {
      onUp(id, up);
      return;
    }
    const version = feed.applied();
    if (version !== null) onUp(id, { kind: 'applied', version });
  }

  #lent(thread: Thread, sockets: readonly LentSocket[]): void {
    const lending = this.#lending;
    if (lending === null || !lending.waiting.delete(thread)) {
      for (const { descriptor } of sockets) closeSync(descriptor);
      return;
    }
    for (const { listener, descriptor } of sockets) {
      const address = this.#wantedAddress(listener);
      if (address === undefined || isSocketFile(address)) closeSync(descriptor);
      else lending.sockets.push({ name: listenerSocketName(listener, address), descriptor });
    }
    if (lending.waiting.size === 0) lending.done(lending.sockets);
  }

  /** As its configuration has it, whatever free port was found. */
  #wantedAddress(listener: string): SocketAddress | undefined {
    const resource = this.#resources.get('listener')?.get(listener);
    return this.#probed.get(listener)?.wanted ?? (resource?.type === 'listener' ? resource.value.address : undefined);
  }

  /**
   * With several workers a port is bound with SO_REUSEPORT, which lets a second process bind it in silence: so each new
   * one is bound exclusively first. Port 0 becomes the port that was free. A busy one is reported, and not sent.
   */
  async #withFreePorts(upsert: readonly ServingResource[]): Promise<readonly ServingResource[]> {
    if (this.#options.concurrency === 1) return upsert;
    const sent: ServingResource[] = [];
    for (const resource of upsert) {
      if (resource.type !== 'listener' || resource.value.api !== undefined || resource.value.bindsNoPort === true) {
        sent.push(resource);
        continue;
      }
      const { name, address: wanted } = resource.value;
      const known = this.#probed.get(name);
      const isKnown = known !== undefined && formatAddress(known.wanted) === formatAddress(wanted);
      try {
        const address = isKnown ? known.address : await probe(wanted);
        this.#probed.set(name, { wanted, address });
        sent.push({ type: 'listener', value: { ...resource.value, address } });
      } catch {
        const reason = `can't listen on ${formatAddress(wanted)}: another process has the port`;
        this.#options.onUp(0, { kind: 'listener-failed', name, reason });
      }
    }
    return sent;
  }
}

/** So that a thread, too, takes compiled code from where the process does; it has its own cache, by the environment. */
function withCompileCache(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const folder = module.getCompileCacheDir?.();
  return folder === undefined ? env : { ...env, NODE_COMPILE_CACHE: dirname(folder) };
}

function probe(address: SocketAddress): Promise<SocketAddress> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => {
        resolve(bound === null || typeof bound === 'string' ? address : { host: address.host, port: bound.port });
      });
    });
  });
}
