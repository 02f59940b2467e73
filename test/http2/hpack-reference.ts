// A second reading of RFC 7541 to hold ours against: plain arrays and strings, written for clarity only.

import { staticTable } from '../../agent/http2/hpack-static-table.ts';
import { decodeHuffman, encodeHuffman } from '../../agent/http2/huffman.ts';

export interface ReferenceField {
  readonly name: string;
  readonly value: string;
  /** Arrived as never-indexed. */
  readonly isNeverIndexed: boolean;
}

export type Representation = 'indexed' | 'incremental' | 'plain' | 'never';

/** An integer with a prefix of `bits` bits (section 5.1). */
export function integer(first: number, bits: number, value: number): number[] {
  const limit = 2 ** bits - 1;
  if (value < limit) return [first | value];
  const bytes = [first | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

export function string(text: string, isHuffman: boolean): number[] {
  const bytes = isHuffman ? encodeHuffman(Buffer.from(text, 'latin1')) : Buffer.from(text, 'latin1');
  return [...integer(isHuffman ? 0x80 : 0, 7, bytes.length), ...bytes];
}

export function indexed(index: number): Buffer {
  return Buffer.from(integer(0x80, 7, index));
}

/** A literal: its name by index, or as text. */
export function literal(
  representation: 'incremental' | 'plain' | 'never',
  name: string | number,
  value: string,
  isHuffman = false,
): Buffer {
  const [first, bits] = { incremental: [0x40, 6], plain: [0x00, 4], never: [0x10, 4] }[representation] as [
    number,
    number,
  ];
  const head = typeof name === 'number' ? integer(first, bits, name) : [first, ...string(name, isHuffman)];
  return Buffer.from([...head, ...string(value, isHuffman)]);
}

class ReferenceTable {
  entries: [name: string, value: string][] = [];
  maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  at(index: number): readonly [name: string, value: string] {
    const entry = index <= 61 ? staticTable[index - 1] : this.entries[index - 62];
    if (entry === undefined) throw new Error(`no entry ${index}`);
    return entry;
  }

  add(name: string, value: string): void {
    this.entries.unshift([name, value]);
    this.resize(this.maxBytes);
  }

  resize(maxBytes: number): void {
    this.maxBytes = maxBytes;
    while (this.bytes() > maxBytes) this.entries.pop();
  }

  bytes(): number {
    return this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  }

  indexOf(name: string, value: string): number {
    const all = [...staticTable, ...this.entries];
    return all.findIndex(([n, v]) => n === name && v === value) + 1;
  }

  indexOfName(name: string): number {
    return [...staticTable, ...this.entries].findIndex(([n]) => n === name) + 1;
  }
}

export class ReferenceDecoder {
  readonly table: ReferenceTable;
  #maxBytes: number;

  constructor(maxBytes = 4096) {
    this.table = new ReferenceTable(maxBytes);
    this.#maxBytes = maxBytes;
  }

  allow(maxBytes: number): void {
    this.#maxBytes = maxBytes;
  }

  /** Throws on what is a COMPRESSION_ERROR. */
  decode(block: Buffer): ReferenceField[] {
    const fields: ReferenceField[] = [];
    let at = 0;
    const readInteger = (bits: number): number => {
      const limit = 2 ** bits - 1;
      let value = (block[at++] ?? 0) & limit;
      if (value < limit) return value;
      for (let factor = 1; ; factor *= 128) {
        const byte = block[at++];
        if (byte === undefined) throw new Error('cut off');
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    const readString = (): string => {
      const isHuffman = (block[at] ?? 0) >= 128;
      const length = readInteger(7);
      if (at + length > block.length) throw new Error('cut off');
      const bytes = block.subarray(at, at + length);
      at += length;
      if (!isHuffman) return bytes.toString('latin1');
      const out = Buffer.alloc(2 * length + 8);
      const end = decodeHuffman(bytes, 0, length, out, 0);
      if (end < 0) throw new Error('wrongly coded');
      return out.toString('latin1', 0, end);
    };
    while (at < block.length) {
      const byte = block[at] ?? 0;
      if (byte >= 0x80) {
        const [name, value] = this.table.at(readInteger(7));
        fields.push({ name, value, isNeverIndexed: false });
      } else if ((byte & 0xe0) === 0x20) {
        const size = readInteger(5);
        if (fields.length > 0 || size > this.#maxBytes) throw new Error('size update');
        this.table.resize(size);
      } else {
        const index = readInteger(byte >= 0x40 ? 6 : 4);
        const name = index === 0 ? readString() : this.table.at(index)[0];
        const value = readString();
        if (byte >= 0x40) this.table.add(name, value);
        fields.push({ name, value, isNeverIndexed: (byte & 0xf0) === 0x10 });
      }
    }
    return fields;
  }
}

/** An encoder that writes each field in the way it is told, where that is possible. */
export class ReferenceEncoder {
  readonly #table: ReferenceTable;

  constructor(maxBytes = 4096) {
    this.#table = new ReferenceTable(maxBytes);
  }

  update(maxBytes: number): Buffer {
    this.#table.resize(maxBytes);
    return Buffer.from(integer(0x20, 5, maxBytes));
  }

  field(name: string, value: string, representation: Representation, isHuffman: boolean, byIndex: boolean): Buffer {
    const whole = this.#table.indexOf(name, value);
    if (representation === 'indexed' && whole > 0) return indexed(whole);
    const kind = representation === 'indexed' ? 'incremental' : representation;
    const bytes = literal(kind, (byIndex && this.#table.indexOfName(name)) || name, value, isHuffman);
    if (kind === 'incremental') this.#table.add(name, value);
    return bytes;
  }
}

/** The fields in an order that does not depend on how different names were mixed. */
export function byName(fields: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  // The sort is stable, so equal names stay in their order.
  return [...fields].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
