// The state of one connection that its parts share: streams, windows, what the peer allows, how it ends. What comes in
// is handled by `connection-input.ts`, sockets and time by `connection.ts`.
import { AbandonedStreams } from './abandoned-streams.ts';
import type {
  Connection,
  ConnectionEnvironment,
  ConnectionHandler,
  ConnectionState,
  Oversize,
} from './connection-contract.ts';
import { ConnectionGuard } from './connection-guard.ts';
import type { ConnectionOutput } from './connection-output.ts';
import { type ConnectionEnd, ErrorCode, type ResetOrigin } from './errors.ts';
import { initialWindowBytes } from './flow-window.ts';
import type { HeaderBlock } from './header-contract.ts';
import type { HeaderEncoder } from './header-encoder.ts';
import type { Http2Limits, Role } from './limits.ts';
import { HeadReader } from './read-head.ts';
import { PeerSettings } from './settings.ts';
import type { StreamImpl, StreamOwner } from './stream.ts';
import { ClosedStreams } from './stream-closed.ts';
import { StreamState } from './stream-state.ts';
import { StreamTable } from './stream-table.ts';
import type { WriteBuffer } from './write-buffer.ts';
import { WriteScheduler } from './write-scheduler.ts';

export interface CoreParts {
  readonly role: Role;
  readonly environment: ConnectionEnvironment;
  readonly handler: ConnectionHandler;
  readonly face: Connection;
  readonly output: ConnectionOutput;
  /** The connection has something to write or to tell. */
  readonly onDirty: () => void;
}

export class ConnectionCore implements StreamOwner {
  readonly role: Role;
  readonly environment: ConnectionEnvironment;
  readonly limits: Http2Limits;
  readonly handler: ConnectionHandler;
  readonly face: Connection;
  readonly output: ConnectionOutput;
  readonly write: WriteBuffer;
  readonly scheduler = new WriteScheduler();
  readonly guard: ConnectionGuard;
  readonly heads: HeadReader;
  readonly closedStreams = new ClosedStreams();
  readonly streams = new StreamTable();
  readonly peerSettings = new PeerSettings();
  readonly streamWindowBytes: number;
  readonly limitsHit: Record<string, number> = Object.create(null);
  state: ConnectionState = 'connecting';
  /** Set once: nothing more is read, and all streams are cut with the next flush. */
  ending: ConnectionEnd | null = null;
  /** When the chunk in hand came, ms. */
  nowMs: number;
  sendWindow = initialWindowBytes;
  hasPeerSettings = false;
  /** Server: the last stream of our last GOAWAY. What comes above it is ignored. */
  lastStreamId = Number.POSITIVE_INFINITY;
  /** Server: the highest stream that the client has opened. */
  lastPeerStreamId = 0;
  /** Client: the id that the next stream gets. */
  nextStreamId = 1;
  activeStreams = 0;
  streamsOpened = 0;
  /** What the layer above keeps for the streams. */
  keptBytes = 0;
  /** On all streams. */
  sentDataBytes = 0;
  /** When the last stream ended, ms. */
  idleSinceMs: number;
  /** Set when a stream has ended or the peer allows more: `onRoom` is due with the next flush. */
  hasNewRoom = false;
  /** Client: many of our streams were reset; others shall go to another connection. */
  isRotationDue = false;
  readonly abandoned = new AbandonedStreams();
  /** A PING goes unanswered: calls that can go elsewhere shall. */
  isSuspect = false;
  /** `null` until a header block is written: most connections of a fleet are idle. */
  #encoder: HeaderEncoder | null = null;
  readonly #onDirty: () => void;
  #unreported: StreamImpl[] = [];
  /** The other of the two lists: streams that send more when they are told are told of that the next time. */
  #reported: StreamImpl[] = [];
  /** Opened, without an id yet. */
  #unsent: StreamImpl[] = [];

  constructor(parts: CoreParts) {
    const { role, environment, handler, face, output } = parts;
    this.role = role;
    this.environment = environment;
    this.limits = environment.limits;
    this.handler = handler;
    this.face = face;
    this.output = output;
    this.write = output.write;
    this.guard = new ConnectionGuard(environment.limits);
    this.heads = new HeadReader(environment.shapes);
    this.streamWindowBytes = environment.limits.streamWindowBytes;
    this.nowMs = environment.now();
    this.idleSinceMs = this.nowMs;
    this.#onDirty = parts.onDirty;
  }

  // ---- for streams ---------------------------------------------------------------------------------------------

  get encoder(): HeaderEncoder {
    this.#encoder ??= this.environment.shapes.createEncoder();
    return this.#encoder;
  }

  get hasOutputRoom(): boolean {
    return this.output.pendingBytes < this.limits.outputBytes;
  }

  get isWriting(): boolean {
    return this.output.isWriting;
  }

  markDirty(): void {
    this.#onDirty();
  }

  begin(stream: StreamImpl, head: HeaderBlock): void {
    stream.id = this.nextStreamId;
    this.nextStreamId += 2;
    if (this.#unsent.length === 1) this.#unsent.pop();
    else this.#unsent = this.#unsent.filter((other) => other !== stream);
    this.streams.add(stream);
    stream.sentHeadRequest = this.heads.isHeadRequest(head);
    this.guard.onTraffic();
  }

  end(stream: StreamImpl): void {
    this.closedStreams.add(stream.id, 'end');
    this.#forget(stream);
  }

  reset(stream: StreamImpl, code: number): void {
    stream.state = StreamState.reset;
    if (stream.id !== 0 && this.ending === null) {
      // Whoever is last needs no budget: the connection is to close.
      if (this.isRotationDue && this.activeStreams > 1 && !this.guard.mayReset(this.nowMs)) {
        this.abandoned.add(stream.id, code);
      } else this.#sendReset(stream.id, code);
    }
    this.#forget(stream);
  }

  #sendReset(streamId: number, code: number): void {
    const { guard, nowMs } = this;
    this.closedStreams.add(streamId, 'own-reset');
    this.write.reset(streamId, code);
    guard.noteReset(nowMs);
    if (this.isRotationDue || guard.mayReset(nowMs)) return;
    this.isRotationDue = true;
    this.countLimit('resetsBeforeRotation');
  }

  /** Resets as many abandoned streams as may be by now. */
  resetAbandoned(): void {
    while (this.guard.mayReset(this.nowMs)) {
      const next = this.abandoned.next();
      if (next === null) return;
      this.#sendReset(next.streamId, next.code);
      this.markDirty();
    }
  }

  waitForTurn(stream: StreamImpl, queuedBytes: number): void {
    this.scheduler.add(stream, queuedBytes, this.nowMs);
    // What is queued is judged with the next flush, also where nothing was written.
    this.markDirty();
  }

  queueTrailers(bytes: number): void {
    this.scheduler.queuedBytes += bytes;
  }

  noteData(bytes: number): void {
    this.sentDataBytes += bytes;
    this.guard.onDataSent(bytes);
  }

  reportSent(stream: StreamImpl): void {
    this.#unreported.push(stream);
  }

  // ---- for the connection --------------------------------------------------------------------------------------

  /** A stream that has no id yet. */
  addUnsent(stream: StreamImpl): void {
    this.#unsent.push(stream);
    this.activeStreams++;
    this.streamsOpened++;
  }

  /** A stream that the peer has opened. */
  addPeerStream(stream: StreamImpl): void {
    this.streams.add(stream);
    this.activeStreams++;
    this.streamsOpened++;
  }

  /** How many streams may be opened. */
  get room(): number {
    if (this.role === 'server' || this.state !== 'open' || this.isRotationDue || this.isSuspect) return 0;
    const { maxConcurrentStreams, assumedConcurrentStreams, lastStreamId, maxQueuedBytes } = this.limits;
    if (this.scheduler.queuedBytes > maxQueuedBytes) return 0;
    const allowed = this.hasPeerSettings ? this.peerSettings.maxConcurrentStreams : assumedConcurrentStreams;
    const ids = Math.floor((lastStreamId - this.nextStreamId) / 2) + 1 - this.#unsent.length;
    return Math.max(0, Math.min(Math.min(allowed, maxConcurrentStreams) - this.activeStreams, ids));
  }

  /** All that the streams hold: what is queued toward the peer, and what is kept of what it sent. */
  get pinnedBytes(): number {
    return this.scheduler.queuedBytes + this.keptBytes;
  }

  oversizeOf(request: HeaderBlock): Oversize | null {
    const maxBytes = this.peerSettings.maxHeaderListBytes;
    const bytes = maxBytes === Number.POSITIVE_INFINITY ? 0 : request.sizeAbove(maxBytes);
    if (bytes === 0) return null;
    this.countLimit('maxHeaderListBytes');
    return { bytes, maxBytes };
  }

  /** The ids that may be used, or that a client may use here, are used up. */
  get isOutOfIds(): boolean {
    const { lastStreamId } = this.limits;
    return this.role === 'client' ? this.nextStreamId > lastStreamId : this.lastPeerStreamId >= lastStreamId;
  }

  /** No stream of that id has begun (RFC 9113 section 5.1). */
  isIdle(streamId: number): boolean {
    if ((streamId & 1) === 0) return true;
    if (this.role === 'client') return streamId >= this.nextStreamId;
    // What comes behind our last GOAWAY is ignored, frame by frame.
    return streamId > this.lastPeerStreamId && streamId <= this.lastStreamId;
  }

  /** A window has grown: what is queued may go on with the next flush. */
  wakeIfQueued(): void {
    if (!this.scheduler.isIdle) this.markDirty();
  }

  /** The peer reset the stream, or a GOAWAY says that it never began: it is gone, and its handler is told. */
  closeByPeer(stream: StreamImpl, code: number, unprocessed: boolean): void {
    stream.state = StreamState.reset;
    if (stream.id !== 0) this.closedStreams.add(stream.id, 'peer-reset');
    this.#forget(stream);
    stream.handler.onReset(stream, code, 'peer', unprocessed);
  }

  /** The peer broke the protocol on this stream: it is reset, and its handler is told. */
  closeForFault(stream: StreamImpl, code: number, reason: string): void {
    this.environment.log('debug', 'stream reset', { peer: this.face.peer, stream: stream.id, reason });
    this.#resetAs('local', stream, code);
  }

  /** What is queued on the stream is not taken: it is reset, so that its memory is free, and its handler is told. */
  shed(stream: StreamImpl, limit: keyof Http2Limits): void {
    this.countLimit(limit);
    // An endpoint that does not take a request did nothing for it; a client that does not read is to call less.
    this.#resetAs('shed', stream, this.role === 'server' ? ErrorCode.ENHANCE_YOUR_CALM : ErrorCode.CANCEL);
  }

  #resetAs(by: ResetOrigin, stream: StreamImpl, code: number): void {
    this.reset(stream, code);
    this.countOwnReset();
    this.markDirty();
    stream.handler.onReset(stream, code, by, false);
  }

  /** RST_STREAM for a stream that never came to be. */
  refuse(streamId: number, code: number, reason: string): void {
    this.environment.log('debug', 'stream refused', { peer: this.face.peer, stream: streamId, reason });
    this.closedStreams.add(streamId, 'own-reset');
    this.write.reset(streamId, code);
    this.countOwnReset();
    this.markDirty();
  }

  /** A connection error (RFC 9113 section 5.4.1): GOAWAY, and the end. Only the first one counts. */
  fail(code: number, reason: string): void {
    if (this.ending !== null) return;
    this.write.goAway(this.role === 'server' ? this.lastPeerStreamId : 0, code, reason);
    this.cut({ connected: true, code, by: 'local', reason });
  }

  /** The end, without a GOAWAY: the peer is gone. */
  cut(end: ConnectionEnd): void {
    if (this.ending !== null) return;
    this.ending = end;
    this.state = 'closed';
    this.markDirty();
  }

  /** Ends the connection when `limit` was exceeded; answers whether it was. */
  enforce(limit: keyof Http2Limits | null): boolean {
    if (limit === null) return false;
    this.countLimit(limit);
    this.fail(ErrorCode.ENHANCE_YOUR_CALM, `${limit} exceeded`);
    return true;
  }

  countLimit(limit: keyof Http2Limits): void {
    this.limitsHit[limit] = (this.limitsHit[limit] ?? 0) + 1;
    this.environment.onLimitHit?.(limit, this.role, this.face.peer);
  }

  countOwnReset(): void {
    this.enforce(this.guard.onOwnReset(this.nowMs));
  }

  /** Client: streams above the last one that the peer acts on never began for it. */
  dropUnprocessed(lastStreamId: number): void {
    for (const stream of this.streams.all()) {
      if (stream.id > lastStreamId) this.closeByPeer(stream, ErrorCode.REFUSED_STREAM, true);
    }
    for (const stream of this.#unsent) this.closeByPeer(stream, ErrorCode.REFUSED_STREAM, true);
  }

  /** Tells every stream that the connection has ended. */
  cutStreams(code: number): void {
    for (const stream of this.streams.all()) this.#cutStream(stream, code);
    for (let stream = this.#unsent[0]; stream !== undefined; stream = this.#unsent[0]) this.#cutStream(stream, code);
  }

  /** Tells the streams what has been written of their bytes. */
  reportAllSent(): void {
    const streams = this.#unreported;
    if (streams.length === 0) return;
    this.#unreported = this.#reported;
    this.#reported = streams;
    for (let stream = streams.pop(); stream !== undefined; stream = streams.pop()) {
      const bytes = stream.unreported;
      stream.unreported = 0;
      if (stream.state !== StreamState.reset || stream.isResetBehindEnd) stream.handler.onSent(stream, bytes);
    }
  }

  #cutStream(stream: StreamImpl, code: number): void {
    const wasSent = stream.id !== 0;
    stream.state = StreamState.reset;
    this.#forget(stream);
    stream.handler.onReset(stream, code, 'connection', !wasSent);
  }

  #forget(stream: StreamImpl): void {
    this.scheduler.remove(stream);
    if (stream.id === 0) this.#unsent = this.#unsent.filter((other) => other !== stream);
    else this.streams.delete(stream.id);
    if (--this.activeStreams === 0) this.idleSinceMs = this.nowMs;
    this.hasNewRoom = true;
    this.guard.onStreamClosed();
    this.markDirty();
  }
}
