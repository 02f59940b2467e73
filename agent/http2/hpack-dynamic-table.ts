// The decoder's dynamic table (RFC 7541 sections 2.3.2 and 4): a ring of entries. A fixed field is a reference; a hole
// keeps its value's bytes, coded as they came, in a ring of bytes beside, so that a fresh value costs no allocation.

import { copyBytes } from './field-bytes.ts';
import type { FieldEntry } from './field-name.ts';
import { staticTableSize } from './hpack-static-table.ts';

const firstCapacity = 16;
const firstRingBytes = 512;

/** Numbers kept for each entry. */
const stride = 4;
const startAt = 0;
/** Length of the value's bytes in the ring; -1 where there are none. */
const lengthAt = 1;
const sizeAt = 2;
const flagsAt = 3;

/** The value is Huffman-coded. */
export const codedFlag = 1;
/** The value may not be forwarded (RFC 9113 section 8.2.1). */
export const faultyFlag = 2;

const noBytes = Buffer.alloc(0);

export class HpackDynamicTable {
  /** By slot. */
  fields: FieldEntry[] = [];
  /** Where the holes' bytes are. Changes with any insertion. */
  ring: Buffer = noBytes;
  maxBytes: number;
  bytes = 0;
  count = 0;
  /** Grows with every change of what an index refers to. */
  version = 0;
  #numbers = new Int32Array(stride * firstCapacity);
  #mask = firstCapacity - 1;
  /** Slot of the newest entry. */
  #newest = 0;
  /** The ring's bytes in use are from tail to head, across its end when head < tail. */
  #head = 0;
  #tail = 0;
  #holes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Slot of what an index above the static table's refers to, or -1. */
  slotOf(index: number): number {
    const age = index - staticTableSize - 1;
    return age < this.count ? (this.#newest - age) & this.#mask : -1;
  }

  startOf(slot: number): number {
    return this.#numbers[stride * slot + startAt]!;
  }

  endOf(slot: number): number {
    return this.#numbers[stride * slot + startAt]! + this.#numbers[stride * slot + lengthAt]!;
  }

  sizeOf(slot: number): number {
    return this.#numbers[stride * slot + sizeAt]!;
  }

  flagsOf(slot: number): number {
    return this.#numbers[stride * slot + flagsAt]!;
  }

  resize(maxBytes: number): void {
    this.version++;
    this.maxBytes = maxBytes;
    this.#evict(maxBytes);
  }

  addFixed(field: FieldEntry): void {
    this.version++;
    this.#evict(this.maxBytes - field.size);
    if (field.size <= this.maxBytes) this.#push(field, 0, -1, field.size, 0);
  }

  /** Adds a hole with the value `from[start, end)`; `size` is decoded (section 4.1). */
  addHole(field: FieldEntry, from: Buffer, start: number, end: number, size: number, flags: number): void {
    this.version++;
    this.#evict(this.maxBytes - size);
    // An entry larger than the table only empties it (section 4.4).
    if (size > this.maxBytes) return;
    const at = this.#allocate(end - start);
    copyBytes(from, start, end, this.ring, at);
    this.#head = at + end - start;
    this.#holes++;
    this.#push(field, at, end - start, size, flags);
  }

  #push(field: FieldEntry, start: number, length: number, size: number, flags: number): void {
    if (this.count > this.#mask) this.#growEntries();
    this.#newest = (this.#newest + 1) & this.#mask;
    this.fields[this.#newest] = field;
    const at = stride * this.#newest;
    this.#numbers[at + startAt] = start;
    this.#numbers[at + lengthAt] = length;
    this.#numbers[at + sizeAt] = size;
    this.#numbers[at + flagsAt] = flags;
    this.count++;
    this.bytes += size;
  }

  #evict(maxBytes: number): void {
    while (this.bytes > maxBytes && this.count > 0) {
      const at = stride * ((this.#newest - this.count + 1) & this.#mask);
      this.bytes -= this.#numbers[at + sizeAt]!;
      this.count--;
      if (this.#numbers[at + lengthAt]! < 0) continue;
      this.#tail = this.#numbers[at + startAt]! + this.#numbers[at + lengthAt]!;
      this.#holes--;
    }
    if (this.#holes === 0) {
      this.#head = 0;
      this.#tail = 0;
    }
  }

  #allocate(length: number): number {
    const isWrapped = this.#head < this.#tail;
    if (isWrapped) {
      // One byte stays free, or a full ring would look like an empty one.
      if (this.#head + length < this.#tail) return this.#head;
    } else {
      if (this.#head + length <= this.ring.length) return this.#head;
      if (length < this.#tail) return 0;
    }
    this.#growRing(length);
    return this.#head;
  }

  /**
   * Moves what is alive to a larger ring, so that `length` more bytes fit. Values are no longer than the entries'
   * sizes, so a ring of twice the table and one byte has always room: for what is alive, for a new value, and for the
   * gap that a value leaves at the end when it goes to the start instead.
   */
  #growRing(length: number): void {
    const wanted = Math.max(firstRingBytes, 2 * (this.ring.length + length));
    const ring = Buffer.allocUnsafeSlow(Math.min(wanted, 2 * this.maxBytes + 1));
    let head = 0;
    for (let age = this.count - 1; age >= 0; age--) {
      const at = stride * ((this.#newest - age) & this.#mask);
      const bytes = this.#numbers[at + lengthAt]!;
      if (bytes < 0) continue;
      const start = this.#numbers[at + startAt]!;
      this.#numbers[at + startAt] = head;
      head = copyBytes(this.ring, start, start + bytes, ring, head);
    }
    this.ring = ring;
    this.#head = head;
    this.#tail = 0;
  }

  #growEntries(): void {
    const capacity = 2 * (this.#mask + 1);
    const fields: FieldEntry[] = [];
    const numbers = new Int32Array(stride * capacity);
    for (let age = this.count - 1; age >= 0; age--) {
      const slot = (this.#newest - age) & this.#mask;
      numbers.set(this.#numbers.subarray(stride * slot, stride * slot + stride), stride * fields.length);
      fields.push(this.fields[slot]!);
    }
    this.fields = fields;
    this.#numbers = numbers;
    this.#mask = capacity - 1;
    this.#newest = this.count - 1;
  }
}
