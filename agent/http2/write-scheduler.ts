// Which stream writes next: streams with queued bytes have turns, at most 16 KiB each, so that one bulk transfer does
// not hold up a hundred small calls. A stream whose window is used up waits apart, so that nobody looks at it until its
// window opens; and those among them whose peer has taken little of what it lets wait are counted by themselves.
import { type StreamImpl, type StreamOwner, Waiting } from './stream.ts';

const turnBytes = 16_384;

/**
 * A stream may leave so many times as much waiting as its peer has taken of it. A reader with a window of 16 KiB, the
 * smallest in use, leaves 256 KiB waiting for a round trip.
 */
const fairFactor = 16;

export class WriteScheduler {
  readonly #turns = new StreamRing(Waiting.forTurn);
  readonly #blocked = new StreamRing(Waiting.forWindow);
  readonly #unread = new StreamRing(Waiting.unread);
  /** On all streams, with the trailers that wait behind them. */
  queuedBytes = 0;
  /** On streams that wait for their own window, and whose peer has taken less than a sixteenth of what waits. */
  unreadBytes = 0;

  get isIdle(): boolean {
    return this.#turns.first === null;
  }

  add(stream: StreamImpl, queuedBytes: number, nowMs: number): void {
    this.queuedBytes += queuedBytes;
    if (stream.waiting === Waiting.forTurn) return;
    if (stream.waiting === Waiting.unread) {
      this.unreadBytes += queuedBytes;
      return;
    }
    if (stream.waiting === Waiting.nowhere) {
      stream.waitsSinceMs = nowMs;
      stream.sentBefore = stream.sentBytes;
      if (stream.ownSendWindow > 0) {
        this.#turns.push(stream);
        return;
      }
    } else if (!isUnread(stream)) return;
    else this.#blocked.remove(stream);
    this.#block(stream);
  }

  /** The stream is closed, and what it has queued is dropped. */
  remove(stream: StreamImpl): void {
    if (stream.queue === null) return;
    this.#leave(stream);
    this.queuedBytes -= stream.queue.bytes + stream.queue.trailerBytes;
    stream.queue = null;
  }

  /** The stream's window has grown. */
  wake(stream: StreamImpl): void {
    if (stream.waiting < Waiting.forWindow) return;
    this.#leave(stream);
    this.#turns.push(stream);
  }

  /** All windows have grown (SETTINGS_INITIAL_WINDOW_SIZE). Answers how many streams had waited for that. */
  wakeAll(): number {
    let woken = 0;
    for (const ring of [this.#blocked, this.#unread]) {
      for (let stream = ring.first; stream !== null; stream = ring.first) {
        this.wake(stream);
        woken++;
      }
    }
    return woken;
  }

  /** Who has waited longest among those that are unread. */
  get longestUnread(): StreamImpl | null {
    return this.#unread.first;
  }

  /** The first to go when too much is queued: who is unread, then who waits for a window, then whose turn is next. */
  get longestWaiting(): StreamImpl | null {
    return this.#unread.first ?? this.#blocked.first ?? this.#turns.first;
  }

  /** Every stream that has waited since then or longer. */
  waitingSince(ms: number): StreamImpl[] {
    const streams: StreamImpl[] = [];
    for (const ring of [this.#unread, this.#blocked, this.#turns]) {
      for (let stream = ring.first; stream !== null; stream = stream.next) {
        if (stream.waitsSinceMs <= ms) streams.push(stream);
      }
    }
    return streams;
  }

  /** Writes what windows and socket allow. */
  run(owner: StreamOwner): void {
    while (owner.hasOutputRoom && owner.sendWindow > 0) {
      const stream = this.#turns.first;
      if (stream === null) return;
      this.#turns.remove(stream);
      if (stream.sendWindow <= 0) this.#block(stream);
      else this.#giveTurn(stream, owner);
    }
  }

  #giveTurn(stream: StreamImpl, owner: StreamOwner): void {
    const queue = stream.queue!;
    let left = Math.min(turnBytes, stream.sendWindow, queue.bytes);
    while (left > 0) {
      const bytes = Math.min(left, owner.peerSettings.maxFrameBytes);
      this.queuedBytes -= bytes;
      left -= bytes;
      stream.writeQueued(bytes);
    }
    if (stream.isClosed) return;
    if (queue.bytes === 0) {
      this.queuedBytes -= queue.trailerBytes;
      queue.trailerBytes = 0;
      stream.writeQueuedEnd();
      return;
    }
    this.#turns.push(stream);
    // Who draws a byte now and then has waited all the while.
    if (stream.sentBytes - stream.sentBefore < turnBytes) return;
    stream.waitsSinceMs = owner.nowMs;
    stream.sentBefore = stream.sentBytes;
  }

  #block(stream: StreamImpl): void {
    if (!isUnread(stream)) {
      this.#blocked.push(stream);
      return;
    }
    this.#unread.push(stream);
    this.unreadBytes += stream.queuedBytes;
  }

  #leave(stream: StreamImpl): void {
    if (stream.waiting === Waiting.forTurn) this.#turns.remove(stream);
    else if (stream.waiting === Waiting.forWindow) this.#blocked.remove(stream);
    else if (stream.waiting === Waiting.unread) {
      this.#unread.remove(stream);
      this.unreadBytes -= stream.queuedBytes;
    }
  }
}

function isUnread(stream: StreamImpl): boolean {
  return stream.queuedBytes > fairFactor * stream.sentBytes;
}

/** A queue of streams whose links are on the streams themselves. */
class StreamRing {
  first: StreamImpl | null = null;
  #last: StreamImpl | null = null;
  readonly #waiting: number;

  constructor(waiting: number) {
    this.#waiting = waiting;
  }

  push(stream: StreamImpl): void {
    stream.waiting = this.#waiting;
    stream.previous = this.#last;
    if (this.#last === null) this.first = stream;
    else this.#last.next = stream;
    this.#last = stream;
  }

  remove(stream: StreamImpl): void {
    const { next, previous } = stream;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    stream.next = null;
    stream.previous = null;
    stream.waiting = Waiting.nowhere;
  }
}
