// The composition root of one data plane: listeners, director, clusters, proxy, observers. It knows neither which thread
// it is on nor who sends its configuration: plain data comes in through `receive` and goes out through `post`.

import type { HttpConnectionManager, Listener, TrafficDirection } from '../xds/model/listener.ts';
import type { ResourceName } from '../xds/model/resource.ts';
import { AuthorityDirector, type ExplainedDirector } from './director/authority-director.ts';
import { OnDemandNames } from './director/on-demand-names.ts';
import { RouteTables } from './director/route-tables.ts';
import type { DrainPlan } from './drain.ts';
import { CallRateLimit } from './filters/call-rate.ts';
import { CallFilters } from './filters/filter-chain.ts';
import { createCallHeadMemo, readCallHead } from './grpc/call-head.ts';
import { DeadlineQueue } from './grpc/deadline-queue.ts';
import { type ConnectionEnvironment, defaultLimits, Flusher, type HeaderBlock, HeaderShapes } from './http2/index.ts';
import type {
  DataPlaneSettings,
  Down,
  Explanation,
  LentSocket,
  LinkResource,
  LinkUpdate,
  RedirectionSettings,
  Up,
} from './link.ts';
import { defaultListenerLimits } from './listener/connection-cap.ts';
import { ListenerSet } from './listener/listener-set.ts';
import { loadOriginalDestination } from './listener/original-dst.ts';
import { type ConnectionCounts, compilePorts, type Redirection } from './listener/redirection.ts';
import { OwnServices } from './local/own-services.ts';
import { loadDescriptorPassing } from './native/descriptor-passing.ts';
import type { CallObserver } from './observe/call-observer.ts';
import type { Log, LogLevel } from './observe/log.ts';
import type { CallContext } from './proxy/call-parts.ts';
import { GrpcProxy } from './proxy/proxy.ts';
import { CallStats } from './stats/call-stats.ts';
import { LimitStats } from './stats/limit-stats.ts';
import { type StatsCounter, StatsRegion } from './stats/stats-region.ts';
import { CallRecorder } from './telemetry/call-recorder.ts';
import { TraceSampler } from './telemetry/call-tracer.ts';
import { ClusterManager } from './upstream/cluster-manager.ts';
import type { PoolOptions } from './upstream/connection-pool.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** Calls of a listener that was removed or moved may go on for this long. */
const LISTENER_DRAIN_MS = 600_000;

interface ListenerContext extends CallContext {
  readonly director: ExplainedDirector<ListenerContext>;
}

export class DataPlane {
  readonly #post: (up: Up) => void;
  readonly #log: Log;
  readonly #shapes = new HeaderShapes();
  readonly #flusher = new Flusher();
  readonly #deadlines: DeadlineQueue;
  readonly #clusters: ClusterManager;
  readonly #routes: RouteTables;
  readonly #listeners: ListenerSet<ListenerContext>;
  readonly #contexts = new Map<string, ListenerContext>();
  /** Listeners without a port. */
  readonly #named: OnDemandNames<ListenerContext>;
  /** By listener. */
  readonly #own = new Map<string, OwnServices>();
  readonly #upstream: Pick<PoolOptions, 'environment' | 'random'>;
  readonly #recorder: CallRecorder | null;
  #logLevel: number;

  /** @param askKernel how original destinations are asked for; only tests have another way. */
  constructor(settings: DataPlaneSettings, post: (up: Up) => void, askKernel = loadOriginalDestination) {
    this.#post = post;
    this.#logLevel = LEVELS.indexOf(settings.logLevel);
    this.#log = (level, message, fields = {}) => {
      if (LEVELS.indexOf(level) < this.#logLevel) return;
      try {
        post({ kind: 'log', level, message, fields });
      } catch (error) {
        // A field that no other thread can be given costs its line the fields, and nobody a connection.
        post({ kind: 'log', level, message, fields: { unsent: String(error) } });
      }
    };
    const log = this.#log;
    const shapes = this.#shapes;
    const flusher = this.#flusher;
    const now = (): number => flusher.now();
    const stats = new StatsRegion(settings.stats, (row) => post({ kind: 'stats-row', row }));
    const limits = new LimitStats(stats, log, now);
    const environment = (role: 'client' | 'server'): ConnectionEnvironment => ({
      shapes,
      flusher,
      // Nothing is sent before the endpoint's SETTINGS: what exceeds its MAX_CONCURRENT_STREAMS would only be refused.
      limits: { ...defaultLimits(role), assumedConcurrentStreams: 0 },
      now,
      random: Math.random,
      log,
      onLimitHit: (limit, from, peer) => limits.hit(limit, from, peer),
    });
    this.#deadlines = new DeadlineQueue({ now, flusher });
    this.#upstream = { environment: environment('client'), random: Math.random };
    this.#clusters = new ClusterManager({
      ...this.#upstream,
      ...(settings.counts === undefined ? {} : { counts: settings.counts }),
      onOverflow: (limit, peer) => limits.hit(limit, 'server', peer),
      onUnusable: (name, error) => this.#logUnusable('cluster', name, error),
    });
    this.#routes = new RouteTables({ random: Math.random, shapes });
    this.#named = new OnDemandNames<ListenerContext>({
      onWanted: (name) => post({ kind: 'listener-wanted', name }),
      onUnwanted: (name) => post({ kind: 'listener-unwanted', name }),
      stats: {
        names: stats.gauge('outrigger_on_demand_listeners', {}),
        waits: stats.counter('outrigger_on_demand_waits_total', {}),
        refusals: stats.counter('outrigger_on_demand_refusals_total', {}),
      },
      log,
      now,
    });

    const observers: CallObserver[] = [new CallStats(stats)];
    const { sampling } = settings;
    this.#recorder = sampling.enabled
      ? new CallRecorder({ post: (batch, dropped) => post({ kind: 'calls', batch, dropped }) })
      : null;
    if (this.#recorder !== null) observers.push(this.#recorder);

    const proxy = new GrpcProxy({
      shapes,
      flusher,
      clusters: this.#clusters,
      deadlines: this.#deadlines,
      observers,
      tracer: sampling.enabled ? new TraceSampler(sampling) : null,
      log,
      now,
      random: Math.random,
      onFault: countFaults(stats),
    });
    this.#listeners = new ListenerSet<ListenerContext>({
      environment: environment('server'),
      reusePort: settings.reusePort,
      limits: defaultListenerLimits,
      onRefused: (limit, peer) => limits.hit(limit, 'server', peer),
      counts: createCounts(stats),
      redirection:
        settings.redirection === undefined ? null : createRedirection(settings.redirection, askKernel(), log),
      drainMs: LISTENER_DRAIN_MS,
      createContext: (listener, chain) => this.#createContext(listener, chain.http),
      accept: (stream, context) => proxy.accept(stream, context),
      onBound: (name, host, port) => post({ kind: 'listener-bound', name, host, port }),
      onFailed: (name, reason) => post({ kind: 'listener-failed', name, reason }),
      onClosed: (name) => post({ kind: 'listener-closed', name }),
    });
    post({ kind: 'ready' });
  }

  receive(down: Down): void {
    switch (down.kind) {
      case 'config':
        this.#apply(down.update);
        this.#post({ kind: 'applied', version: down.version });
        return;
      case 'log-level':
        this.#logLevel = LEVELS.indexOf(down.level);
        return;
      case 'calls-taken':
        this.#recorder?.taken(down.count);
        return;
      case 'drain':
        void this.#drain(down.plan);
        return;
      case 'inherit':
        this.#listeners.inherit(down.listener, down.descriptors);
        return;
      case 'lend':
        this.#post({ kind: 'lent', sockets: this.#lend() });
        return;
      case 'listener-refused':
        this.#named.refuse(down.name, down.reason);
        return;
      case 'stop':
        this.stop();
        return;
      case 'explain':
        this.#post({ kind: 'explained', id: down.id, explanation: this.#explain(down.listener, down.headers) });
        return;
    }
  }

  stop(): void {
    this.#named.stop();
    this.#listeners.close();
    for (const own of this.#own.values()) own.close();
    this.#clusters.destroy();
    this.#deadlines.stop();
    this.#recorder?.stop();
  }

  /**
   * In the given order, so that no route is ever without its cluster. A resource that can't be carried out (a certificate
   * that is none) is said and passed over; what served before it goes on.
   */
  #apply({ upsert, remove }: LinkUpdate): void {
    for (const resource of upsert) {
      try {
        this.#upsert(resource);
      } catch (error) {
        const name = 'name' in resource ? resource.name : resource.value.name;
        this.#logUnusable(resource.type.replace(/^packed-/, ''), name, error);
      }
    }
    for (const name of remove) {
      try {
        this.#remove(name);
      } catch (error) {
        this.#logUnusable(name.type, name.name, error);
      }
    }
  }

  #logUnusable(type: string, name: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log('error', 'a resource could not be applied', { type, name, reason });
  }

  #upsert(resource: LinkResource): void {
    switch (resource.type) {
      case 'cluster':
        this.#clusters.upsertCluster(resource.value);
        return;
      case 'packed-cluster':
        this.#clusters.upsertPackedCluster(resource.name, resource.json, resource.place);
        return;
      case 'endpoints':
        this.#clusters.upsertEndpoints(resource.value);
        return;
      case 'packed-endpoints':
        this.#clusters.upsertPackedEndpoints(resource.name, resource.json);
        return;
      case 'route-begin':
        this.#routes.begin(resource.value);
        return;
      case 'route-part':
        this.#routes.add(resource.name, resource.parts);
        return;
      case 'route-end':
        this.#routes.end(resource.name);
        return;
      case 'route':
        this.#routes.upsert(resource.value);
        return;
      case 'listener':
        this.#upsertListener(resource.value);
        return;
    }
  }

  #remove({ type, name }: ResourceName): void {
    switch (type) {
      case 'cluster':
        this.#clusters.removeCluster(name);
        return;
      case 'endpoints':
        this.#clusters.removeEndpoints(name);
        return;
      case 'route':
        this.#routes.remove(name);
        return;
      case 'listener':
        if (!this.#named.remove(name)) this.#listeners.remove(name);
        this.#contexts.delete(name);
        this.#own.get(name)?.drain();
        this.#own.delete(name);
        return;
    }
  }

  #upsertListener(listener: Listener): void {
    const { name, api } = listener;
    if (api === undefined) {
      this.#named.remove(name);
      this.#listeners.upsert(listener);
    } else {
      this.#listeners.remove(name);
      this.#named.set(name, this.#createContext(listener, api));
    }
  }

  #createContext({ name, direction }: Listener, http: HttpConnectionManager): ListenerContext {
    const { routes, callRate } = http;
    const director =
      routes.kind === 'by-authority'
        ? new AuthorityDirector(routes.template, this.#named)
        : this.#routes.directorOf(routes);
    const rate = callRate === undefined ? null : new CallRateLimit(callRate, () => this.#flusher.now());
    const filters = CallFilters.compile(http.filters, rate);
    const local = http.ownServices === undefined ? null : this.#ownOf(name).update(http.ownServices);
    const context: ListenerContext = { name, direction, director, filters, local };
    this.#contexts.set(name, context);
    return context;
  }

  /** Of a listener: the same through all its versions. */
  #ownOf(name: string): OwnServices {
    let own = this.#own.get(name);
    if (own === undefined) {
      own = new OwnServices({ ...this.#upstream, connectTimeoutMs: 5_000 });
      this.#own.set(name, own);
    }
    return own;
  }

  async #drain(plan: DrainPlan): Promise<void> {
    for (const own of this.#own.values()) own.drain();
    const callsCut = await this.#listeners.drain(plan);
    this.#recorder?.flush();
    this.#post({ kind: 'drained', callsCut });
  }

  /** Copies, since configuration may close the sockets themselves before they have been passed on. */
  #lend(): LentSocket[] {
    const passing = loadDescriptorPassing();
    if ('reason' in passing) return [];
    return this.#listeners.descriptors.flatMap(({ listener, descriptors }) =>
      descriptors.flatMap((descriptor) => {
        const copy = passing.duplicate(descriptor);
        return copy === null ? [] : [{ listener, descriptor: copy }];
      }),
    );
  }

  #explain(listener: string, headers: readonly (readonly [string, string])[]): Explanation {
    const context = this.#contexts.get(listener);
    if (context === undefined) return { listeners: [...this.#contexts.keys()] };
    let block: HeaderBlock;
    try {
      block = this.#shapes.block(headers);
    } catch (error) {
      return { lines: [`no client can make that call: ${error instanceof Error ? error.message : String(error)}`] };
    }
    return { lines: context.director.explain(readCallHead(block, createCallHeadMemo(this.#shapes))) };
  }
}

/** A row for each part in which a call has ever failed by a fault of this program. */
function countFaults(stats: StatsRegion): (part: string) => void {
  const counters = new Map<string, StatsCounter>();
  return (part) => {
    const counter = counters.get(part) ?? stats.counter('outrigger_call_faults_total', { part });
    counters.set(part, counter);
    counter.add(1);
  };
}

/** Without it, calls go by their authority as all calls do, and what is not HTTP/2 has nowhere to go. */
function createRedirection(
  { ownPorts, opaquePorts }: RedirectionSettings,
  loaded: ReturnType<typeof loadOriginalDestination>,
  log: Log,
): Redirection {
  const isOpaque = compilePorts(opaquePorts);
  if ('reason' in loaded) {
    const way =
      'but at transparent sockets (TPROXY), calls are routed by their authority, and what is not HTTP/2 is refused';
    log('warn', `the kernel cannot be asked where redirected connections were meant to go; ${way}`, loaded);
    return { originalDestination: () => null, ownPorts, isOpaque };
  }
  log('info', 'redirected connections are told by their original destination (SO_ORIGINAL_DST)');
  return { originalDestination: loaded.originalDestination, ownPorts, isOpaque };
}

function createCounts(stats: StatsRegion): ConnectionCounts {
  const of = (direction: TrafficDirection) => {
    const passing = (result: string) => stats.counter('outrigger_redirected_connections_total', { direction, result });
    const unmatched = stats.counter('outrigger_unmatched_connections_total', { direction });
    return { passed: passing('passed'), failed: passing('failed'), unmatched };
  };
  const counters = { inbound: of('inbound'), outbound: of('outbound') };
  return {
    passed: (direction) => counters[direction].passed.add(1),
    failed: (direction) => counters[direction].failed.add(1),
    unmatched: (direction) => counters[direction].unmatched.add(1),
  };
}
