// One stream: what it has sent and received, what it has queued, and how much of its windows is left. The connection
// (its owner) has the bytes, the windows that all streams share, and the table of streams.
import type { Connection, Stream, StreamHandler } from './connection-contract.ts';
import { ErrorCode } from './errors.ts';
import { dueIncrement, streamSendWindow } from './flow-window.ts';
import type { HeaderBlock } from './header-contract.ts';
import type { HeaderEncoder } from './header-encoder.ts';
import type { PeerSettings } from './settings.ts';
import { StreamQueue } from './stream-queue.ts';
import { afterSendingEnd, StreamState } from './stream-state.ts';
import type { WriteBuffer } from './write-buffer.ts';

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly write: WriteBuffer;
  readonly encoder: HeaderEncoder;
  readonly peerSettings: PeerSettings;
  readonly streamWindowBytes: number;
  /** Client: the id that the next stream gets. */
  readonly nextStreamId: number;
  /** When the turn in hand began, ms. */
  readonly nowMs: number;
  /** The connection's window for sending. */
  sendWindow: number;
  /** DATA may be written: little waits for the socket. */
  readonly hasOutputRoom: boolean;
  /** A write is under way, so that what is written now waits: it must not refer to the chunk in hand. */
  readonly isWriting: boolean;
  markDirty(): void;
  /** Client: the stream's first headers are about to be written. */
  begin(stream: StreamImpl, head: HeaderBlock): void;
  /** Both sides have ended. */
  end(stream: StreamImpl): void;
  /** RST_STREAM, and the stream is gone. */
  reset(stream: StreamImpl, code: number): void;
  /** Bytes were queued: the stream waits for a window or for its turn. */
  waitForTurn(stream: StreamImpl, queuedBytes: number): void;
  /** Trailers wait behind queued bytes, and hold so many of their own. */
  queueTrailers(bytes: number): void;
  /** DATA of so many bytes is written. */
  noteData(bytes: number): void;
  /** Bytes went out: `onSent` is due with the next flush. */
  reportSent(stream: StreamImpl): void;
}

/** Where a stream with queued bytes waits. */
export const Waiting = { nowhere: 0, forTurn: 1, forWindow: 2, unread: 3 } as const;

const noHandler: StreamHandler = { onHeaders() {}, onData() {}, onReset() {}, onSent() {} };

export class StreamImpl implements Stream {
  id: number;
  readonly connection: Connection;
  handler: StreamHandler;
  readonly owner: StreamOwner;
  state: number = StreamState.open;
  headersAre: 'informational' | 'head' | 'trailers' = 'head';
  sentHead = false;
  receivedHead = false;
  /** When it began, ms. */
  openedMs: number;
  /** See flow-window.ts. */
  sendCredit = 0;
  /** What the peer may still send. */
  receiveWindow: number;
  /** Consumed, and not yet given back to the peer. */
  unreturned = 0;
  /** DATA, counted from the beginning. */
  sentBytes = 0;
  /** Sent, and not yet told to the handler. */
  unreported = 0;
  /** What content-length promises of the bytes to be received, -1: nothing (RFC 9113 section 8.1.1). */
  expectedBytes = -1;
  receivedBytes = 0;
  /** Client: 1xx responses so far. */
  informationalResponses = 0;
  /** Client: the request was HEAD, so that a content-length promises nothing. */
  sentHeadRequest = false;
  queue: StreamQueue | null = null;
  /** Since when it has had bytes queued and sent less than a frame of them, ms; and what it had sent by then. */
  waitsSinceMs = 0;
  sentBefore = 0;
  /** Links of the ring that it waits in. */
  waiting: number = Waiting.nowhere;
  next: StreamImpl | null = null;
  previous: StreamImpl | null = null;
  #resetsAfterEnd = false;
  /** It was reset behind its own END_STREAM: what had been written before is still reported. */
  isResetBehindEnd = false;

  constructor(id: number, connection: Connection, owner: StreamOwner, openedMs: number) {
    this.id = id;
    this.connection = connection;
    this.handler = noHandler;
    this.owner = owner;
    this.openedMs = openedMs;
    this.receiveWindow = owner.streamWindowBytes;
  }

  get receivedEnd(): boolean {
    return (this.state & StreamState.halfClosedRemote) !== 0;
  }

  get sentEnd(): boolean {
    return (this.state & StreamState.halfClosedLocal) !== 0;
  }

  get isClosed(): boolean {
    return this.state >= StreamState.ended;
  }

  get queuedBytes(): number {
    return this.queue === null ? 0 : this.queue.bytes;
  }

  sendHeaders(block: HeaderBlock, endStream: boolean): void {
    if (!this.#mayWrite()) return;
    const queue = this.queue;
    if (queue !== null && queue.bytes > 0) {
      queue.trailers = block.retain();
      queue.trailerBytes = block.ownBytes;
      queue.ends = endStream;
      this.owner.queueTrailers(queue.trailerBytes);
      return;
    }
    this.writeHeaders(block, endStream);
  }

  sendData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (!this.#mayWrite() || this.id === 0) return;
    const queue = this.queue;
    if (queue !== null && queue.bytes > 0) {
      queue.append(buf, start, end);
      queue.ends = endStream;
      this.owner.waitForTurn(this, end - start);
      return;
    }
    if (start === end) {
      if (endStream) this.writeData(buf, start, end, true);
      return;
    }
    const sent = this.#sendNow(buf, start, end, endStream);
    if (sent === end) return;
    const rest = queue ?? new StreamQueue();
    this.queue = rest;
    rest.append(buf, sent, end);
    rest.ends = endStream;
    this.owner.waitForTurn(this, end - sent);
  }

  reset(code: number): void {
    if (this.isClosed) return;
    // The end of a response must not be cut off by telling the client to send no more (RFC 9113 section 8.1). A client
    // that has the whole response has no such reason to wait.
    if (code === ErrorCode.NO_ERROR && this.queuedBytes > 0 && this.queue!.ends && !this.receivedEnd) {
      this.#resetsAfterEnd = true;
      return;
    }
    this.owner.reset(this, code);
  }

  credit(bytes: number): void {
    if (this.state >= StreamState.halfClosedRemote) return;
    this.unreturned += bytes;
    const increment = dueIncrement(this.unreturned, this.owner.streamWindowBytes);
    if (increment === 0) return;
    this.unreturned = 0;
    this.receiveWindow += increment;
    this.owner.write.windowUpdate(this.id, increment);
    this.owner.markDirty();
  }

  // ---- for the connection --------------------------------------------------------------------------------------

  /** How many bytes its own window lets be sent now. */
  get ownSendWindow(): number {
    return streamSendWindow(this.sendCredit, this.owner.peerSettings.initialWindowBytes);
  }

  /** How many bytes may be sent now, as far as windows go. */
  get sendWindow(): number {
    return Math.min(this.ownSendWindow, this.owner.sendWindow);
  }

  writeHeaders(block: HeaderBlock, endStream: boolean): void {
    const { owner } = this;
    // Should the block not be encoded, its id was not used either: a reset for it would end the connection.
    const id = this.id === 0 ? owner.nextStreamId : this.id;
    owner.write.headers(owner.encoder, block, id, endStream, owner.peerSettings.maxFrameBytes);
    if (this.id === 0) owner.begin(this, block);
    this.sentHead = true;
    owner.markDirty();
    if (endStream) this.#afterEnd();
  }

  /** One frame, which fits the windows. */
  writeData(buf: Buffer, start: number, end: number, endStream: boolean): void {
    const { owner } = this;
    if (end > start) this.#chargeSent(end - start);
    owner.write.data(this.id, buf, start, end, endStream, !owner.isWriting);
    owner.markDirty();
    if (endStream) this.#afterEnd();
  }

  /** One frame with the first `bytes` of what is queued, which fit the windows. */
  writeQueued(bytes: number): void {
    const { owner } = this;
    const queue = this.queue!;
    const endStream = bytes === queue.bytes && queue.ends && queue.trailers === null;
    this.#chargeSent(bytes);
    owner.write.queuedData(this.id, queue, bytes, endStream);
    owner.markDirty();
    if (endStream) this.#afterEnd();
  }

  #chargeSent(bytes: number): void {
    const { owner } = this;
    this.sendCredit -= bytes;
    this.sentBytes += bytes;
    owner.sendWindow -= bytes;
    owner.noteData(bytes);
    if (this.unreported === 0) owner.reportSent(this);
    this.unreported += bytes;
  }

  /** What stands behind the queued bytes, now that these are out. */
  writeQueuedEnd(): void {
    const queue = this.queue!;
    const { trailers } = queue;
    if (trailers === null) return;
    queue.trailers = null;
    this.writeHeaders(trailers, queue.ends);
  }

  #mayWrite(): boolean {
    return (this.state & (StreamState.halfClosedLocal | StreamState.reset)) === 0 && this.queue?.ends !== true;
  }

  /** Writes as many bytes as windows and socket allow; answers where they end. */
  #sendNow(buf: Buffer, start: number, end: number, endStream: boolean): number {
    const { owner } = this;
    const { maxFrameBytes } = owner.peerSettings;
    let at = start;
    while (at < end && owner.hasOutputRoom) {
      const to = Math.min(end, at + maxFrameBytes, at + this.sendWindow);
      if (to <= at) break;
      this.writeData(buf, at, to, endStream && to === end);
      at = to;
    }
    return at;
  }

  #afterEnd(): void {
    this.state = afterSendingEnd(this.state);
    if (this.state === StreamState.ended) this.owner.end(this);
    else if (this.#resetsAfterEnd) {
      this.isResetBehindEnd = true;
      this.owner.reset(this, ErrorCode.NO_ERROR);
    }
  }
}
