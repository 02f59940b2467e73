// The library: a proxy in the caller's own process and thread, whose director is the caller's own function. It composes
// what a data plane composes, without configuration from elsewhere.
import { unrefTimer } from '../../xds/environment.ts';
import type { LbPolicy } from '../../xds/model/cluster.ts';
import { resolveHost } from '../../xds/system-dns.ts';
import { type DirectorFunction, type Reject, reject } from '../director/director-answer.ts';
import { UserDirector } from '../director/user-director.ts';
import { drainWithin } from '../drain.ts';
import { DeadlineQueue } from '../grpc/deadline-queue.ts';
import { status } from '../grpc/status.ts';
import { parseTarget, type TargetTls } from '../grpc/target.ts';
import {
  type ConnectionEnvironment,
  defaultLimits,
  Flusher,
  HeaderShapes,
  type Role,
  type Stream,
} from '../http2/index.ts';
import { HandledCall, type ServerCall } from '../local/handled-call.ts';
import { type LocalGrpcServer, LocalServer } from '../local/local-server.ts';
import type { CallObserver } from '../observe/call-observer.ts';
import type { Log } from '../observe/log.ts';
import type { CallContext } from '../proxy/call-parts.ts';
import { GrpcProxy } from '../proxy/proxy.ts';
import { ClusterManager } from '../upstream/cluster-manager.ts';
import { TargetClusters } from '../upstream/target-clusters.ts';
import { containLog, containObserver, stderrLog } from './contained.ts';
import { HandledCalls } from './handled-calls.ts';
import type { ListenOptions, ListenTls } from './listen-options.ts';
import { ProxyListeners } from './proxy-listeners.ts';

export interface ProxyOptions {
  /** Decides where each call goes that no local handler takes. */
  readonly director: DirectorFunction;
  /** A `grpc.Server` of `@grpc/grpc-js`: calls to methods that it has go to its handlers. */
  readonly local?: LocalGrpcServer;
  /** `grpc.ServerCredentials.createInsecure()`, only where `local` is of another copy of grpc-js than this package has. */
  readonly localCredentials?: object;
  /** By name, for directors to name. */
  readonly clusters?: Readonly<Record<string, ClusterOptions>>;
  /** Told of each call's beginning, cluster and end. */
  readonly observers?: readonly CallObserver[];
  /** Default: warnings and errors go to stderr. */
  readonly log?: Log;
  /** How long a director may take that answers with a promise. Default 10,000. */
  readonly directorTimeoutMs?: number;
  /** Targets that directors name, at once. Default 1,000. */
  readonly maxTargets?: number;
  /** When a target that is not called any more is forgotten, and its connections closed. Default 300,000. */
  readonly targetIdleMs?: number;
  /** Calls under way to one target or cluster; more are UNAVAILABLE. Default 10,000. */
  readonly maxCallsPerTarget?: number;
}

/** Methods of a server that are proxied. */
export interface ProxiedMethods {
  /** `package.Service`. */
  readonly service: string;
  /** As in `GetCart`. */
  readonly methods: readonly string[];
  /** Of a message that comes back; larger ones are RESOURCE_EXHAUSTED. Default 4,194,304, as gRPC has it. */
  readonly maxMessageBytes?: number;
}

export interface ClusterOptions {
  /** As a director's `target`. */
  readonly target: string | readonly string[];
  /** Default: clear text. */
  readonly tls?: boolean | TargetTls;
  /** Which endpoint takes a call; each call by itself. Default `round_robin`. */
  readonly balance?: 'round_robin' | 'random' | 'least_request';
}

/** A gRPC proxy that knows no message type. @throws TypeError that names the option that is wrong. */
export function createProxy(options: ProxyOptions): ProxyServer {
  return new ProxyServer(options);
}

const closed = reject(status.UNAVAILABLE, 'the proxy is closed');
const draining = reject(status.UNAVAILABLE, 'the proxy is draining');
const defaultDrainMs = 30_000;
/** The name of the cluster of local handlers, for observers. */
const localName = 'local';

export class ProxyServer {
  readonly #clusters: ClusterManager;
  readonly #targets: TargetClusters;
  readonly #deadlines: DeadlineQueue;
  readonly #local: LocalServer | null;
  readonly #listeners: ProxyListeners;
  readonly #proxyCall: (call: ServerCall, path: string, maxMessageBytes: number) => void;
  readonly #handled = new HandledCalls();
  #state: 'open' | 'draining' | 'closed' = 'open';

  constructor(options: ProxyOptions) {
    checkOptions(options);
    const log = containLog(options.log ?? stderrLog);
    const shapes = new HeaderShapes();
    const flusher = new Flusher();
    const now = (): number => flusher.now();
    const { random } = Math;
    const environment = (role: Role): ConnectionEnvironment => ({
      shapes,
      flusher,
      limits: { ...defaultLimits(role), assumedConcurrentStreams: 0 },
      now,
      random,
      log,
      onLimitHit: (limit, from, peer) => log('debug', 'a peer met a limit', { limit, role: from, peer }),
    });
    const upstreamEnvironment = environment('client');
    this.#deadlines = new DeadlineQueue({ now, flusher });
    this.#clusters = new ClusterManager({ environment: upstreamEnvironment, random });
    this.#targets = new TargetClusters({
      clusters: this.#clusters,
      resolve: resolveHost,
      setTimer: unrefTimer,
      now,
      log,
      maxTargets: options.maxTargets ?? 1000,
      idleMs: options.targetIdleMs ?? 300_000,
      maxCallsPerTarget: options.maxCallsPerTarget ?? 10_000,
    });
    const local = createLocal(options, upstreamEnvironment);
    this.#local = local;
    for (const [name, cluster] of Object.entries(options.clusters ?? {})) this.#declare(name, cluster);

    const directing = {
      direct: options.director,
      timeoutMs: options.directorTimeoutMs ?? 10_000,
      targets: this.#targets,
      shapes,
      log,
    };
    const director = new UserDirector({
      ...directing,
      local: (path) => (local?.serves(path) ? { cluster: localName, rewrite: local.rewrite } : null),
    });
    const elsewhere = new UserDirector({
      ...directing,
      // A server that has methods proxied may outlive its proxy.
      direct: (call) => this.#refusal() ?? options.director(call),
      // What a server hands on must not come back to it.
      local: () => null,
    });
    const clusters = this.#clusters;
    const proxy = new GrpcProxy({
      shapes,
      flusher,
      clusters: { get: (name) => (name === localName && local !== null ? local : clusters.get(name)) },
      deadlines: this.#deadlines,
      observers: (options.observers ?? []).map((observer) => containObserver(observer, log)),
      tracer: null,
      log,
      now,
      random,
      // It is in the log.
      onFault: () => {},
    });
    const handled: CallContext = {
      name: 'registered',
      direction: 'inbound',
      director: elsewhere,
      filters: null,
      local: null,
    };
    this.#proxyCall = (call, path, maxMessageBytes) => {
      const accept = (stream: Stream) => proxy.accept(stream, handled);
      this.#handled.began();
      HandledCall.begin(call, { path, maxMessageBytes, shapes, flusher, accept, onEnd: () => this.#handled.ended() });
    };
    this.#listeners = new ProxyListeners({
      environment: environment('server'),
      context: { direction: 'inbound', director, filters: null, local: null },
      accept: (stream, context) => proxy.accept(stream, context),
    });
  }

  /**
   * Binds, and serves from then on; may be called again for another address.
   * @returns the bound port; 0 for a Unix domain socket.
   * @throws Error (the promise rejects) in one sentence, where that can't be bound or the certificate can't be read.
   */
  listen(options: ListenOptions): Promise<number> {
    return this.#listeners.listen(options);
  }

  /**
   * Other certificates for a port: for connections from now on; those that are open keep theirs.
   * @throws Error where nothing listens there in TLS, or a certificate can't be read: then the old one serves on.
   */
  setTls(port: number, tls: ListenTls): void {
    this.#listeners.setTls(port, tls);
  }

  /**
   * Has methods of a grpc-js server proxied: the server takes their calls, interceptors and all, and this proxy's director
   * says where they go. Its `local` handlers are not asked.
   * @throws TypeError or Error where a name is none, or the server has a handler for it.
   */
  registerOn(
    server: Pick<LocalGrpcServer, 'register'>,
    { service, methods, maxMessageBytes = 4_194_304 }: ProxiedMethods,
  ): void {
    if (!/^[\w.]+$/.test(service)) throw new TypeError(`${JSON.stringify(service)} is no name of a service`);
    for (const method of methods) {
      if (!/^\w+$/.test(method)) throw new TypeError(`${JSON.stringify(method)} is no name of a method`);
      const path = `/${service}/${method}`;
      const handle = (call: ServerCall): void => this.#proxyCall(call, path, maxMessageBytes);
      // Whatever kind of call it is: a stream of one message is one message on the wire.
      if (!server.register(path, handle as never, asItIs as never, asItIs as never, 'bidi')) {
        throw new Error(`the server has a handler for ${path} already`);
      }
    }
  }

  /**
   * Takes no new connections, tells clients to go elsewhere (GOAWAY), and lets calls end; then closes. New calls that a
   * server would have proxied (`registerOn`) are UNAVAILABLE from now on; those under way are waited for too.
   * @param graceMs what is left of them then is cut. Default 30,000.
   * @returns the number of calls that were cut.
   */
  async drain(graceMs: number = defaultDrainMs): Promise<number> {
    if (this.#state === 'open') this.#state = 'draining';
    const cut = await Promise.all([this.#listeners.drain(graceMs), this.#handled.drain(drainWithin(graceMs).graceMs)]);
    this.close();
    return cut[0] + cut[1];
  }

  /** Closes every port and connection now. Calls under way are cut. */
  close(): void {
    this.#state = 'closed';
    this.#listeners.close();
    this.#targets.stop();
    this.#local?.close();
    this.#clusters.destroy();
    this.#deadlines.stop();
  }

  #refusal(): Reject | null {
    if (this.#state === 'open') return null;
    return this.#state === 'draining' ? draining : closed;
  }

  #declare(name: string, { target, tls = false, balance = 'round_robin' }: ClusterOptions): void {
    try {
      this.#targets.declare(name, parseTarget(target, tls), policyOf(balance));
    } catch (error) {
      throw new TypeError(`clusters.${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Messages stay the bytes that they are. */
function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

function createLocal(
  { local, localCredentials }: ProxyOptions,
  environment: ConnectionEnvironment,
): LocalServer | null {
  if (local === undefined) return null;
  return new LocalServer(local, localCredentials ?? null, {
    environment,
    connectTimeoutMs: 5_000,
    random: Math.random,
  });
}

const amounts = ['directorTimeoutMs', 'maxTargets', 'targetIdleMs', 'maxCallsPerTarget'] as const;

function checkOptions(options: ProxyOptions): void {
  if (typeof options.director !== 'function') throw new TypeError('director has to be a function');
  for (const name of amounts) {
    const value = options[name];
    if (value !== undefined && !(value > 0)) throw new TypeError(`${name} has to be above 0, but is ${value}`);
  }
  // Targets have a colon in their names, and so stay apart.
  for (const name of Object.keys(options.clusters ?? {})) {
    if (!/^[\w.-]+$/.test(name) || name === localName) throw new TypeError(`clusters.${name}: that is no name for one`);
  }
}

function policyOf(balance: unknown): LbPolicy {
  switch (balance) {
    case 'round_robin':
      return { kind: 'round-robin' };
    case 'random':
      return { kind: 'random' };
    case 'least_request':
      return { kind: 'least-request', choices: 2 };
    default:
      throw new TypeError(`balance has to be round_robin, random or least_request, but is ${String(balance)}`);
  }
}
