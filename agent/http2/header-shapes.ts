// Everything about header blocks that the connections of one data plane share: names, values, shapes, and what was
// derived from them (design: "header shapes"). Bounded; nothing one client sends changes what another's blocks become.

import { randomInt } from 'node:crypto';
import { FieldAdmission } from './field-admission.ts';
import { FieldHash, isSoundValue } from './field-bytes.ts';
import { FieldInterner } from './field-interner.ts';
import type { FieldEntry, FieldName } from './field-name.ts';
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
      .map(([name, value]) => this.#ownField(this.#ownName(name), value))
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
      const name = this.#ownName(text);
      if (value !== undefined) return this.#ownField(name, value);
      return { field: name.isSecret ? name.secretHole : name.hole, constant: null };
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

  #ownName(text: string): FieldName {
    const bytes = Buffer.from(text, 'latin1');
    const fresh = this.#interner.createName(bytes);
    if (fresh.problem !== null) throw new TypeError(fresh.problem);
    const known = this.#interner.findName(false, bytes, 0, bytes.length);
    if (known !== undefined) return known;
    return this.#admission.take() ? this.#interner.admitName(fresh) : fresh;
  }

  /** Our own values need no second sight, but neither may they fill the tables. */
  #ownField(name: FieldName, value: string): EditedField {
    const bytes = Buffer.from(value, 'latin1');
    if (!isSoundValue(bytes)) throw new TypeError(`the value for ${quoteName(name.text)} may not be sent`);
    if (!name.varies && name.isAdmitted && !this.#admission.isLearntHole(name)) {
      const hash = this.#interner.valueHash(name, bytes, 0, bytes.length);
      const field = this.#interner.findValue(hash, name, false, bytes, 0, bytes.length) ?? this.#admitOwn(name, bytes);
      if (field !== null) return { field, constant: null };
    }
    return { field: name.isSecret ? name.secretHole : name.hole, constant: bytes };
  }

  #admitOwn(name: FieldName, bytes: Buffer): FieldEntry | null {
    this.#admission.countNewValue(name);
    return this.#admission.take() ? this.#interner.admitValue(name, false, bytes, 0, bytes.length) : null;
  }
}
