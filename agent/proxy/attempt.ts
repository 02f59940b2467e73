// One try of a call at one endpoint: waits for a connection with room, then couples the upstream stream with the call.
import {
  type Connection,
  ErrorCode,
  type HeaderBlock,
  type ResetOrigin,
  type Stream,
  type StreamHandler,
} from '../http2/index.ts';
import type { ObservedAttempt } from '../observe/call-observer.ts';
import type { PoolWaiter } from '../upstream/connection-pool.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';

/** What an attempt tells the call it belongs to. */
export interface AttemptOwner {
  /** A connection has room: `attempt.open` it with what is to be sent. */
  attemptReady(attempt: Attempt, connection: Connection): void;
  /** No connection could be made; nothing was sent. */
  attemptUnconnected(attempt: Attempt, reason: string): void;
  responseHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void;
  responseData(attempt: Attempt, buf: Buffer, start: number, end: number, endStream: boolean): void;
  attemptReset(attempt: Attempt, code: number, by: ResetOrigin, unprocessed: boolean): void;
  /** So many request bytes, counted from the request's beginning, have left toward the upstream. */
  requestSent(attempt: Attempt, totalBytes: number): void;
  /** What was told threw: the call is over. Never throws; the connection, and other calls on it, go on. */
  crashed(error: unknown): void;
}

export class Attempt implements StreamHandler, PoolWaiter, ObservedAttempt {
  readonly upstream: UpstreamEndpoint;
  /** The one before it, of the same call. */
  readonly previous: Attempt | null;
  readonly startedMs: number;
  sentMs = Number.NaN;
  firstByteMs = Number.NaN;
  stream: Stream | null = null;
  readonly #owner: AttemptOwner;
  #sentBytes = 0;

  constructor(owner: AttemptOwner, upstream: UpstreamEndpoint, previous: Attempt | null, nowMs: number) {
    this.#owner = owner;
    this.upstream = upstream;
    this.previous = previous;
    this.startedMs = nowMs;
  }

  get endpoint(): string {
    return this.upstream.address;
  }

  open(connection: Connection, head: HeaderBlock, endStream: boolean, nowMs: number): Stream {
    const stream = connection.openStream(this);
    this.stream = stream;
    this.sentMs = nowMs;
    stream.sendHeaders(head, endStream);
    return stream;
  }

  /** Gives up: leaves the queue, or resets the upstream stream. Nothing is told to the owner any more. */
  abandon(code: number): void {
    const stream = this.stream;
    if (stream === null) this.upstream.pool.leave(this);
    else if (!(stream.sentEnd && stream.receivedEnd)) stream.reset(code);
  }

  onRoom(connection: Connection): void {
    try {
      this.#owner.attemptReady(this, connection);
    } catch (error) {
      this.#owner.crashed(error);
    }
  }

  onConnectFailed(reason: string): void {
    try {
      this.#owner.attemptUnconnected(this, reason);
    } catch (error) {
      this.#owner.crashed(error);
    }
  }

  onHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    // A 1xx says nothing about the call; gRPC has no use for one (RFC 9110 section 15.2 lets a proxy drop it).
    if (stream.headersAre === 'informational') return;
    try {
      this.#owner.responseHeaders(this, block, endStream);
    } catch (error) {
      this.#owner.crashed(error);
    }
    if (endStream) this.#closeRequest(stream);
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    this.#owner.responseData(this, buf, start, end, endStream);
    if (endStream) this.#closeRequest(stream);
  }

  onReset(_stream: Stream, code: number, by: ResetOrigin, unprocessed: boolean): void {
    try {
      this.#owner.attemptReset(this, code, by, unprocessed);
    } catch (error) {
      this.#owner.crashed(error);
    }
  }

  onSent(_stream: Stream, bytes: number): void {
    this.#sentBytes += bytes;
    this.#owner.requestSent(this, this.#sentBytes);
  }

  /** The response is whole; a request that is still being sent is of no use any more (RFC 9113 section 8.1). */
  #closeRequest(stream: Stream): void {
    if (!stream.sentEnd) stream.reset(ErrorCode.NO_ERROR);
  }
}
