// One read, one parse, one write: what a chunk causes is collected on the connections it concerns, and each of them is
// flushed once, when the chunk has been handled, or, where several connections have something to read at a time, when
// all of them have been. One flusher for each data plane (thread).
import { QueueLedger } from './queue-ledger.ts';
import { ReadBufferPool } from './read-buffer.ts';
import { TurnQueue } from './turn-queue.ts';
import { ChunkInHand, SlabPool } from './write-slab.ts';

/** What can be marked dirty. */
export interface Flushable {
  /** Writes what it has, and tells its handlers what has happened; never throws. */
  flush(): void;
}

/** Flushes in one run before other events have their turn. */
const maxFlushesPerRun = 10_000;

/** A chunk of this size has enough for a write of its own, and its memory is to be read into again. */
const largeChunkBytes = 16_384;

/** Chunks whose writes wait for each other, so that peers are not left without work meanwhile. */
const maxGathered = 32;

/** Turns with one chunk, before writes wait for no others. */
const loneTurnsToStop = 8;

/** Chunks until the next look at how many of them come in a turn. */
const chunksBetweenLooks = 16;

export class Flusher {
  readonly slabs = new SlabPool();
  readonly readBuffers = new ReadBufferPool();
  readonly queues = new QueueLedger();
  readonly turns = new TurnQueue();
  /** What is being handled between `enter` and `leave`; nothing outside. */
  readonly chunk = new ChunkInHand(this.readBuffers);
  readonly #readClock: () => number;
  #nowMs = 0;
  #depth = 0;
  #flushing = false;
  #scheduled = false;
  /** Chunks come in company: each waits to be flushed with the others of its turn of the event loop. */
  #gathers = false;
  #turnEnds = false;
  #chunksInTurn = 0;
  #loneTurns = 0;
  #untilLook = chunksBetweenLooks;
  /** Flushed from the front; grows while it is being flushed, since what is sent here is credited there. */
  readonly #dirty: (Flushable | null)[] = [];
  #dirtyCount = 0;
  readonly #run = (): void => {
    this.#scheduled = false;
    this.enter();
    this.leave();
  };

  readonly #endTurn = (): void => {
    this.#turnEnds = false;
    this.#loneTurns = this.#chunksInTurn > 1 ? 0 : this.#loneTurns + 1;
    this.#gathers = this.#loneTurns < loneTurnsToStop;
    this.#chunksInTurn = 0;
    this.enter();
    this.leave();
  };

  /** @param readClock monotonic milliseconds. */
  constructor(readClock: () => number = () => performance.now()) {
    this.#readClock = readClock;
  }

  /** Monotonic milliseconds: what is handled and flushed together has one time, that of its beginning. */
  now(): number {
    return this.#depth > 0 || this.#flushing ? this.#nowMs : this.#readClock();
  }

  /** Before the handling of a chunk, a timer or a promise; may be nested. */
  enter(): void {
    if (this.#depth++ === 0) this.#nowMs = this.#readClock();
  }

  /** After it. The outermost one flushes. */
  leave(): void {
    if (--this.#depth === 0 && !this.#flushing && this.#dirtyCount > 0) this.#flush();
  }

  /** After the handling of a chunk of `bytes`, which may be flushed together with others of this turn. */
  leaveChunk(bytes: number): void {
    if (--this.#depth > 0 || this.#flushing) return;
    if (this.#gathers) this.#endTurnLater();
    else if (--this.#untilLook === 0) this.#look();
    if (this.#gathers && bytes < largeChunkBytes && ++this.#chunksInTurn % maxGathered !== 0) return;
    if (this.#dirtyCount > 0) this.#flush();
  }

  /** For two turns, of which the second is seen from its beginning. */
  #look(): void {
    this.#untilLook = chunksBetweenLooks;
    this.#gathers = true;
    this.#loneTurns = loneTurnsToStop - 2;
    this.#endTurnLater();
  }

  #endTurnLater(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    setImmediate(this.#endTurn);
  }

  /** `connection` has something to write or to tell. It is flushed once for each call: let it know that it is marked. */
  markDirty(connection: Flushable): void {
    this.#dirty[this.#dirtyCount++] = connection;
    if (this.#depth > 0 || this.#flushing || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#run);
  }

  #flush(): void {
    this.#flushing = true;
    const dirty = this.#dirty;
    let flushed = 0;
    while (flushed < this.#dirtyCount && flushed < maxFlushesPerRun) {
      const connection = dirty[flushed]!;
      dirty[flushed++] = null;
      connection.flush();
    }
    this.#flushing = false;
    if (flushed === this.#dirtyCount) {
      this.#dirtyCount = 0;
      return;
    }
    // Two parties that answer each other without end must not stop everything else.
    dirty.copyWithin(0, flushed, this.#dirtyCount);
    dirty.fill(null, this.#dirtyCount - flushed, this.#dirtyCount);
    this.#dirtyCount -= flushed;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
