// HPACK decoding (RFC 7541) into header blocks: one array step for a field that is known, one copy for a hole.

import { BlockMemo } from './block-memo.ts';
import type { FieldAdmission } from './field-admission.ts';
import { type FieldInterner, maxValueBytes } from './field-interner.ts';
import { type FieldEntry, type FieldName, fieldOverheadBytes } from './field-name.ts';
import type { HeaderBlockImpl } from './header-block.ts';
import { HeaderCollector } from './header-collector.ts';
import { codedFlag, faultyFlag, HpackDynamicTable } from './hpack-dynamic-table.ts';
import { maxInteger } from './hpack-integer.ts';
import { staticTableSize } from './hpack-static-table.ts';
import { decodeHuffman, invalidHuffman } from './huffman.ts';
import type { ShapeTable } from './shape-table.ts';

export interface HeaderDecoderOptions {
  /** What the dynamic table may grow to from the start. Default 4096 bytes, the initial SETTINGS_HEADER_TABLE_SIZE. */
  readonly maxTableBytes: number;
  /** Decoded size of a block, RFC 7541 section 4.1. Default 61440 bytes (60 KiB). */
  readonly maxListBytes: number;
  /** Fields of a block, cookie crumbs and duplicates counted. Default 100. */
  readonly maxFields: number;
}

/** More would only cost time (RFC 7541 section 4.2 needs two: the smallest size in between, and the last). */
const maxSizeUpdates = 2;
/** Continuation bytes of an integer; enough for `maxInteger` and some padding of zeros. */
const maxIntegerContinuation = 5;

export class HeaderDecoder {
  /** Why the last `decode` answered `null`: a COMPRESSION_ERROR. The decoder answers `null` from then on. */
  error: string | null = null;
  readonly #interner: FieldInterner;
  readonly #admission: FieldAdmission;
  readonly #staticFields: readonly FieldEntry[];
  readonly #table: HpackDynamicTable;
  readonly #collector: HeaderCollector;
  readonly #shapes: ShapeTable;
  readonly #memo = new BlockMemo();
  #maxTableBytes: number;
  /** The next block must begin with an update to at most this (RFC 9113 section 4.3.1); -1 when it need not. */
  #requiredUpdate = -1;
  /** Where reading goes on, left by what reads an integer, a name or a literal. */
  #at = 0;

  constructor(interner: FieldInterner, shapes: ShapeTable, admission: FieldAdmission, options: HeaderDecoderOptions) {
    this.#interner = interner;
    this.#shapes = shapes;
    this.#admission = admission;
    this.#staticFields = interner.staticFields;
    this.#maxTableBytes = options.maxTableBytes;
    this.#table = new HpackDynamicTable(options.maxTableBytes);
    this.#collector = new HeaderCollector(shapes, admission, options.maxListBytes, options.maxFields);
  }

  /** The last block exceeded `maxListBytes` or `maxFields`: the table is in step, the block must not be used. */
  get oversize(): boolean {
    return this.#collector.isOversize;
  }

  /** Decoded size of the last block, RFC 7541 section 4.1: cookie crumbs, duplicates and what was dropped count. */
  get listBytes(): number {
    return this.#collector.listBytes;
  }

  /**
   * What our SETTINGS_HEADER_TABLE_SIZE allows, once the peer has acknowledged it. A lower size obliges the peer to
   * begin its next block with an update.
   */
  setMaxTableBytes(maxBytes: number): void {
    this.#maxTableBytes = maxBytes;
    if (this.#table.maxBytes <= maxBytes && this.#requiredUpdate < 0) return;
    this.#requiredUpdate = this.#requiredUpdate < 0 ? maxBytes : Math.min(this.#requiredUpdate, maxBytes);
  }

  /**
   * Decodes one whole block, `buf[start, end)`: fragments joined, padding and priority stripped.
   * Answers a block that holds no reference to `buf` and is valid until the next call, or `null` after a
   * COMPRESSION_ERROR (`error` says why).
   */
  decode(buf: Buffer, start: number, end: number): HeaderBlockImpl | null {
    if (this.error !== null) return null;
    const collector = this.#collector;
    collector.begin();
    const { version } = this.#table;
    const { generation } = this.#shapes;
    if (this.#requiredUpdate < 0) {
      const known = this.#memo.find(buf, start, end, version, generation);
      if (known !== null) {
        collector.listBytes = this.#memo.listBytes;
        known.reuseEdits();
        return known;
      }
    }
    let at = this.#readSizeUpdates(buf, start, end);
    if (at < 0) return null;
    while (at < end) {
      const byte = buf[at]!;
      if (byte >= 0x80) {
        let index = byte & 0x7f;
        at++;
        if (index === 0x7f) {
          index = this.#readInteger(buf, at, end, 0x7f);
          if (index < 0) return null;
          at = this.#at;
        }
        if (!this.#addIndexed(index)) return null;
      } else {
        at = this.#readLiteral(buf, at, end, byte);
        if (at < 0) return null;
      }
    }
    const block = collector.finish();
    if (this.#table.version === version && block.shape.isAdmitted && !collector.isOversize) {
      this.#memo.note(buf, start, end, version, generation, block, collector.listBytes);
    }
    return block;
  }

  #fail(reason: string): -1 {
    this.error = reason;
    return -1;
  }

  #refuse(reason: string): false {
    this.error = reason;
    return false;
  }

  #readSizeUpdates(buf: Buffer, start: number, end: number): number {
    let at = start;
    let smallest = maxInteger;
    for (let updates = 0; at < end && (buf[at]! & 0xe0) === 0x20; updates++) {
      if (updates === maxSizeUpdates) return this.#fail('a block begins with more than two table size updates');
      let size = buf[at]! & 0x1f;
      at++;
      if (size === 0x1f) {
        size = this.#readInteger(buf, at, end, 0x1f);
        if (size < 0) return -1;
        at = this.#at;
      }
      if (size > this.#maxTableBytes) {
        return this.#fail(`a table size update to ${size} exceeds the allowed ${this.#maxTableBytes}`);
      }
      smallest = Math.min(smallest, size);
      this.#table.resize(size);
    }
    if (this.#requiredUpdate >= 0) {
      if (smallest > this.#requiredUpdate) {
        return this.#fail(`no table size update to ${this.#requiredUpdate} or less follows the lowered setting`);
      }
      this.#requiredUpdate = -1;
    }
    return at;
  }

  /** The integer whose prefix was full; -1 after an error. */
  #readInteger(buf: Buffer, start: number, end: number, prefix: number): number {
    let value = prefix;
    let factor = 1;
    for (let at = start; at < end && at < start + maxIntegerContinuation; at++) {
      const byte = buf[at]!;
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
      if (byte >= 0x80) continue;
      if (value > maxInteger) break;
      this.#at = at + 1;
      return value;
    }
    return this.#fail('an integer is too large or cut off');
  }

  #addIndexed(index: number): boolean {
    if (index <= staticTableSize) {
      if (index === 0) return this.#refuse('index 0 is not a field');
      const field = this.#staticFields[index]!;
      this.#collector.add(field);
      return true;
    }
    const table = this.#table;
    const slot = table.slotOf(index);
    if (slot < 0) return this.#refuse(`index ${index} is beyond the table`);
    const field = table.fields[slot]!;
    if (field.isHole) this.#addFromTable(slot);
    else this.#collector.add(field);
    return true;
  }

  /** A hole that the table holds. Being referred to is its value's second sight. */
  #addFromTable(slot: number): void {
    const table = this.#table;
    const start = table.startOf(slot);
    const end = table.endOf(slot);
    const flags = table.flagsOf(slot);
    const size = table.sizeOf(slot);
    const hole = this.#settleName(slot);
    const { name } = hole;
    if (!name.varies && name.isAdmitted && !hole.isSensitive && flags < faultyFlag && !this.#collector.isOversize) {
      const field = this.#admitValue(name, (flags & codedFlag) !== 0, table.ring, start, end);
      if (field !== null) {
        table.fields[slot] = field;
        this.#collector.add(field);
        return;
      }
    }
    const isCoded = (flags & codedFlag) !== 0;
    this.#collector.addChecked(hole, size, table.ring, start, end, isCoded, flags >= faultyFlag);
  }

  /** The field at a slot, its name admitted if it may be: being referred to is a name's second sight. */
  #settleName(slot: number): FieldEntry {
    const { fields } = this.#table;
    const field = fields[slot]!;
    if (field.name.isAdmitted || this.#collector.isOversize || this.#admission.credits === 0) return field;
    const name = this.#interner.admitName(field.name);
    if (!name.isAdmitted) return field;
    this.#admission.take();
    const hole = field.isSensitive ? name.secretHole : name.hole;
    fields[slot] = hole;
    return hole;
  }

  #admitValue(name: FieldName, isCoded: boolean, buf: Buffer, start: number, end: number): FieldEntry | null {
    const admission = this.#admission;
    if (end - start > maxValueBytes || admission.credits === 0 || admission.isLearntHole(name)) return null;
    const hash = this.#interner.valueHash(name, buf, start, end);
    const known = this.#interner.findValue(hash, name, isCoded, buf, start, end);
    if (known !== undefined) return known;
    admission.countNewValue(name);
    return this.#admit(name, isCoded, buf, start, end);
  }

  #admit(name: FieldName, isCoded: boolean, buf: Buffer, start: number, end: number): FieldEntry | null {
    const admission = this.#admission;
    if (!admission.take()) return null;
    const field = this.#interner.admitValue(name, isCoded, buf, start, end);
    if (field === null) admission.giveBack();
    return field;
  }

  /** Reads a literal whose first byte is `byte`; answers the offset behind it, -1 after an error. */
  #readLiteral(buf: Buffer, start: number, end: number, byte: number): number {
    const isIndexing = byte >= 0x40;
    if (!isIndexing && byte >= 0x20) return this.#fail('a table size update stands behind a field');
    const mask = isIndexing ? 0x3f : 0x0f;
    let index = byte & mask;
    let at = start + 1;
    if (index === mask) {
      index = this.#readInteger(buf, at, end, mask);
      if (index < 0) return -1;
      at = this.#at;
    }
    this.#at = at;
    const name = index === 0 ? this.#readName(buf, at, end) : this.#nameAt(index);
    if (name === null) return -1;
    at = this.#at;
    if (at >= end) return this.#fail('a literal is cut off');
    const isCoded = buf[at]! >= 0x80;
    let length = buf[at]! & 0x7f;
    at++;
    if (length === 0x7f) {
      length = this.#readInteger(buf, at, end, 0x7f);
      if (length < 0) return -1;
      at = this.#at;
    }
    if (length > end - at) return this.#fail('a literal is cut off');
    const isNeverIndexed = (byte & 0xf0) === 0x10;
    return this.#addLiteral(buf, at, at + length, name, isCoded, isIndexing, isNeverIndexed) ? at + length : -1;
  }

  /** The name at an index of the tables; `null` after an error. */
  #nameAt(index: number): FieldName | null {
    if (index <= staticTableSize) return this.#staticFields[index]!.name;
    const slot = this.#table.slotOf(index);
    if (slot >= 0) return this.#settleName(slot).name;
    return this.#failName(`index ${index} is beyond the table`);
  }

  /** Reads a literal name at `start` and leaves `#at` behind it; `null` after an error. */
  #readName(buf: Buffer, start: number, end: number): FieldName | null {
    let at = start;
    if (at >= end) return this.#failName('a literal is cut off');
    const isCoded = buf[at]! >= 0x80;
    let length = buf[at]! & 0x7f;
    at++;
    if (length === 0x7f) {
      length = this.#readInteger(buf, at, end, 0x7f);
      if (length < 0) return null;
      at = this.#at;
    }
    const nameEnd = at + length;
    if (nameEnd > end) return this.#failName('a literal is cut off');
    this.#at = nameEnd;
    return this.#interner.findName(isCoded, buf, at, nameEnd) ?? this.#newName(isCoded, buf, at, nameEnd);
  }

  #failName(reason: string): null {
    this.#fail(reason);
    return null;
  }

  #newName(isCoded: boolean, buf: Buffer, start: number, end: number): FieldName | null {
    const interner = this.#interner;
    let plain = buf;
    let from = start;
    let to = end;
    if (isCoded) {
      plain = Buffer.allocUnsafe(Math.ceil((8 * (end - start)) / 5));
      from = 0;
      to = decodeHuffman(buf, start, end, plain, 0);
      if (to < 0) return this.#failName('a name is wrongly coded');
    }
    const known = isCoded ? interner.findName(false, plain, from, to) : undefined;
    const name = known ?? interner.createName(plain, from, to);
    const admission = this.#admission;
    if (
      this.#collector.isOversize ||
      admission.credits === 0 ||
      !admission.isSecondSight(interner.hash.of(1, buf, start, end))
    ) {
      return name;
    }
    const admitted = interner.admitName(name);
    if (!admitted.isAdmitted) return name;
    admission.take();
    if (isCoded) interner.addCodedName(admitted, buf, start, end);
    return admitted;
  }

  #addLiteral(
    buf: Buffer,
    start: number,
    end: number,
    name: FieldName,
    isCoded: boolean,
    isIndexing: boolean,
    isNeverIndexed: boolean,
  ): boolean {
    if (
      !isNeverIndexed &&
      !name.varies &&
      name.isAdmitted &&
      end - start <= maxValueBytes &&
      !this.#collector.isOversize
    ) {
      const field = this.#recognise(buf, start, end, name, isCoded);
      if (field !== null) {
        if (isIndexing) this.#table.addFixed(field);
        this.#collector.add(field);
        return true;
      }
    }
    const collector = this.#collector;
    const staged = collector.stage(buf, start, end, isCoded);
    if (staged === invalidHuffman) return this.#refuse('a value is wrongly coded');
    const isFaulty = staged < 0;
    const length = isFaulty ? ~staged : staged;
    const hole = isNeverIndexed || name.isSecret ? name.secretHole : name.hole;
    const size = name.text.length + length + fieldOverheadBytes;
    if (isIndexing) {
      this.#insert(hole, end - start, length, size, (isCoded ? codedFlag : 0) | (isFaulty ? faultyFlag : 0));
    }
    collector.addStaged(hole, size, end - start, isCoded, isFaulty);
    return true;
  }

  /** Adds the staged value to the table. */
  #insert(hole: FieldEntry, codedLength: number, length: number, size: number, flags: number): void {
    const { scratch, used } = this.#collector;
    if (codedLength <= length || size > this.#table.maxBytes) {
      this.#table.addHole(hole, scratch, used, used + codedLength, size, flags);
      return;
    }
    // Coded, it is longer than its text, so that the table's bytes would not bound the ring's.
    const plain = Buffer.allocUnsafe(length);
    decodeHuffman(scratch, used, used + codedLength, plain, 0);
    this.#table.addHole(hole, plain, 0, length, size, flags & ~codedFlag);
  }

  /** The shared field of that name and value, if there is one or it is time to have one. */
  #recognise(buf: Buffer, start: number, end: number, name: FieldName, isCoded: boolean): FieldEntry | null {
    const admission = this.#admission;
    if (admission.isLearntHole(name)) return null;
    const hash = this.#interner.valueHash(name, buf, start, end);
    const known = this.#interner.findValue(hash, name, isCoded, buf, start, end);
    if (known !== undefined) return known;
    if (!admission.isSecondSight(hash)) {
      admission.countNewValue(name);
      return null;
    }
    return this.#admit(name, isCoded, buf, start, end);
  }
}
