// The names and values that all connections of a data plane share. Bounded by count and bytes: when it is full, all of
// it is forgotten but the static table and the well-known names, and filled again by what is in use (a generation).
// Objects of a former generation stay valid with whoever still holds them.

import { FieldAliases } from './field-aliases.ts';
import { type FieldHash, isSoundValue } from './field-bytes.ts';
import { FieldEntry, FieldName } from './field-name.ts';
import { wellKnownNames } from './field-traits.ts';
import { staticTable } from './hpack-static-table.ts';
import { decodeHuffman } from './huffman.ts';

/** A longer name or value is never shared. */
const maxNameBytes = 128;
export const maxValueBytes = 512;
/** What an alias and its objects cost beside their bytes, roughly. */
const aliasOverheadBytes = 200;

export interface InternerLimits {
  readonly maxInternedFields: number;
  readonly maxInternedBytes: number;
}

export class FieldInterner {
  readonly hash: FieldHash;
  /** By index in the static table; index 0 is not used. */
  readonly staticFields: readonly FieldEntry[];
  /** Grows whenever everything was forgotten. */
  generation = 0;
  /** Names and values, and their bytes, of this generation. */
  count = 0;
  bytes = 0;
  readonly #limits: InternerLimits;
  readonly #permanentNames: FieldName[] = [];
  #names = new FieldAliases<FieldName>();
  #values = new FieldAliases<FieldEntry>();

  constructor(hash: FieldHash, limits: InternerLimits) {
    this.hash = hash;
    this.#limits = limits;
    this.staticFields = this.#createStaticFields();
    for (const text of wellKnownNames) {
      if (this.#permanentNames.every((name) => name.text !== text)) this.#createPermanentName(text, 0);
    }
    this.#addPermanent();
  }

  /** The name in `buf[start, end)`, coded or not, if it is known. */
  findName(isHuffman: boolean, buf: Buffer, start: number, end: number): FieldName | undefined {
    if (end - start > maxNameBytes) return undefined;
    return this.#names.find(this.hash.of(0, buf, start, end), null, isHuffman, buf, start, end);
  }

  /** The hash under which a value of that name is known. */
  valueHash(name: FieldName, buf: Buffer, start: number, end: number): number {
    return this.hash.of(name.hash, buf, start, end);
  }

  findValue(
    hash: number,
    name: FieldName,
    isHuffman: boolean,
    buf: Buffer,
    start: number,
    end: number,
  ): FieldEntry | undefined {
    return this.#values.find(hash, name, isHuffman, buf, start, end);
  }

  /** A name for one block, from its plain bytes `buf[start, end)`. */
  createName(buf: Buffer, start: number, end: number): FieldName {
    return new FieldName(buf.toString('latin1', start, end), this.hash.of(0, buf, start, end), false, 0);
  }

  /** The shared name for one of those, admitted if it may be; otherwise the name itself. */
  admitName(name: FieldName): FieldName {
    if (name.text.length > maxNameBytes) return name;
    const { bytes, text } = name;
    const known = this.#names.find(name.hash, null, false, bytes, 0, bytes.length);
    if (known !== undefined) return known;
    if (name.problem !== null) return name;
    this.#makeRoom(bytes.length);
    const admitted = new FieldName(text, name.hash, true, 0);
    return this.#names.add(name.hash, null, false, bytes, admitted) ? admitted : name;
  }

  /** Makes the coded form of an admitted name known too. */
  addCodedName(name: FieldName, buf: Buffer, start: number, end: number): void {
    this.#makeRoom(end - start);
    this.#names.add(this.hash.of(0, buf, start, end), null, true, copyOf(buf, start, end), name);
  }

  /**
   * The shared field of that name and value, admitted if it may be: its length is bounded, its bytes are sound.
   * `null` when it may not.
   */
  admitValue(name: FieldName, isHuffman: boolean, buf: Buffer, start: number, end: number): FieldEntry | null {
    if (!name.isAdmitted) return null;
    const plain = isHuffman ? decoded(buf, start, end) : copyOf(buf, start, end);
    if (plain === null || plain.length > maxValueBytes || !isSoundValue(plain)) return null;
    this.#makeRoom(2 * plain.length);
    const hash = this.valueHash(name, plain, 0, plain.length);
    let field = this.#values.find(hash, name, false, plain, 0, plain.length);
    if (field === undefined) {
      field = new FieldEntry(name, plain, false, hash, 0);
      if (!this.#values.add(hash, name, false, plain, field)) return null;
    }
    if (isHuffman) {
      this.#values.add(this.valueHash(name, buf, start, end), name, true, copyOf(buf, start, end), field);
    }
    return field;
  }

  /** A field that is not shared, for what holds on to it by itself. The value's bytes are kept. */
  createValue(name: FieldName, bytes: Buffer): FieldEntry {
    return new FieldEntry(name, bytes, false, this.valueHash(name, bytes, 0, bytes.length), 0);
  }

  #makeRoom(bytes: number): void {
    const cost = bytes + aliasOverheadBytes;
    if (this.count >= this.#limits.maxInternedFields || this.bytes + cost > this.#limits.maxInternedBytes) {
      this.forget();
    }
    this.count++;
    this.bytes += cost;
  }

  /** Begins a new generation. */
  forget(): void {
    this.generation++;
    this.count = 0;
    this.bytes = 0;
    this.#names = new FieldAliases();
    this.#values = new FieldAliases();
    this.#addPermanent();
  }

  #createStaticFields(): FieldEntry[] {
    const fields: FieldEntry[] = [];
    staticTable.forEach(([text, value], i) => {
      const name = fields.find((field) => field.name.text === text)?.name ?? this.#createPermanentName(text, i + 1);
      const bytes = Buffer.from(value, 'latin1');
      const field = new FieldEntry(name, bytes, false, this.valueHash(name, bytes, 0, bytes.length), i + 1);
      if (i === 0) fields.push(field);
      fields.push(field);
    });
    return fields;
  }

  #createPermanentName(text: string, staticIndex: number): FieldName {
    const bytes = Buffer.from(text, 'latin1');
    const name = new FieldName(text, this.hash.of(0, bytes, 0, bytes.length), true, staticIndex);
    this.#permanentNames.push(name);
    return name;
  }

  #addPermanent(): void {
    for (const name of this.#permanentNames) this.#names.add(name.hash, null, false, name.bytes, name);
    for (const field of this.staticFields.slice(1)) {
      if (!field.name.varies) this.#values.add(field.hash, field.name, false, field.bytes, field);
    }
  }
}

function copyOf(buf: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  buf.copy(copy, 0, start, end);
  return copy;
}

function decoded(buf: Buffer, start: number, end: number): Buffer | null {
  const out = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / 5));
  const length = decodeHuffman(buf, start, end, out, 0);
  return length < 0 ? null : copyOf(out, 0, length);
}
