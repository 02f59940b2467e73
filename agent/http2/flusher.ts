// One read, one parse, one write: what a chunk causes is collected on the connections it concerns, and each of them is
// flushed once, when the chunk has been handled. One flusher for each data plane (thread).
import { ReadBufferPool } from './read-buffer.ts';
import { ChunkInHand, SlabPool } from './write-slab.ts';

/** What can be marked dirty. */
export interface Flushable {
  /** Writes what it has, and tells its handlers what has happened; never throws. */
  flush(): void;
}

/** Flushes in one run before other events have their turn. */
const maxFlushesPerRun = 10_000;

export class Flusher {
  readonly slabs = new SlabPool();
  readonly readBuffers = new ReadBufferPool();
  /** What is being handled between `enter` and `leave`; nothing outside. */
  readonly chunk = new ChunkInHand(this.readBuffers);
  #depth = 0;
  #flushing = false;
  #scheduled = false;
  /** Flushed from the front; grows while it is being flushed, since what is sent here is credited there. */
  #dirty: Flushable[] = [];
  readonly #run = (): void => {
    this.#scheduled = false;
    if (this.#depth === 0 && !this.#flushing) this.#flush();
  };

  /** Before the handling of a chunk, a timer or a promise; may be nested. */
  enter(): void {
    this.#depth++;
  }

  /** After it. The outermost one flushes. */
  leave(): void {
    if (--this.#depth === 0 && !this.#flushing && this.#dirty.length > 0) this.#flush();
  }

  /** `connection` has something to write or to tell. It is flushed once for each call: let it know that it is marked. */
  markDirty(connection: Flushable): void {
    this.#dirty.push(connection);
    if (this.#depth > 0 || this.#flushing || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#run);
  }

  #flush(): void {
    this.#flushing = true;
    const dirty = this.#dirty;
    let flushed = 0;
    while (flushed < dirty.length && flushed < maxFlushesPerRun) dirty[flushed++]!.flush();
    this.#flushing = false;
    if (flushed === dirty.length) {
      dirty.length = 0;
      return;
    }
    // Two parties that answer each other without end must not stop everything else.
    this.#dirty = dirty.slice(flushed);
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
