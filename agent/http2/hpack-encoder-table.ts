// The encoder's dynamic table: it only grows, until the encoder empties it and begins anew. Nothing is evicted in
// between, so what was in it once stays in it, and only its index changes with what is added.

import type { FieldEntry } from './field-name.ts';
import { staticTableSize } from './hpack-static-table.ts';

export class HpackEncoderTable {
  maxBytes: number;
  bytes = 0;
  /** Oldest first. */
  readonly #entries: FieldEntry[] = [];

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  hasRoomFor(field: FieldEntry): boolean {
    return this.bytes + field.size <= this.maxBytes;
  }

  add(field: FieldEntry): void {
    this.#entries.push(field);
    this.bytes += field.size;
  }

  clear(maxBytes: number): void {
    this.#entries.length = 0;
    this.bytes = 0;
    this.maxBytes = maxBytes;
  }

  /** Index of a field with that name and value, by content, since the same field may come from two generations; or 0. */
  indexOf(field: FieldEntry): number {
    const entries = this.#entries;
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i]!;
      if (entry === field || (entry.hash === field.hash && isSame(entry, field))) return this.#indexAt(i);
    }
    return 0;
  }

  /** Index of the newest field with that name, or 0. */
  indexOfName(name: string): number {
    const entries = this.#entries;
    for (let i = entries.length - 1; i >= 0; i--) if (entries[i]!.name.text === name) return this.#indexAt(i);
    return 0;
  }

  #indexAt(position: number): number {
    return staticTableSize + this.#entries.length - position;
  }
}

function isSame(a: FieldEntry, b: FieldEntry): boolean {
  return a.value === b.value && a.name.text === b.name.text;
}
