// The buffers that sockets read into. A socket in clear text reads into one buffer again and again (`onread`), which is
// replaced when a write that has not completed still refers to it. Sizes adapt: an idle connection has none of its own, a
// busy one up to 256 KiB (measured: fewer, larger reads cost 0.63 instead of 0.98 ms of CPU per MiB).

/**
 * The smallest is one for all sockets: what is read is handled before the next read, and a write only refers to slices
 * that are larger (`minSliceBytes`).
 */
const sizes: readonly number[] = [4096, 16_384, 65_536, 262_144];

/** Windows is told where to read to before there is anything to read: there each socket needs memory of its own. */
const isReadAtOnce = process.platform !== 'win32';

/** Reads in a row that would have fitted into the next smaller size, before it is taken. */
const readsBeforeShrinking = 64;

/** The same while the buffers of a data plane are nearly all lent. */
const readsBeforeGivingBack = 1;

/** Unused buffers kept for each size. */
const maxKept = 8;

/**
 * Lent to all sockets of a data plane. A socket gets its buffer before it has something to read, and gives it back behind
 * a read: who fills three and falls silent keeps 256 KiB.
 */
const maxLentBytes = 67_108_864;
const tightShare = 3 / 4;

/** One chunk's memory and who still needs it. */
export class ReadBuffer {
  readonly buffer: Buffer;
  /** Writes under way that refer to it. */
  holds = 0;
  /** Its socket reads into another one; it goes back to its pool with its last hold. */
  isRetired = false;
  readonly #pool: ReadBufferPool;
  readonly #sizeClass: number;

  /** @param sizeClass -1: the memory is Node's own and is left to the garbage collector. */
  constructor(pool: ReadBufferPool, buffer: Buffer, sizeClass: number) {
    this.#pool = pool;
    this.buffer = buffer;
    this.#sizeClass = sizeClass;
  }

  hold(): void {
    if (this.holds++ === 0) this.#pool.heldBytes += this.buffer.length;
  }

  release(): void {
    if (--this.holds > 0) return;
    this.#pool.heldBytes -= this.buffer.length;
    if (this.isRetired) this.#pool.give(this, this.#sizeClass);
  }
}

export class ReadBufferPool {
  /** Memory that writes under way refer to, here and in chunks that Node allocated. */
  heldBytes = 0;
  readonly #shared: ReadBuffer | null = isReadAtOnce ? this.#make(0) : null;
  readonly #kept: ReadBuffer[][] = sizes.map(() => []);
  #lentBytes = 0;

  /** The buffers are nearly all lent: whoever does not need a large one shall give it back. */
  get isTight(): boolean {
    return this.#lentBytes > tightShare * maxLentBytes;
  }

  mayLend(sizeClass: number): boolean {
    return this.#lentBytes + sizes[sizeClass]! <= maxLentBytes;
  }

  take(sizeClass: number): ReadBuffer {
    if (sizeClass === 0 && this.#shared !== null) return this.#shared;
    this.#lentBytes += sizes[sizeClass]!;
    const kept = this.#kept[sizeClass]!.pop();
    if (kept === undefined) return this.#make(sizeClass);
    kept.isRetired = false;
    return kept;
  }

  give(buffer: ReadBuffer, sizeClass: number): void {
    if (sizeClass < 0 || buffer === this.#shared) return;
    this.#lentBytes -= sizes[sizeClass]!;
    if (this.#kept[sizeClass]!.length < maxKept) this.#kept[sizeClass]!.push(buffer);
  }

  #make(sizeClass: number): ReadBuffer {
    return new ReadBuffer(this, Buffer.allocUnsafeSlow(sizes[sizeClass]!), sizeClass);
  }

  /** For a chunk that Node allocated. */
  adopt(chunk: Buffer): ReadBuffer {
    return new ReadBuffer(this, chunk, -1);
  }
}

/** The buffer of one socket. */
export class SocketReadBuffer {
  readonly #pool: ReadBufferPool;
  #sizeClass = 0;
  #smallReads = 0;
  #current: ReadBuffer;

  constructor(pool: ReadBufferPool) {
    this.#pool = pool;
    this.#current = pool.take(0);
  }

  get current(): ReadBuffer {
    return this.#current;
  }

  /** After a read of `bytes`: the buffer for the next one. */
  next(bytes: number): Buffer {
    const sizeClass = this.#sizeClassAfter(bytes);
    const current = this.#current;
    if (sizeClass !== this.#sizeClass || current.holds > 0) {
      if (current.holds > 0) current.isRetired = true;
      else this.#pool.give(current, this.#sizeClass);
      this.#sizeClass = sizeClass;
      this.#current = this.#pool.take(sizeClass);
    }
    return this.#current.buffer;
  }

  /** The socket is closed and reads no more. */
  free(): void {
    if (this.#current.holds > 0) this.#current.isRetired = true;
    else this.#pool.give(this.#current, this.#sizeClass);
  }

  #sizeClassAfter(bytes: number): number {
    const sizeClass = this.#sizeClass;
    if (bytes === sizes[sizeClass]) {
      this.#smallReads = 0;
      const larger = sizeClass + 1;
      return larger < sizes.length && this.#pool.mayLend(larger) ? larger : sizeClass;
    }
    if (sizeClass === 0 || bytes > sizes[sizeClass - 1]!) {
      this.#smallReads = 0;
      return sizeClass;
    }
    this.#smallReads++;
    if (this.#smallReads < (this.#pool.isTight ? readsBeforeGivingBack : readsBeforeShrinking)) return sizeClass;
    this.#smallReads = 0;
    return sizeClass - 1;
  }
}
