// The connections to one endpoint under one TLS identity: streams find one with room under the peer's
// MAX_CONCURRENT_STREAMS, or wait for it; another connection is opened when none has room.
import { connectionBackoffMs } from '../backoff.ts';
import {
  type ClientTls,
  type Connection,
  type ConnectionEnd,
  type ConnectionEnvironment,
  type ConnectionHandler,
  type ConnectTarget,
  connect,
  ErrorCode,
  type StreamHandler,
} from '../http2/index.ts';

/** A call that waits for a connection with room. Exactly one of the two is called, unless it leaves the pool before. */
export interface PoolWaiter {
  /** `connection.room` is at least 1: open the stream now, in this turn. */
  onRoom(connection: Connection): void;
  /** No connection could be made; nothing was sent. */
  onConnectFailed(reason: string): void;
}

export interface PoolTarget {
  readonly to: ConnectTarget;
  readonly tls: ClientTls | null;
}

export interface PoolOptions {
  readonly environment: ConnectionEnvironment;
  readonly connectTimeoutMs: number;
  readonly random: () => number;
  /** Connections at once; one more waits. Default 128. */
  readonly maxConnections?: number;
}

/** How many connections are opened for those who wait, while no peer has said what it allows (RFC 9113 section 6.5.2). */
const ASSUMED_STREAMS = 100;

/** So many connections in a row may leave by GOAWAY before they took a call, until that counts as a failed connect. */
const MAX_EARLY_GOAWAYS = 3;

export class ConnectionPool implements ConnectionHandler {
  readonly address: string;
  #target: PoolTarget;
  readonly #options: PoolOptions;
  /** As in the options, but for keepalive where the endpoint has complained. */
  #environment: ConnectionEnvironment;
  /** Connections that an answer to such a complaint did not reach any more. */
  readonly #pingsTooOften = new WeakSet<Connection>();
  readonly #maxConnections: number;
  /** The first with room is taken, so that few connections are kept busy. */
  readonly #connections: Connection[] = [];
  /** Those of them that have never had room: TCP, TLS or the peer's first SETTINGS are still to come. */
  readonly #opening = new Set<Connection>();
  readonly #waiters = new Set<PoolWaiter>();
  /** Streams that a fresh connection took last time; those who wait are counted in these. */
  #streamsEach = ASSUMED_STREAMS;
  /** Failed connects in a row. */
  #failures = 0;
  #retryAtMs = 0;
  #lastFailure = '';
  /** Connections in a row that said GOAWAY before they had room. */
  #earlyGoAways = 0;
  /** Runs while calls wait for room and the last connect failed. */
  #retryTimer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(address: string, target: PoolTarget, options: PoolOptions) {
    this.address = address;
    this.#target = target;
    this.#options = options;
    this.#environment = options.environment;
    this.#maxConnections = options.maxConnections ?? 128;
  }

  /** False while the last connect failed and the next try is not due: a balancer passes over it. */
  get usable(): boolean {
    return this.#failures === 0 || this.#connections.length > 0 || this.#options.environment.now() >= this.#retryAtMs;
  }

  /** Why it is not usable, and when the next try is due. */
  get lastFailure(): string {
    return this.#lastFailure;
  }

  get retryInMs(): number {
    return Math.max(0, this.#retryAtMs - this.#options.environment.now());
  }

  get openConnections(): number {
    return this.#connections.length - this.#opening.size;
  }

  /** No call is under way or waits. */
  get isIdle(): boolean {
    return this.#waiters.size === 0 && this.activeStreams === 0;
  }

  /** Calls under way on all its connections. */
  get activeStreams(): number {
    const connections = this.#connections;
    let active = 0;
    for (let i = 0; i < connections.length; i++) active += connections[i]!.activeStreams;
    return active;
  }

  /** A connection with room for one more stream, or `null`: then `wait`. */
  take(): Connection | null {
    const connections = this.#connections;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i]!;
      if (connection.room > 0) return connection;
    }
    return null;
  }

  /** Queues a call until a connection has room. Calls are served in order of arrival. */
  wait(waiter: PoolWaiter): void {
    this.#waiters.add(waiter);
    this.#openIfNeeded();
  }

  /** Takes a call out of the queue; nothing is called for it any more. */
  leave(waiter: PoolWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** New connections are made with these certificates; those that are open stay. What failed is tried again at once. */
  renew(tls: ClientTls): void {
    this.#target = { ...this.#target, tls };
    this.#failures = 0;
    this.#lastFailure = '';
  }

  /** No new streams; each connection closes when its last stream has ended. */
  close(): void {
    this.#closed = true;
    this.#stopRetrying();
    for (const connection of [...this.#connections]) {
      if (connection.activeStreams === 0) connection.destroy(ErrorCode.NO_ERROR, 'endpoint removed');
      else connection.drain(0);
    }
    this.#failWaiters('endpoint removed');
  }

  /** Closes every connection now, streams and all. */
  destroy(): void {
    this.#closed = true;
    this.#stopRetrying();
    for (const connection of [...this.#connections]) connection.destroy(ErrorCode.CANCEL, 'agent stops');
    this.#failWaiters('agent stops');
  }

  onRoom(connection: Connection): void {
    if (this.#opening.delete(connection)) {
      this.#streamsEach = connection.room;
      this.#failures = 0;
      this.#lastFailure = '';
      this.#earlyGoAways = 0;
    }
    if (this.#waiters.size > 0) this.#serveWaiters();
  }

  onStream(): StreamHandler {
    throw new Error('a client connection takes no streams');
  }

  onGoAway(connection: Connection, _lastStreamId: number, code: number, debug: string): void {
    if (code === ErrorCode.ENHANCE_YOUR_CALM && debug === 'too_many_pings') this.#pingLess(connection);
    // What was never sent is not lost by a connection that leaves before it took a call (gRFC A6).
    const isEarly = code === ErrorCode.NO_ERROR && this.#earlyGoAways < MAX_EARLY_GOAWAYS;
    if (isEarly && this.#opening.delete(connection)) this.#earlyGoAways++;
    // The connection has no room from now on: calls that wait go to another one.
    if (this.#waiters.size > 0) this.#openIfNeeded();
  }

  onClosed(connection: Connection, end: ConnectionEnd): void {
    const at = this.#connections.indexOf(connection);
    if (at !== -1) this.#connections.splice(at, 1);
    if (this.#opening.delete(connection)) this.#connectFailed(end.reason);
    if (this.#waiters.size > 0) this.#openIfNeeded();
  }

  #connectFailed(reason: string): void {
    this.#lastFailure = reason;
    this.#retryAtMs = this.#options.environment.now() + connectionBackoffMs(this.#failures, this.#options.random);
    this.#failures++;
    if (this.#connections.length === 0) this.#failWaiters(reason);
  }

  #serveWaiters(): void {
    for (const waiter of this.#waiters) {
      const connection = this.take();
      if (connection === null) {
        this.#openIfNeeded();
        return;
      }
      this.#waiters.delete(waiter);
      waiter.onRoom(connection);
    }
  }

  #openIfNeeded(): void {
    if (this.#closed) return;
    // Calls wait for room on the connections that are there; an endpoint that takes no more of them is not stormed.
    if (this.#failures > 0 && this.#connections.length > 0 && this.retryInMs > 0) {
      this.#retryTimer ??= setTimeout(() => this.#retry(), this.retryInMs).unref();
      return;
    }
    const { connectTimeoutMs } = this.#options;
    // Those that are leaving take no calls: they may not keep others from being opened, however long their last call is.
    let usable = 0;
    for (const { state } of this.#connections) if (state !== 'draining') usable++;
    for (; this.#waiters.size > this.#opening.size * this.#streamsEach && usable < this.#maxConnections; usable++) {
      let connection: Connection;
      try {
        connection = connect(this.#target.to, this.#target.tls, this.#environment, this, { connectTimeoutMs });
      } catch (error) {
        // An address that no system takes, or TLS that Node won't begin.
        this.#connectFailed(error instanceof Error ? error.message : String(error));
        return;
      }
      this.#connections.push(connection);
      this.#opening.add(connection);
    }
  }

  #retry(): void {
    this.#retryTimer = null;
    if (this.#waiters.size > 0) this.#openIfNeeded();
  }

  #stopRetrying(): void {
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
  }

  /** The endpoint takes our keepalive for abuse: from now on it is asked half as often (gRFC A8). */
  #pingLess(connection: Connection): void {
    const { limits, log } = this.#environment;
    // Connections of the same moment are all told; those that began with the old interval count once.
    if (this.#pingsTooOften.has(connection)) return;
    for (const other of this.#connections) this.#pingsTooOften.add(other);
    const keepaliveTimeMs = limits.keepaliveTimeMs * 2;
    this.#environment = { ...this.#environment, limits: { ...limits, keepaliveTimeMs } };
    log('warn', 'an endpoint closed a connection for too many pings; its next connections ping half as often', {
      endpoint: this.address,
      keepaliveTimeMs,
    });
  }

  #failWaiters(reason: string): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.onConnectFailed(reason);
  }
}
