// A shape as one encoder writes it: everything but the holes' values, with the indices of its table in it.

import { copyBytes } from './field-bytes.ts';
import type { HeaderBlockImpl } from './header-block.ts';
import { writeInteger } from './hpack-integer.ts';

export class HeaderTemplate {
  /** Of the encoder's table, when the template was made. */
  readonly version: number;
  /** Bytes that the table would have saved, had it had room. */
  readonly missedBytes: number;
  readonly #bytes: Buffer;
  /** For each hole, the offset in `bytes` at which its value goes. */
  readonly #cuts: readonly number[];

  constructor(version: number, missedBytes: number, bytes: Buffer, cuts: readonly number[]) {
    this.version = version;
    this.missedBytes = missedBytes;
    this.#bytes = bytes;
    this.#cuts = cuts;
  }

  /** Writes a block of the template's shape to `out` at `at`; answers the offset behind it. */
  write(block: HeaderBlockImpl, out: Buffer, at: number): number {
    const bytes = this.#bytes;
    const cuts = this.#cuts;
    let offset = at;
    let from = 0;
    for (let hole = 0; hole < cuts.length; hole++) {
      const cut = cuts[hole]!;
      offset = copyBytes(bytes, from, cut, out, offset);
      offset = writeHole(block, hole, out, offset);
      from = cut;
    }
    return copyBytes(bytes, from, bytes.length, out, offset);
  }
}

/** Writes the length and the bytes of a hole's value. */
export function writeHole(block: HeaderBlockImpl, hole: number, out: Buffer, at: number): number {
  const start = block.spans[2 * hole]!;
  const span = block.spans[2 * hole + 1]!;
  const length = span >> 1;
  const offset = writeInteger(out, at, (span & 1) << 7, 7, length);
  return copyBytes(block.bytesOfHoles, start, start + length, out, offset);
}
