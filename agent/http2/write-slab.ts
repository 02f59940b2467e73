// The memory that frames are written into, and what is known of the chunk that is being handled.
import type { ReadBuffer, ReadBufferPool } from './read-buffer.ts';

export const slabBytes = 65_536;

/** Unused slabs kept: as many connections are rarely dirty, or blocked, at once. */
const maxKept = 64;

/** Slabs are taken with the first frame and given back when the write has completed, mostly in the same turn. */
export class SlabPool {
  readonly #kept: Buffer[] = [];

  take(): Buffer {
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
  }

  give(slab: Buffer): void {
    if (slab.length === slabBytes && this.#kept.length < maxKept) this.#kept.push(slab);
  }
}

/** More memory than this is not pinned by writes that the sockets have not taken; data are copied then. */
const maxHeldBytes = 16_777_216;

/** The chunk whose frames are being handled: large DATA in it may be written without being copied. */
export class ChunkInHand {
  buffer: Buffer | null = null;
  /**
   * Where the payload of a DATA frame begins whose header stands directly before it in the chunk: that header has been
   * read, so the frame that carries the payload on may have its header there. -1: none, or it has been used.
   */
  payloadAt = -1;
  #source: ReadBuffer | null = null;
  readonly #pool: ReadBufferPool;

  constructor(pool: ReadBufferPool) {
    this.#pool = pool;
  }

  /** @param source `null`: Node allocated the chunk for this read alone. */
  begin(buffer: Buffer, source: ReadBuffer | null): void {
    this.buffer = buffer;
    this.#source = source;
    this.payloadAt = -1;
  }

  end(): void {
    this.buffer = null;
    this.#source = null;
    this.payloadAt = -1;
  }

  /** True when a slice of `buf` may be written as it is, held by `source`. */
  mayRefer(buf: Buffer): boolean {
    return buf === this.buffer && this.#pool.heldBytes < maxHeldBytes;
  }

  get source(): ReadBuffer {
    this.#source ??= this.#pool.adopt(this.buffer!);
    return this.#source;
  }
}
