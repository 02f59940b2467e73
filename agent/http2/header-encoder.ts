// HPACK encoding (RFC 7541) of header blocks: a template copy, and a copy for each hole. Only fixed fields enter the
// dynamic table, holes never; what arrived as never-indexed or is secret leaves as never-indexed (section 7.1).

import type { FieldAdmission } from './field-admission.ts';
import { copyBytes } from './field-bytes.ts';
import type { FieldEntry, FieldName } from './field-name.ts';
import { HeaderBlockImpl } from './header-block.ts';
import type { HeaderBlock } from './header-contract.ts';
import { HeaderTemplate, writeHole } from './header-template.ts';
import { HpackEncoderTable } from './hpack-encoder-table.ts';
import { maxIntegerBytes, writeInteger } from './hpack-integer.ts';
import type { ShapeImpl } from './shape.ts';
import type { ShapeTable } from './shape-table.ts';

/** The initial SETTINGS_HEADER_TABLE_SIZE, and the most that we use of what a peer allows. */
const maxTableBytes = 4096;
/** The part of the table that one source of blocks may fill, so that a client cannot keep the others out of it. */
const maxSourceShare = 1 / 2;
/** A full table is emptied and filled again when that much was written that it would have saved, */
const missedBytesForRenewal = 65536;
/** and not before so many blocks. */
const blocksBetweenRenewals = 4096;
const maxTemplates = 1024;

const indexed = 0x80;
const withIndexing = 0x40;
const sizeUpdate = 0x20;
const neverIndexed = 0x10;
const withoutIndexing = 0x00;

export class HeaderEncoder {
  readonly #shapes: ShapeTable;
  readonly #table = new HpackEncoderTable(maxTableBytes);
  readonly #templates = new Map<ShapeImpl, HeaderTemplate>();
  /** What each source has put into the table. */
  readonly #sourceBytes = new Map<FieldAdmission, number>();
  #generation: number;
  /** Grows with every change of the table, since it shifts the indices in the templates. */
  #version = 0;
  #mustUpdateSize = false;
  #missedBytes = 0;
  #blocks = 0;

  constructor(shapes: ShapeTable) {
    this.#shapes = shapes;
    this.#generation = shapes.generation;
  }

  /**
   * The peer's SETTINGS_HEADER_TABLE_SIZE. At most 4096 bytes of it are used; the next block announces a change
   * (RFC 9113 section 4.3.1).
   */
  setPeerMaxTableBytes(maxBytes: number): void {
    const allowed = Math.min(maxBytes, maxTableBytes);
    if (allowed !== this.#table.maxBytes) this.#renew(allowed);
  }

  /** Upper bound of what `encode` writes for that block. */
  maxBytes(block: HeaderBlock): number {
    const { shape, used } = own(block);
    return 2 * maxIntegerBytes + shape.maxEncodedBytes + used;
  }

  /**
   * Writes a block to `out` at `at`, where there must be room for `maxBytes`; answers the offset behind it.
   * Blocks must reach the peer in the order in which they were encoded.
   */
  encode(block: HeaderBlock, out: Buffer, at: number): number {
    const owned = own(block);
    this.#blocks++;
    if (this.#generation !== this.#shapes.generation) this.#dropTemplates();
    const template = this.#templates.get(owned.shape);
    if (template === undefined || template.version !== this.#version || this.#mustUpdateSize) {
      return this.#encodeAnew(owned, out, at);
    }
    const end = template.write(owned, out, at);
    // Behind the write, since it may do away with the table that the template was made for.
    if (template.missedBytes > 0) this.#countMiss(template.missedBytes);
    return end;
  }

  #encodeAnew(block: HeaderBlockImpl, out: Buffer, at: number): number {
    try {
      return this.#encodeFields(block, out, at);
    } catch (error) {
      // The peer does not get this block, so that its table would miss what the block put into ours.
      this.#renew(this.#table.maxBytes);
      throw error;
    }
  }

  /** Writes a block field by field, puts fields into the table, and makes a template once there is nothing to put. */
  #encodeFields(block: HeaderBlockImpl, out: Buffer, at: number): number {
    const { shape } = block;
    const version = this.#version;
    const pieces: Buffer[] = [];
    const cuts: number[] = [];
    let offset = this.#writeSizeUpdate(out, at);
    let pieceStart = offset;
    let templateBytes = 0;
    let missedBytes = 0;
    let hole = 0;
    for (const field of shape.list) {
      if (!field.isHole) {
        if (this.#isMissed(field)) missedBytes += field.name.text.length + field.bytes.length;
        offset = this.#writeFixed(field, block.source, out, offset);
        continue;
      }
      offset = this.#writeName(field.name, field.isSensitive ? neverIndexed : withoutIndexing, 4, out, offset);
      pieces.push(out.subarray(pieceStart, offset));
      templateBytes += offset - pieceStart;
      cuts.push(templateBytes);
      offset = writeHole(block, hole++, out, offset);
      pieceStart = offset;
    }
    pieces.push(out.subarray(pieceStart, offset));
    if (version !== this.#version || !shape.isAdmitted) return offset;
    if (this.#templates.size >= maxTemplates) this.#templates.clear();
    this.#templates.set(shape, new HeaderTemplate(version, missedBytes, Buffer.concat(pieces), cuts));
    return offset;
  }

  #writeSizeUpdate(out: Buffer, at: number): number {
    if (!this.#mustUpdateSize) return at;
    this.#mustUpdateSize = false;
    const offset = writeInteger(out, at, sizeUpdate, 5, 0);
    const { maxBytes } = this.#table;
    return maxBytes === 0 ? offset : writeInteger(out, offset, sizeUpdate, 5, maxBytes);
  }

  #writeFixed(field: FieldEntry, source: FieldAdmission, out: Buffer, at: number): number {
    const index = field.staticIndex > 0 ? field.staticIndex : this.#table.indexOf(field);
    if (index > 0) return writeInteger(out, at, indexed, 7, index);
    const mayInsert = this.#mayInsert(field, source);
    let offset = mayInsert
      ? this.#writeName(field.name, withIndexing, 6, out, at)
      : this.#writeName(field.name, withoutIndexing, 4, out, at);
    offset = writeInteger(out, offset, 0, 7, field.bytes.length);
    offset = copyBytes(field.bytes, 0, field.bytes.length, out, offset);
    if (mayInsert) this.#insert(field, source);
    return offset;
  }

  #writeName(name: FieldName, pattern: number, bits: number, out: Buffer, at: number): number {
    const index = name.staticIndex > 0 ? name.staticIndex : this.#table.indexOfName(name.text);
    if (index > 0) return writeInteger(out, at, pattern, bits, index);
    out[at] = pattern;
    const { length } = name.text;
    const offset = writeInteger(out, at + 1, 0, 7, length);
    // A name of one block is not worth a buffer of its own.
    if (name.isAdmitted) return copyBytes(name.bytes, 0, length, out, offset);
    return offset + out.write(name.text, offset, 'latin1');
  }

  #mayInsert(field: FieldEntry, source: FieldAdmission): boolean {
    if (!isIndexable(field) || !this.#table.hasRoomFor(field)) return false;
    return this.#bytesOf(source) + field.size <= maxSourceShare * this.#table.maxBytes;
  }

  #insert(field: FieldEntry, source: FieldAdmission): void {
    this.#sourceBytes.set(source, this.#bytesOf(source) + field.size);
    this.#table.add(field);
    this.#version++;
  }

  #bytesOf(source: FieldAdmission): number {
    return this.#sourceBytes.get(source) ?? 0;
  }

  /** Whether it is only for want of room that a field is not in the table. */
  #isMissed(field: FieldEntry): boolean {
    if (field.staticIndex > 0 || !isIndexable(field) || this.#table.hasRoomFor(field)) return false;
    return field.size <= this.#table.maxBytes && this.#table.indexOf(field) === 0;
  }

  #countMiss(bytes: number): void {
    this.#missedBytes += bytes;
    if (this.#missedBytes < missedBytesForRenewal || this.#blocks < blocksBetweenRenewals) return;
    this.#renew(this.#table.maxBytes);
  }

  /** Empties the table: what is written from here on fills it. */
  #renew(maxBytes: number): void {
    this.#table.clear(maxBytes);
    this.#sourceBytes.clear();
    this.#templates.clear();
    this.#version++;
    this.#mustUpdateSize = true;
    this.#missedBytes = 0;
    this.#blocks = 0;
  }

  #dropTemplates(): void {
    this.#templates.clear();
    this.#generation = this.#shapes.generation;
  }
}

/** A path with a query is seldom sent again, and its query may be a secret. */
function isIndexable(field: FieldEntry): boolean {
  return field.name.text !== ':path' || !field.bytes.includes(0x3f);
}

function own(block: HeaderBlock): HeaderBlockImpl {
  if (block instanceof HeaderBlockImpl) return block;
  throw new TypeError('a block has to come from HeaderShapes');
}
