// Which stream writes next: streams with queued bytes have turns, at most 16 KiB each, so that one bulk transfer does
// not hold up a hundred small calls. A stream whose window is used up waits apart, so that nobody looks at it until its
// window opens.
import { type StreamImpl, type StreamOwner, Waiting } from './stream.ts';

const turnBytes = 16_384;

export class WriteScheduler {
  readonly #turns = new StreamRing(Waiting.forTurn);
  readonly #blocked = new StreamRing(Waiting.forWindow);
  /** On all streams. */
  queuedBytes = 0;

  get isIdle(): boolean {
    return this.#turns.first === null;
  }

  add(stream: StreamImpl, queuedBytes: number): void {
    this.queuedBytes += queuedBytes;
    if (stream.waiting === Waiting.nowhere) this.#turns.push(stream);
  }

  /** The stream is closed, and what it has queued is dropped. */
  remove(stream: StreamImpl): void {
    if (stream.queue !== null) this.queuedBytes -= stream.queue.bytes;
    stream.queue = null;
    if (stream.waiting === Waiting.forTurn) this.#turns.remove(stream);
    else if (stream.waiting === Waiting.forWindow) this.#blocked.remove(stream);
  }

  /** The stream's window has grown. */
  wake(stream: StreamImpl): void {
    if (stream.waiting !== Waiting.forWindow) return;
    this.#blocked.remove(stream);
    this.#turns.push(stream);
  }

  /** All windows have grown (SETTINGS_INITIAL_WINDOW_SIZE). Answers how many streams had waited for that. */
  wakeAll(): number {
    let woken = 0;
    for (let stream = this.#blocked.first; stream !== null; stream = this.#blocked.first) {
      this.wake(stream);
      woken++;
    }
    return woken;
  }

  /** Writes what windows and socket allow. */
  run(owner: StreamOwner): void {
    while (owner.hasOutputRoom && owner.sendWindow > 0) {
      const stream = this.#turns.first;
      if (stream === null) return;
      this.#turns.remove(stream);
      if (stream.sendWindow <= 0) this.#blocked.push(stream);
      else this.#giveTurn(stream, owner);
    }
  }

  #giveTurn(stream: StreamImpl, owner: StreamOwner): void {
    const queue = stream.queue!;
    let left = Math.min(turnBytes, stream.sendWindow, queue.bytes);
    while (left > 0) {
      const start = queue.firstStart;
      const bytes = Math.min(left, queue.firstEnd - start, owner.peerSettings.maxFrameBytes);
      const chunk = queue.firstChunk;
      const isLast = bytes === queue.bytes;
      queue.consume(bytes);
      this.queuedBytes -= bytes;
      left -= bytes;
      stream.writeData(chunk, start, start + bytes, isLast && queue.ends && queue.trailers === null);
    }
    if (stream.isClosed) return;
    if (queue.bytes > 0) this.#turns.push(stream);
    else stream.writeQueuedEnd();
  }
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
