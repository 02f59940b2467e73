// Starts the data-plane threads and watches them: hands configuration down in slices, gathers what comes up, and when a
// thread dies starts another with the configuration replayed. The third crash within a minute is for the agent to end.

import module from 'node:module';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { formatAddress, type SocketAddress } from '../xds/model/address.ts';
import type { ConfigUpdate, ServingResource, ServingType } from '../xds/model/resource.ts';
import { ConfigFeed } from './config-feed.ts';
import type { DrainPlan } from './drain.ts';
import type { DataPlaneSettings, Down, RedirectionSettings, SamplingSettings, Up } from './link.ts';
import type { Log, LogLevel } from './observe/log.ts';

const CRASH_WINDOW_MS = 60_000;
const CRASHES_ALLOWED = 2;
/** 8 MiB hold about 13,000 rows of calls, more than the cap on label sets lets come to be. */
const STATS_BYTES = 8 * 1024 * 1024;

/** The order in which a whole configuration is replayed: what is named before what names it. */
const REPLAY_ORDER: readonly ServingType[] = ['cluster', 'endpoints', 'route', 'listener'];

export interface WorkersOptions {
  readonly concurrency: number;
  readonly sampling: SamplingSettings;
  readonly redirection?: RedirectionSettings;
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
  readonly #probed = new Map<string, { readonly wanted: string; readonly address: SocketAddress }>();
  #sending: Promise<void> = Promise.resolve();
  /** Counts the steps of configuration, so that `applied` can be matched. */
  #version = 0;
  #nextId = 0;
  #crashTimes: number[] = [];
  #logLevel: LogLevel;
  #stopping = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#logLevel = options.logLevel;
  }

  start(): void {
    for (let i = 0; i < this.#options.concurrency; i++) this.#threads.push(this.#spawn());
  }

  /** Ids of the threads that run, for messages and tests. */
  get threadIds(): readonly number[] {
    return this.#threads.map(({ worker }) => worker.threadId);
  }

  /** Remembers and sends one step of configuration; steps go out in the order they came. Resolves once it is on its way. */
  apply(update: ConfigUpdate): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      const upsert = await this.#withFreePorts(update.upsert);
      for (const resource of upsert) this.#resources.get(resource.type)?.set(resource.value.name, resource);
      for (const { type, name } of update.remove) {
        this.#resources.get(type)?.delete(name);
        if (type === 'listener') this.#probed.delete(name);
      }
      this.#version++;
      for (const { feed } of this.#threads) feed.push({ upsert, remove: update.remove }, this.#version);
    });
    return this.#sending;
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

  #broadcast(down: Down): void {
    for (const { worker } of this.#threads) worker.postMessage(down);
  }

  #spawn(): Thread {
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
    const thread: Thread = { id, worker, feed: new ConfigFeed((down) => worker.postMessage(down)) };
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
    const successor = this.#spawn();
    this.#threads[index] = successor;
    const upsert = REPLAY_ORDER.flatMap((type) => [...(this.#resources.get(type)?.values() ?? [])]);
    successor.feed.push({ upsert, remove: [] }, this.#version);
  }

  /** Slices are between the feed and its data plane; who listens here is told of whole steps. */
  #receive({ id, feed }: Thread, up: Up): void {
    const { onUp } = this.#options;
    if (up.kind !== 'applied') {
      onUp(id, up);
      return;
    }
    const version = feed.applied();
    if (version !== null) onUp(id, { kind: 'applied', version });
  }

  /**
   * With several workers a port is bound with SO_REUSEPORT, which lets a second process bind it in silence: so each new
   * one is bound exclusively first. Port 0 becomes the port that was free. A busy one is reported, and not sent.
   */
  async #withFreePorts(upsert: readonly ServingResource[]): Promise<readonly ServingResource[]> {
    if (this.#options.concurrency === 1) return upsert;
    const sent: ServingResource[] = [];
    for (const resource of upsert) {
      if (resource.type !== 'listener' || resource.value.api !== undefined) {
        sent.push(resource);
        continue;
      }
      const wanted = formatAddress(resource.value.address);
      const { name } = resource.value;
      const known = this.#probed.get(name);
      try {
        const address = known?.wanted === wanted ? known.address : await probe(resource.value.address);
        this.#probed.set(name, { wanted, address });
        sent.push({ type: 'listener', value: { ...resource.value, address } });
      } catch {
        const reason = `can't listen on ${wanted}: another process has the port`;
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
