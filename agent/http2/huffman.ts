// Huffman-coded strings (RFC 7541 section 5.2). Most are left to `huffman-pairs.ts`; here is what knows all symbols and
// says what is wrong. It goes four bits a step: no code is shorter than five bits, so a step ends at most one symbol, and
// the table (256 states of 16 steps) fits the first-level cache.

import { endOfString, huffmanBits, huffmanCodes } from './huffman-code.ts';
import { decodePairs, unusual, walkPairs } from './huffman-pairs.ts';

/** A step of the walk: the next state in bits 0-7, the symbol it ended in bits 8-15, and these. */
const endsSymbol = 1 << 16;
/** Between symbols, or within at most seven bits of padding that are all ones. */
const mayEnd = 1 << 17;
const isInvalid = 1 << 18;

const steps = compileSteps();

/** The code's tree: `2 * node + bit` leads to a node (>= 0), or to a symbol (`~symbol`). */
function compileTree(): Int32Array {
  const tree = new Int32Array(2 * 256);
  let nodes = 1;
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const code = huffmanCodes[symbol]!;
    let node = 0;
    for (let bit = huffmanBits[symbol]! - 1; bit >= 0; bit--) {
      const branch = 2 * node + ((code >>> bit) & 1);
      if (bit === 0) tree[branch] = ~symbol;
      else {
        if (tree[branch] === 0) tree[branch] = nodes++;
        node = tree[branch]!;
      }
    }
  }
  return tree;
}

function compileSteps(): Int32Array {
  const tree = compileTree();
  const padding = new Set([0]);
  for (let bits = 1, node = 0; bits <= 7; bits++) {
    node = tree[2 * node + 1]!;
    padding.add(node);
  }
  const table = new Int32Array(256 * 16);
  for (let state = 0; state < 256; state++) {
    for (let nibble = 0; nibble < 16; nibble++) table[16 * state + nibble] = stepFrom(tree, padding, state, nibble);
  }
  return table;
}

function stepFrom(tree: Int32Array, padding: ReadonlySet<number>, state: number, nibble: number): number {
  let node = state;
  let step = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = tree[2 * node + ((nibble >>> bit) & 1)]!;
    if (next >= 0) node = next;
    else if (~next === endOfString) return isInvalid;
    else {
      step = endsSymbol | (~next << 8);
      node = 0;
    }
  }
  return step | node | (padding.has(node) ? mayEnd : 0);
}

/**
 * Decodes `buf[start, end)` to `out` at `at`, which needs room for 8/5 of the coded length.
 * Answers the offset behind the text, or -1 when the string is invalid (its padding, or an end of string in it).
 */
export function decodeHuffman(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const offset = decodePairs(buf, start, end, out, at);
  return offset === unusual ? decodeAny(buf, start, end, out, at) : offset;
}

function decodeAny(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let offset = at;
  let step = mayEnd;
  for (let i = start; i < end; i++) {
    const byte = buf[i]!;
    step = steps[((step & 0xff) << 4) | (byte >>> 4)]!;
    if ((step & (endsSymbol | isInvalid)) !== 0) {
      if ((step & isInvalid) !== 0) return -1;
      out[offset++] = step >>> 8;
    }
    step = steps[((step & 0xff) << 4) | (byte & 0x0f)]!;
    if ((step & (endsSymbol | isInvalid)) !== 0) {
      if ((step & isInvalid) !== 0) return -1;
      out[offset++] = step >>> 8;
    }
  }
  return (step & mayEnd) === 0 ? -1 : offset;
}

/**
 * Copies the coded `buf[start, end)` to `out` at `at` as it is, and walks it on the way without writing the text out.
 * Answers the text's length in bytes, `~length` when the text may not be a field value (NUL, CR or LF anywhere, a
 * space or tab at an edge: RFC 9113 section 8.2.1), or `invalidHuffman`.
 */
export function copyHuffman(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const length = walkPairs(buf, start, end);
  if (length === unusual) return copyAny(buf, start, end, out, at);
  for (let i = start, to = at; i < end; i++, to++) out[to] = buf[i]!;
  return length;
}

function copyAny(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let length = 0;
  let step = mayEnd;
  let symbol = 0x21;
  let isSound = true;
  for (let i = start, to = at; i < end; i++, to++) {
    const byte = buf[i]!;
    out[to] = byte;
    step = steps[((step & 0xff) << 4) | (byte >>> 4)]!;
    if ((step & (endsSymbol | isInvalid)) !== 0) {
      if ((step & isInvalid) !== 0) return invalidHuffman;
      symbol = (step >>> 8) & 0xff;
      if (symbol <= 0x20 && isFault(symbol, length)) isSound = false;
      length++;
    }
    step = steps[((step & 0xff) << 4) | (byte & 0x0f)]!;
    if ((step & (endsSymbol | isInvalid)) !== 0) {
      if ((step & isInvalid) !== 0) return invalidHuffman;
      symbol = (step >>> 8) & 0xff;
      if (symbol <= 0x20 && isFault(symbol, length)) isSound = false;
      length++;
    }
  }
  if ((step & mayEnd) === 0) return invalidHuffman;
  return isSound && symbol !== 0x20 && symbol !== 0x09 ? length : ~length;
}

/** Longer than any string can be. */
export const invalidHuffman = 0x7fffffff;

function isFault(symbol: number, position: number): boolean {
  if (symbol === 0x20 || symbol === 0x09) return position === 0;
  return symbol === 0 || symbol === 0x0a || symbol === 0x0d;
}

/** Encodes bytes; for strings that are long-lived and worth it, since it costs more than it saves on a loopback. */
export function encodeHuffman(bytes: Uint8Array): Buffer {
  const out: number[] = [];
  let bits = 0;
  let pending = 0;
  for (const byte of bytes) {
    // At most 7 + 30 bits are pending: multiplied, not shifted, since a shift would lose those above 31.
    pending = pending * 2 ** huffmanBits[byte]! + huffmanCodes[byte]!;
    bits += huffmanBits[byte]!;
    while (bits >= 8) {
      bits -= 8;
      const rest = 2 ** bits;
      out.push(Math.floor(pending / rest));
      pending %= rest;
    }
  }
  if (bits > 0) out.push(pending * 2 ** (8 - bits) + 2 ** (8 - bits) - 1);
  return Buffer.from(out);
}
