// The hidden class of header blocks (see `header-contract.ts`), and where derivations hang on it.

import type { FieldEntry } from './field-name.ts';
import { blockProblem, type FieldReader, isJudged } from './field-rules.ts';
import type { BlockKind, Field, Shape, ShapeMemo } from './header-contract.ts';
import { maxIntegerBytes } from './hpack-integer.ts';
import type { HeaderEditImpl } from './shape-edit.ts';

/** Edits whose derived shapes are kept on one shape; beyond, the oldest goes. */
const maxDerivations = 32;

/** A shape made from another by an edit, and where each of its holes comes from. */
export interface Derivation {
  readonly edit: HeaderEditImpl;
  readonly shape: ShapeImpl;
  /** For each hole: an index of the source's holes, or `~index` of the edit's. */
  readonly sources: readonly number[];
}

export class ShapeImpl implements Shape, FieldReader {
  /** Sorted by name; the entries' identity is what makes shapes equal. Never changed. */
  readonly list: readonly FieldEntry[];
  readonly length: number;
  readonly hash: number;
  /** A pseudo-field came after a regular field. */
  readonly isLate: boolean;
  /** Shared, rather than made for one block. */
  readonly isAdmitted: boolean;
  readonly holes: number;
  /** Upper bound of the bytes that encoding the shape takes, without what is in its holes. */
  readonly maxEncodedBytes: number;
  /** Some hole's name has rules for its values, so each block is judged by itself. */
  readonly hasJudgedHole: boolean;
  /** The hole of its one content-length, or -1. It is judged by its digits, since most that is not gRPC's has one. */
  readonly lengthHole: number;
  /** By the id of a memo. */
  readonly memos: unknown[] = [];
  readonly derivations: Derivation[] = [];
  #nextDerivation = 0;
  #fields: readonly Field[] | undefined;
  #request: string | null | undefined;
  #response: string | null | undefined;
  #trailers: string | null | undefined;

  /** @param list sorted, and kept. */
  constructor(list: readonly FieldEntry[], hash: number, isLate: boolean, isAdmitted: boolean) {
    this.list = list;
    this.length = list.length;
    this.hash = hash;
    this.isLate = isLate;
    this.isAdmitted = isAdmitted;
    let holes = 0;
    let maxEncodedBytes = 0;
    let hasJudgedHole = false;
    let lengthHole = -1;
    for (const field of list) {
      maxEncodedBytes += 1 + 2 * maxIntegerBytes + field.size;
      if (!field.isHole) continue;
      const hole = holes++;
      if (field.name.text === 'content-length' && isLone(list, 'content-length')) lengthHole = hole;
      else hasJudgedHole ||= isJudged(field.name.text);
    }
    this.holes = holes;
    this.maxEncodedBytes = maxEncodedBytes;
    this.hasJudgedHole = hasJudgedHole;
    this.lengthHole = lengthHole;
  }

  get fields(): readonly Field[] {
    this.#fields ??= describe(this.list);
    return this.#fields;
  }

  indexOf(name: string): number {
    const { list } = this;
    for (let i = 0; i < list.length; i++) if (list[i]!.name.text === name) return i;
    return -1;
  }

  /** What is wrong with every block of this shape, whatever its holes hold. */
  problemAs(kind: BlockKind): string | null {
    if (kind === 'request') {
      if (this.#request === undefined) this.#request = this.#judge(kind);
      return this.#request;
    }
    if (kind === 'response') {
      if (this.#response === undefined) this.#response = this.#judge(kind);
      return this.#response;
    }
    if (this.#trailers === undefined) this.#trailers = this.#judge(kind);
    return this.#trailers;
  }

  #judge(kind: BlockKind): string | null {
    for (const { name } of this.list) if (name.problem !== null) return name.problem;
    return this.isLate ? 'a pseudo-field stands after a regular field' : blockProblem(kind, this);
  }

  name(index: number): string {
    return this.list[index]!.name.text;
  }

  value(index: number): string | null {
    return this.list[index]?.value ?? null;
  }

  /** The shape that this one becomes by an edit. */
  derive(edit: HeaderEditImpl): Derivation {
    const { derivations } = this;
    for (let i = 0; i < derivations.length; i++) {
      const known = derivations[i]!;
      if (known.edit === edit) return known;
    }
    const { list, sources } = edit.applyTo(this.list);
    const shape = new ShapeImpl(list, hashOf(list, this.isLate), this.isLate, this.isAdmitted);
    const derivation: Derivation = { edit, shape, sources };
    derivations[this.#nextDerivation] = derivation;
    this.#nextDerivation = (this.#nextDerivation + 1) % maxDerivations;
    return derivation;
  }
}

function isLone(list: readonly FieldEntry[], name: string): boolean {
  let count = 0;
  for (const field of list) if (field.name.text === name) count++;
  return count === 1;
}

/** What shapes of these fields are found by. */
export function hashOf(list: readonly FieldEntry[], isLate: boolean): number {
  let hash = isLate ? 1 : 0;
  for (const field of list) hash = (Math.imul(hash, 31) + field.hash) | 0;
  return hash;
}

function describe(list: readonly FieldEntry[]): Field[] {
  let holes = 0;
  return list.map(({ name, value, isHole, isSensitive }) => ({
    name: name.text,
    value,
    hole: isHole ? holes++ : -1,
    sensitive: isSensitive,
  }));
}

/** The slot of one kind of derivation. */
export class ShapeMemoImpl<T> implements ShapeMemo<T> {
  readonly #id: number;

  /** @param id of its own among the memos of a data plane, small. */
  constructor(id: number) {
    this.#id = id;
  }

  get(shape: Shape): T | undefined {
    // Only `set` below writes to this slot, so what is in it is a T.
    return shape instanceof ShapeImpl ? (shape.memos[this.#id] as T | undefined) : undefined;
  }

  set(shape: Shape, value: T): void {
    if (!(shape instanceof ShapeImpl)) throw new TypeError('a memo needs a shape of HeaderShapes');
    const { memos } = shape;
    while (memos.length < this.#id) memos.push(undefined);
    memos[this.#id] = value;
  }
}
