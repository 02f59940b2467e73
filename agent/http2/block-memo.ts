// Blocks that a peer sends again and again, byte for byte: most responses and trailers, and the requests of clients that
// put nothing fresh in them. While the table is as it was, the same bytes are the same block, and need no decoding.

import type { HeaderBlockImpl } from './header-block.ts';

const maxBytes = 256;
/** By what a block's bytes look like; a power of two. */
const places = 8;
/** The same bytes came so often in a row: what the shape tables admit on second sight, they have admitted. */
const sightsToKeep = 4;
/** Uses after which a block is decoded as usual, so that it becomes what the shape tables have made of it since. */
const usesToRenew = 4096;
/** Blocks in a row that were not known, after which only one of `blocksBetweenTries` is remembered. */
const patience = 64;
const blocksBetweenTries = 32;

class KnownBlock {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(maxBytes);
  length = 0;
  tableVersion = 0;
  generation = 0;
  sights = 0;
  uses = 0;
  listBytes = 0;
  block: HeaderBlockImpl | null = null;

  isOf(buf: Buffer, start: number, length: number): boolean {
    if (this.length !== length) return false;
    const { bytes } = this;
    for (let i = 0; i < length; i++) if (bytes[i] !== buf[start + i]) return false;
    return true;
  }
}

export class BlockMemo {
  /** `null` until a block was worth remembering: most connections of a fleet are idle. */
  #known: (KnownBlock | undefined)[] | null = null;
  #unknownInRow = 0;
  /** Decoded size of the block that `find` has answered. */
  listBytes = 0;

  /** The block that `buf[start, end)` is; `null` when it has to be decoded. */
  find(buf: Buffer, start: number, end: number, tableVersion: number, generation: number): HeaderBlockImpl | null {
    const length = end - start;
    if (this.#known === null || length === 0) return null;
    const known = this.#known[placeOf(buf, start, end)];
    if (known === undefined || known.block === null || known.tableVersion !== tableVersion) return null;
    if (known.generation !== generation || !known.isOf(buf, start, length)) return null;
    if (++known.uses === usesToRenew) {
      known.block = null;
      known.sights = 0;
      return null;
    }
    this.#unknownInRow = 0;
    this.listBytes = known.listBytes;
    return known.block;
  }

  /** Takes note of what `buf[start, end)` was decoded to, which changed nothing in the table. */
  note(
    buf: Buffer,
    start: number,
    end: number,
    tableVersion: number,
    generation: number,
    block: HeaderBlockImpl,
    listBytes: number,
  ): void {
    const length = end - start;
    if (length > maxBytes || length === 0) return;
    if (++this.#unknownInRow > patience && this.#unknownInRow % blocksBetweenTries !== 0) return;
    this.#known ??= new Array<KnownBlock | undefined>(places).fill(undefined);
    const place = placeOf(buf, start, end);
    let known = this.#known[place];
    if (known === undefined) {
      known = new KnownBlock();
      this.#known[place] = known;
    }
    if (known.tableVersion === tableVersion && known.generation === generation && known.isOf(buf, start, length)) {
      if (++known.sights < sightsToKeep) return;
      known.block = block.keep();
      known.listBytes = listBytes;
      known.uses = 0;
      return;
    }
    buf.copy(known.bytes, 0, start, end);
    known.length = length;
    known.tableVersion = tableVersion;
    known.generation = generation;
    known.sights = 1;
    known.block = null;
  }
}

function placeOf(buf: Buffer, start: number, end: number): number {
  return (end - start + buf[start]! + 3 * buf[end - 1]!) & (places - 1);
}
