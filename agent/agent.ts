// The composition root of the control thread: xDS client, workers, telemetry, admin. Start, ready, drain, stop.
import { readFileSync } from 'node:fs';
import { encodeClientConfigs } from '../xds/client-config.ts';
import {
  type Bootstrap,
  ConfigCache,
  type ControlPlaneStatus,
  createGrpcTransport,
  DependencyManager,
  LayeredResources,
  LocalResources,
  OnDemandSource,
  resolveHost,
  SecretSources,
  type UnsupportedPolicy,
  XdsClient,
} from '../xds/index.ts';
import type { ConfigUpdate, Resource } from '../xds/model/resource.ts';
import { toNodeMessage } from '../xds/node-message.ts';
import type { ReadClientConfigs } from '../xds/server/client-status-server.ts';
import type { AdminSource } from './admin/admin-source.ts';
import { AgentView } from './admin/agent-view.ts';
import { AgentPorts } from './agent-ports.ts';
import { type ConfigFile, FollowedConfig } from './config/followed-config.ts';
import { type DrainPlan, drainWithin } from './drain.ts';
import type { Explanation, Up } from './link.ts';
import type { Log, LogLevel } from './observe/log.ts';
import { outboundListener } from './outbound-listener.ts';
import { StatsReader } from './stats/stats-reader.ts';
import { StatsRegion } from './stats/stats-region.ts';
import { NO_SOCKETS, Succession } from './succession.ts';
import { GivenSockets } from './takeover/given-sockets.ts';
import { createLogger, logLevelFromEnv } from './telemetry/log.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';
import { Workers } from './workers.ts';

/** No worker has this number. */
const CONTROL = -1;
const OWN_STATS_BYTES = 64 * 1024;

/** How long listeners from the disk are followed for which no call has come yet. */
const RESTORED_WANTED_MS = 300_000;

/** What a worker may take to say that it has drained, beyond the grace it was given. */
const DRAIN_ANSWER_MS = 1000;

export interface AgentOptions {
  /** Without a server: everything comes from `file`. */
  readonly bootstrap: Bootstrap;
  /** A sound file of listeners, routes and clusters, followed; it goes before a control plane. `null`: there is none. */
  readonly file: ConfigFile | null;
  /** What of it has no effect, `field path: text` each; logged at the start. */
  readonly bootstrapWarnings: readonly string[];
  /** What to do with a resource that asks for what the agent does not carry out. */
  readonly unsupported: UnsupportedPolicy;
  /** Said to the control plane, where the bootstrap names no version. */
  readonly version: string;
  /** Folder that keeps the last good configuration across restarts; `null`: it is not kept. */
  readonly cacheDir: string | null;
  /** How ADS is spoken; `null`: what the bootstrap says of its server, else `auto`. */
  readonly xdsMode: 'auto' | 'delta' | 'sotw' | null;
  readonly adminHost: string;
  /** 0 takes any free port. */
  readonly adminPort: number;
  /** Where the status of its xDS client is served over gRPC (CSDS), at 127.0.0.1; 0 takes any free port, `null`: nowhere. */
  readonly csdsPort: number | null;
  /**
   * Calls that come to this port of 127.0.0.1 each name a listener with their authority, which the control plane is asked
   * for then; nothing else is asked for. `null`: the control plane is asked for all listeners, and says where they are.
   */
  readonly outboundPort: number | null;
  /** The port for kubelet and Prometheus, on all addresses; `null`: there is none. */
  readonly statusPort: number | null;
  /** Where an agent takes over from the one that serves, and the next one from it; `null`: nowhere. */
  readonly takeoverPath: string | null;
  /** The kernel redirects the application's connections to the listeners (`outrigger iptables`); `null`: it does not. */
  readonly interception: {
    /** Ports and ranges (`9000-9010`) whose connections are passed on without a look at their bytes. */
    readonly opaquePorts: readonly string[];
  } | null;
  /** Of listening sockets that the agent was started with, which listeners of their ports take. */
  readonly givenDescriptors: readonly number[];
  /** Data-plane threads. */
  readonly concurrency: number;
  /** `null`: `OUTRIGGER_LOG_LEVEL`, else `info`. */
  readonly logLevel: LogLevel | null;
  /** `OTEL_*`, `OUTRIGGER_OTEL_*`, `OUTRIGGER_APP_PROBES` and `POD_IP` are read from here. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How the agent ends once it is told to. */
  readonly drain: DrainPlan;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #stats = new StatsReader();
  readonly #telemetry: Telemetry;
  readonly #workers: Workers;
  /** `null` where everything comes from a file. */
  readonly #client: XdsClient | null;
  readonly #file: FollowedConfig | null;
  readonly #secrets: SecretSources;
  readonly #dependencies: DependencyManager;
  readonly #onDemand: OnDemandSource | null;
  readonly #view: AgentView;
  readonly #cache: ConfigCache | null;
  readonly #ports: AgentPorts;
  /** `null`: nobody takes over. */
  readonly #succession: Succession | null;
  readonly #questions = new Map<number, (explanation: Explanation) => void>();
  #nextQuestion = 0;
  #state: 'running' | 'draining' | 'stopped' = 'running';
  #drainedWorkers = 0;
  #callsCut = 0;
  #onDrained: (() => void) | null = null;
  #finish: (end: AgentEnd) => void = () => {};
  /** Settles once, when the agent is through: asked to stop, or unable to go on. */
  readonly ended: Promise<AgentEnd>;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { env, bootstrap } = options;
    const logLevel = options.logLevel ?? logLevelFromEnv(env) ?? 'info';
    const logger = createLogger({ level: logLevel });
    const { log } = logger;
    this.#log = log;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const stats = this.#createOwnRegion();
    const restored = stats.gauge('outrigger_xds_restored_resources', {});
    this.#telemetry = createTelemetry({
      env,
      serviceName: bootstrap.node.cluster || bootstrap.node.id,
      log,
      stats,
    });
    const given = options.givenDescriptors.length === 0 ? null : new GivenSockets(options.givenDescriptors);
    if (given !== null) log('info', 'listening sockets were given', { ports: given.ports });
    this.#workers = new Workers({
      ...(given === null ? {} : { given }),
      concurrency: options.concurrency,
      sampling: this.#telemetry.sampling,
      ...(options.interception === null
        ? {}
        : {
            redirection: {
              ...options.interception,
              ownPorts: [options.adminPort, ...(options.statusPort === null ? [] : [options.statusPort])],
            },
          }),
      logLevel,
      log,
      onUp: (worker, up) => this.#receive(worker, up),
      onStats: (worker, stats) => this.#stats.addWorker(worker, stats),
      onCrash: (worker) => {
        this.#stats.workerDied(worker);
        this.#onDemand?.unwantAll(worker);
      },
      onFatal: (reason) => this.#finish({ kind: 'failed', reason }),
    });
    const local = new LocalResources();
    const { file } = options;
    const apply = (resources: readonly Resource[]) => local.apply(resources);
    this.#file = file === null ? null : new FollowedConfig({ file, log, stats, apply });
    const common = { bootstrap, log, readFile, unsupported: options.unsupported, userAgentVersion: options.version };
    const xds = (): XdsClient =>
      new XdsClient({
        ...common,
        transport: createGrpcTransport,
        onRestored: (count) => {
          restored.set(count);
          this.#view.restored(count);
          if (count > 0) return;
          log('info', 'the control plane has replaced the configuration from the disk');
          this.#cache?.changed();
        },
        ...(options.xdsMode === null ? {} : { mode: options.xdsMode }),
      });
    this.#client = bootstrap.servers.length > 0 ? xds() : null;
    this.#secrets = new SecretSources({ ...common, ads: this.#client });
    const onRefused = (name: string, reason: string) =>
      this.#workers.tellAll({ kind: 'listener-refused', name, reason });
    this.#onDemand =
      this.#client === null || options.outboundPort === null
        ? null
        : new OnDemandSource({ client: this.#client, onRefused });
    const others = this.#onDemand ?? this.#client;
    const { asksForAll = ['listener', 'cluster'] } = bootstrap;
    const layers =
      file === null || others === null ? null : new LayeredResources({ own: local, others, asksForAll, log });
    this.#dependencies = new DependencyManager({
      client: layers ?? others ?? local,
      watchSecret: this.#secrets.watch,
      resolve: resolveHost,
      log,
      onUpdate: (update) => this.#apply(update),
      onSettled: () => {
        if (layers?.hasHeard ?? true) this.#view.configComplete();
        // What is on disk stays as it is until the control plane has said what has become of it.
        if (!this.#view.isStale) this.#cache?.changed();
      },
    });
    const { cacheDir: folder, concurrency } = options;
    const client = this.#client;
    const held = () => (client !== null && this.#dependencies.isSettled ? client.held() : null);
    this.#cache = folder === null || client === null ? null : new ConfigCache({ folder, bootstrap, held, log });
    const fileState = () => this.#file?.state ?? null;
    this.#view = new AgentView({ node: bootstrap.node, client, secrets: this.#secrets, fileState, concurrency });
    const node = toNodeMessage(bootstrap.node, options.version);
    const controlPlanes = () => this.#controlPlanes();
    const readClientConfigs: ReadClientConfigs = (withContents) =>
      encodeClientConfigs(node, controlPlanes(), withContents);
    const source: AdminSource = {
      ready: () => this.#view.ready(),
      serverInfo: () => this.#view.serverInfo(),
      configDump: () => this.#view.configDump(),
      clusters: () => this.#view.clusters(),
      listeners: () => this.#view.listeners(),
      stats: this.#stats,
      controlPlanes,
      setLogLevel: (level) => {
        logger.setLevel(level);
        this.#workers.setLogLevel(level);
      },
      drain: () => void this.drain(),
      quit: () => void this.stop(),
      explain: (listener, headers) => this.#explain(listener, headers),
    };
    this.#ports = new AgentPorts({ ...options, source, readClientConfigs, log });
    const { takeoverPath: path } = options;
    const parts = { view: this.#view, workers: this.#workers, ports: this.#ports, log, leave: () => this.#leave() };
    this.#succession = path === null ? null : new Succession({ ...options, ...parts, path });
  }

  #controlPlanes(): ControlPlaneStatus[] {
    return [...(this.#client?.statuses() ?? []), ...this.#secrets.statuses()];
  }

  /** Where this thread counts; to the reader it is one more worker. */
  #createOwnRegion(): StatsRegion {
    const buffer = new SharedArrayBuffer(OWN_STATS_BYTES);
    this.#stats.addWorker(CONTROL, buffer);
    return new StatsRegion(buffer, (row) => this.#stats.addRow(CONTROL, row));
  }

  /**
   * Opens the admin port, then subscribes. Rejects with one sentence when the admin port can't be had. Where it takes over
   * from another agent, it opens ports only when it has a configuration to serve.
   */
  async start(): Promise<void> {
    const succeeds = (await this.#succession?.findPredecessor()) === true;
    if (succeeds) this.#workers.holdListeners();
    else {
      await this.#ports.open(NO_SOCKETS);
      await this.#ports.openCsds();
    }
    const { bootstrapWarnings, outboundPort, bootstrap } = this.#options;
    for (const warning of bootstrapWarnings) {
      this.#log('warn', 'the bootstrap asks for what has no effect', { field: warning });
    }
    this.#workers.start();
    if (this.#onDemand !== null && outboundPort !== null) {
      this.#apply({ upsert: [outboundListener(outboundPort, bootstrap.clientListenerTemplate ?? '%s')], remove: [] });
    }
    await this.#restore();
    this.#file?.start();
    this.#dependencies.start();
    this.#client?.start();
    if (!succeeds) await this.#succession?.awaitSuccessor();
    else this.#succession?.takeOver().catch((error: Error) => this.#finish({ kind: 'failed', reason: error.message }));
  }

  /** Another agent has taken over. */
  async #leave(): Promise<void> {
    // The other one writes it from here on.
    await this.#cache?.close();
    this.#ports.release();
    void this.drain(drainWithin(this.#options.drain.graceMs));
  }

  #apply(update: ConfigUpdate): void {
    this.#view.apply(update);
    void this.#workers.apply(update);
  }

  /** Starts from what the disk has kept, so that calls flow also where the control plane is down. */
  async #restore(): Promise<void> {
    const saved = (await this.#cache?.load()) ?? null;
    if (saved === null) return;
    const savedAt = new Date(saved.savedAt).toISOString();
    const { resources, leftOut } = saved;
    this.#log('warn', 'starting from the configuration on disk', { savedAt, resources: resources.length, leftOut });
    this.#view.restoredFrom(savedAt, leftOut);
    this.#client?.restore(resources);
    // What was wanted in the earlier life is there for the first call of this one.
    for (const { type, name } of resources) if (type === 'listener') this.#onDemand?.want(name, CONTROL);
    setTimeout(() => this.#onDemand?.unwantAll(CONTROL), RESTORED_WANTED_MS).unref();
  }

  /** Not ready any more; takes no new calls, lets those in flight end, then stops. */
  async drain(plan = this.#options.drain): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'draining';
    this.#view.draining();
    this.#log('info', 'draining', { ...plan });
    await new Promise<void>((resolve) => {
      this.#onDrained = resolve;
      // A worker that dies meanwhile never says that it is through.
      setTimeout(resolve, plan.graceMs + DRAIN_ANSWER_MS).unref();
      this.#workers.drain(plan);
    });
    this.#log('info', 'drained', { callsCut: this.#callsCut });
    await this.stop();
  }

  /** Closes everything now; spans that wait are exported first. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#succession?.close();
    // What nothing follows any more is forgotten, so the cache goes first.
    await this.#cache?.close();
    this.#dependencies.stop();
    this.#file?.stop();
    this.#secrets.stop();
    this.#client?.stop();
    await this.#workers.stop();
    await this.#telemetry.shutdown();
    await this.#ports.close();
    this.#finish({ kind: 'stopped' });
  }

  #receive(worker: number, up: Up): void {
    switch (up.kind) {
      case 'ready':
        return;
      case 'listener-bound':
        this.#log('info', 'listener bound', { listener: up.name, host: up.host, port: up.port, worker });
        this.#view.listenerBound(worker, up.name, up.host, up.port);
        return;
      case 'listener-failed':
        this.#log('error', 'listener failed', { listener: up.name, reason: up.reason, worker });
        this.#view.listenerFailed(up.name, up.reason);
        return;
      case 'listener-closed':
        this.#view.listenerClosed(up.name);
        return;
      case 'applied':
        this.#view.applied(worker, up.version);
        return;
      case 'calls':
        this.#telemetry.onCalls(up.batch, up.dropped);
        this.#workers.tell(worker, { kind: 'calls-taken', count: up.batch.count });
        return;
      case 'stats-row':
        this.#stats.addRow(worker, up.row);
        return;
      case 'log':
        this.#log(up.level, up.message, up.fields);
        return;
      case 'listener-wanted':
        this.#onDemand?.want(up.name, worker);
        return;
      case 'listener-unwanted':
        this.#onDemand?.unwant(up.name, worker);
        return;
      case 'drained':
        this.#callsCut += up.callsCut;
        this.#drainedWorkers++;
        if (this.#drainedWorkers === this.#options.concurrency) this.#onDrained?.();
        return;
      case 'explained':
        this.#questions.get(up.id)?.(up.explanation);
        this.#questions.delete(up.id);
        return;
    }
  }

  #explain(listener: string, headers: readonly (readonly [string, string])[]): Promise<Explanation> {
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      this.#workers.ask({ kind: 'explain', id, listener, headers });
    });
  }
}

export type AgentEnd = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };

/** Of a certificate that a resource names by its file. */
function readFile(path: string): string {
  return readFileSync(path, 'utf8');
}
