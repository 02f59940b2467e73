// Everything about header blocks that the connections of one data plane share: names, values, shapes, and what was
// derived from them (design: "header shapes"). Bounded; nothing one client sends changes what another's blocks become.

import { randomInt } from 'node:crypto';
import { FieldAdmission } from './field-admission.ts';
import { FieldHash, isSoundValue } from './field-bytes.ts';
import { FieldInterner } from './field-interner.ts';
import type { FieldName } from './field-name.ts';
import { quoteName } from './field-rules.ts';
import { HeaderBlockImpl } from './header-block.ts';
import type { HeaderBlock, HeaderEdit, ShapeMemo } from './header-contract.ts';
import { HeaderDecoder, type HeaderDecoderOptions } from './header-decoder.ts';
import { HeaderEncoder } from './header-encoder.ts';
import { hashOf, ShapeMemoImpl } from './shape.ts';
import { type EditedField, HeaderEditImpl } from './shape-edit.ts';
import { ShapeTable } from './shape-table.ts';

export interface HeaderShapesOptions {
  /** The secret under which names and values are hashed, 32 bits. Default: random. */
  readonly seed: number;
  /** Shapes that are kept; when there are more, all are forgotten and those in use come back. Default 4096. */
  readonly maxShapes: number;
  /** Names and values that are kept, in the same way. Default 8192. */
  readonly maxInternedFields: number;
  /** Memory for those, roughly. Default 4 MiB. */
  readonly maxInternedBytes: number;
}

const defaultDecoderOptions: HeaderDecoderOptions = { maxTableBytes: 4096, maxListBytes: 61440, maxFields: 100 };

export class HeaderShapes {
  readonly #interner: FieldInterner;
  readonly #shapes: ShapeTable;
  /** What our own blocks may admit. */
  readonly #admission = new FieldAdmission();
  #memos = 0;

  constructor(options: Partial<HeaderShapesOptions> = {}) {
    const seed = options.seed ?? randomInt(2 ** 32);
    this.#interner = new FieldInterner(new FieldHash(seed), {
      maxInternedFields: options.maxInternedFields ?? 8192,
      maxInternedBytes: options.maxInternedBytes ?? 4 * 1024 * 1024,
    });
    this.#shapes = new ShapeTable(this.#interner, options.maxShapes ?? 4096);
  }

  /**
   * A block of our own, retained. Its values are latin1; pseudo-fields may stand anywhere.
   * @throws TypeError when a name or value may not be sent at all (RFC 9113 section 8.2.1).
   */
  block(fields: readonly (readonly [name: string, value: string])[]): HeaderBlock {
    this.#admission.countBlock();
    const sorted = fields
      .map(([name, value]) => this.#blockField(this.#ownName(name, this.#admission), value))
      .sort((a, b) => a.field.order - b.field.order);
    const list = sorted.map(({ field }) => field);
    const values = sorted.flatMap(({ constant }) => (constant === null ? [] : [constant]));
    const spans = new Int32Array(2 * values.length);
    let used = 0;
    values.forEach((value, hole) => {
      spans[2 * hole] = used;
      spans[2 * hole + 1] = 2 * value.length;
      used += value.length;
    });
    const shape = this.#shapes.ownShapeOf(hashOf(list, false), list, this.#admission);
    const block = new HeaderBlockImpl(shape, this.#admission, Buffer.concat(values), spans);
    block.used = used;
    return block;
  }

  /**
   * An edit to be applied to many blocks (`HeaderBlock.edit`). Make it once for each piece of configuration, not for
   * each call: what varies with the call is a hole.
   * @throws TypeError when a name or value may not be sent at all (RFC 9113 section 8.2.1).
   */
  edit({ remove = [], set = [] }: Partial<HeaderEdit>): HeaderEdit {
    const added = set.map(({ name: text, value }): EditedField => {
      const name = this.#ownName(text, null);
      return value === undefined ? holeOf(name, null) : this.#editField(name, value);
    });
    return new HeaderEditImpl(remove, set, added);
  }

  /** A slot for one kind of derivation, to be made once for the life of the data plane. */
  memo<T>(): ShapeMemo<T> {
    return new ShapeMemoImpl<T>(this.#memos++);
  }

  /** A decoder for one connection. */
  createDecoder(options: Partial<HeaderDecoderOptions> = {}): HeaderDecoder {
    const admission = new FieldAdmission();
    return new HeaderDecoder(this.#interner, this.#shapes, admission, { ...defaultDecoderOptions, ...options });
  }

  /** An encoder for one connection. */
  createEncoder(): HeaderEncoder {
    return new HeaderEncoder(this.#shapes);
  }

  /** The shared name, or one for whoever asked, admitted by `admission` where that is given. */
  #ownName(text: string, admission: FieldAdmission | null): FieldName {
    const bytes = latin1Bytes(text, text);
    const known = this.#interner.findName(false, bytes, 0, bytes.length);
    if (known !== undefined) return known;
    const fresh = this.#interner.createName(bytes, 0, bytes.length);
    if (fresh.problem !== null) throw new TypeError(fresh.problem);
    return admission?.take() ? this.#interner.admitName(fresh) : fresh;
  }

  /** A value of an own block. It needs no second sight, but neither may such values fill the tables. */
  #blockField(name: FieldName, value: string): EditedField {
    const admission = this.#admission;
    const bytes = soundBytes(name, value);
    if (name.varies || !name.isAdmitted || admission.isLearntHole(name)) return holeOf(name, bytes);
    const hash = this.#interner.valueHash(name, bytes, 0, bytes.length);
    let field = this.#interner.findValue(hash, name, false, bytes, 0, bytes.length) ?? null;
    if (field === null) {
      admission.countNewValue(name);
      if (admission.take()) field = this.#interner.admitValue(name, false, bytes, 0, bytes.length);
    }
    return field === null ? holeOf(name, bytes) : { field, constant: null };
  }

  /** A value that an edit puts in; the edit holds on to it, so it need not be shared. */
  #editField(name: FieldName, value: string): EditedField {
    const bytes = soundBytes(name, value);
    if (name.varies) return holeOf(name, bytes);
    const hash = this.#interner.valueHash(name, bytes, 0, bytes.length);
    const known = this.#interner.findValue(hash, name, false, bytes, 0, bytes.length);
    return { field: known ?? this.#interner.createValue(name, bytes), constant: null };
  }
}

function holeOf(name: FieldName, constant: Buffer | null): EditedField {
  return { field: name.isSecret ? name.secretHole : name.hole, constant };
}

function soundBytes(name: FieldName, value: string): Buffer {
  const bytes = latin1Bytes(name.text, value);
  if (!isSoundValue(bytes)) throw new TypeError(`the value for ${quoteName(name.text)} may not be sent`);
  return bytes;
}

function latin1Bytes(name: string, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.toString('latin1') !== text) throw new TypeError(`${quoteName(name)} holds a character that is no byte`);
  return bytes;
}
