// Huffman-coded strings (RFC 7541 section 5.2) up to two symbols at a time, by the next twelve bits. Nearly all that is
// sent is in the symbols whose codes are no longer than that: letters, digits, and most of what stands between them. A
// string with another one in it is left to `huffman.ts`, which knows all of them.

import { endOfString, huffmanBits, huffmanCodes } from './huffman-code.ts';

const indexBits = 12;
const indexMask = (1 << indexBits) - 1;
const mostPaddingBits = 7;
/** Its code has six bits. */
const space = 0x20;

const firstBitsAt = 16;
const bothBitsAt = 20;
const hasSecondAt = 24;
const hasSecond = 1 << hasSecondAt;
/** The first symbol in bits 0-7, the second one 8-15, the bits of the first 16-19, of both 20-23; 0: a longer code. */
const pairs = compilePairs();

/** A symbol is in the string that is not for this file. */
export const unusual = -2;

function compilePairs(): Int32Array {
  const symbols = new Map<number, number>();
  for (let symbol = 0; symbol < endOfString; symbol++) {
    const bits = huffmanBits[symbol]!;
    if (bits <= indexBits) symbols.set((huffmanCodes[symbol]! | (1 << bits)) >>> 0, symbol);
  }
  const symbolOf = (value: number, bits: number): number | undefined => {
    for (let length = 1; length <= bits; length++) {
      const symbol = symbols.get((value >>> (bits - length)) | (1 << length));
      if (symbol !== undefined) return symbol;
    }
    return undefined;
  };
  return Int32Array.from({ length: 1 << indexBits }, (_, index) => {
    const first = symbolOf(index, indexBits);
    if (first === undefined) return 0;
    const firstBits = huffmanBits[first]!;
    const left = indexBits - firstBits;
    const second = symbolOf(index & ((1 << left) - 1), left);
    const one = first | (firstBits << firstBitsAt);
    if (second === undefined) return one | (firstBits << bothBitsAt);
    return one | (second << 8) | ((firstBits + huffmanBits[second]!) << bothBitsAt) | hasSecond;
  });
}

/**
 * Decodes `buf[start, end)` to `out` at `at`. Answers the offset behind the text, -1 when the string is invalid, or
 * `unusual`, with some of it written.
 */
export function decodePairs(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let offset = at;
  let bits = 0;
  let count = 0;
  let next = start;
  while (next < end) {
    bits = (bits << 8) | buf[next++]!;
    count += 8;
    if (next < end) {
      bits = (bits << 8) | buf[next++]!;
      count += 8;
    }
    while (count >= indexBits) {
      const pair = pairs[(bits >>> (count - indexBits)) & indexMask]!;
      if (pair === 0) return unusual;
      out[offset++] = pair;
      if (pair >= hasSecond) out[offset++] = pair >>> 8;
      count -= (pair >>> bothBitsAt) & 0xf;
    }
  }
  while (count > 0) {
    const pair = paddedPair(bits, count);
    const firstBits = (pair >>> firstBitsAt) & 0xf;
    if (pair === 0 || firstBits > count) break;
    out[offset++] = pair;
    count -= firstBits;
  }
  return isPadding(bits, count) ? offset : -1;
}

/**
 * Walks `buf[start, end)` without writing the text out. Answers its length, or `unusual`: also where something is wrong
 * with the string, which is for `huffman.ts` to say.
 */
export function walkPairs(buf: Uint8Array, start: number, end: number): number {
  let length = 0;
  let bits = 0;
  let count = 0;
  let next = start;
  let pair = 0;
  while (next < end) {
    bits = (bits << 8) | buf[next++]!;
    count += 8;
    if (next < end) {
      bits = (bits << 8) | buf[next++]!;
      count += 8;
    }
    while (count >= indexBits) {
      pair = pairs[(bits >>> (count - indexBits)) & indexMask]!;
      if (pair === 0) return unusual;
      length += 1 + (pair >>> hasSecondAt);
      count -= (pair >>> bothBitsAt) & 0xf;
    }
  }
  let last = pair >= hasSecond ? (pair >>> 8) & 0xff : pair & 0xff;
  while (count > 0) {
    pair = paddedPair(bits, count);
    const firstBits = (pair >>> firstBitsAt) & 0xf;
    if (pair === 0 || firstBits > count) break;
    last = pair & 0xff;
    length++;
    count -= firstBits;
  }
  const isBlankAtEdge = start < end && (last === space || buf[start]! >>> 2 === huffmanCodes[space]);
  return isPadding(bits, count) && !isBlankAtEdge ? length : unusual;
}

/** What the last `count` bits begin with, were they followed by padding. */
function paddedPair(bits: number, count: number): number {
  const missing = indexBits - count;
  return pairs[((bits << missing) | ((1 << missing) - 1)) & indexMask]!;
}

function isPadding(bits: number, count: number): boolean {
  const ones = (1 << count) - 1;
  return count <= mostPaddingBits && (bits & ones) === ones;
}
