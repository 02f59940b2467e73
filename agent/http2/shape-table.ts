// The shapes that all connections of a data plane share, found by the identity of their fields.

import type { FieldAdmission } from './field-admission.ts';
import type { FieldInterner } from './field-interner.ts';
import type { FieldEntry } from './field-name.ts';
import { ShapeImpl } from './shape.ts';

/** A search looks at no more places than this; a shape that would lie further is not admitted. */
const maxProbes = 16;
const firstCapacity = 256;

export class ShapeTable {
  readonly empty = new ShapeImpl([], 0, false, false);
  /** Grows whenever all shapes were forgotten: the table was full, or the interner began anew. */
  generation = 0;
  /** Shapes of this generation. */
  count = 0;
  readonly #interner: FieldInterner;
  readonly #maxShapes: number;
  #internerGeneration = 0;
  #places: (ShapeImpl | undefined)[] = new Array<ShapeImpl | undefined>(firstCapacity).fill(undefined);

  constructor(interner: FieldInterner, maxShapes: number) {
    this.#interner = interner;
    this.#maxShapes = maxShapes;
  }

  /**
   * The shape of the first `count` fields of `fields`, which are sorted: a shared one, admitted on second sight, or one
   * for this block only.
   * @param hash as `hashOf` has it.
   */
  shapeOf(
    hash: number,
    fields: readonly FieldEntry[],
    count: number,
    isLate: boolean,
    admission: FieldAdmission,
  ): ShapeImpl {
    const known = this.#find(hash, fields, count, isLate);
    if (known !== undefined) return known;
    const list = fields.slice(0, count);
    const mayStay = list.every(isShared) && admission.isSecondSight(hash) && admission.take();
    return (mayStay ? this.#add(list, hash, isLate) : undefined) ?? new ShapeImpl(list, hash, isLate, false);
  }

  /** The shared shape of fields that are our own, at first sight. */
  ownShapeOf(hash: number, list: readonly FieldEntry[], admission: FieldAdmission): ShapeImpl {
    const known = this.#find(hash, list, list.length, false);
    if (known !== undefined) return known;
    const mayStay = list.every(isShared) && admission.take();
    return (mayStay ? this.#add(list, hash, false) : undefined) ?? new ShapeImpl(list, hash, false, false);
  }

  #find(hash: number, fields: readonly FieldEntry[], count: number, isLate: boolean): ShapeImpl | undefined {
    const places = this.#places;
    const mask = places.length - 1;
    for (let probe = 0; probe < maxProbes; probe++) {
      const shape = places[(hash + probe) & mask];
      if (shape === undefined) return undefined;
      if (shape.hash !== hash || shape.length !== count || shape.isLate !== isLate) continue;
      if (isSameList(shape.list, fields, count)) return shape;
    }
    return undefined;
  }

  /** Adds a shape that is not there; `undefined` when its places are taken. */
  #add(list: readonly FieldEntry[], hash: number, isLate: boolean): ShapeImpl | undefined {
    // Shapes of the interner's former generation are made of fields that no connection will find again.
    if (this.#internerGeneration !== this.#interner.generation || this.count >= this.#maxShapes) this.#forget();
    if (4 * this.count >= this.#places.length) this.#grow();
    const shape = new ShapeImpl(list, hash, isLate, true);
    if (!place(this.#places, shape)) return undefined;
    this.count++;
    return shape;
  }

  #forget(): void {
    this.generation++;
    this.#internerGeneration = this.#interner.generation;
    this.count = 0;
    this.#places = new Array<ShapeImpl | undefined>(firstCapacity).fill(undefined);
  }

  #grow(): void {
    const places = new Array<ShapeImpl | undefined>(2 * this.#places.length).fill(undefined);
    this.count = 0;
    for (const shape of this.#places) if (shape !== undefined && place(places, shape)) this.count++;
    this.#places = places;
  }
}

function isShared(field: FieldEntry): boolean {
  return field.name.isAdmitted;
}

function isSameList(list: readonly FieldEntry[], fields: readonly FieldEntry[], count: number): boolean {
  for (let i = 0; i < count; i++) if (list[i] !== fields[i]) return false;
  return true;
}

function place(places: (ShapeImpl | undefined)[], shape: ShapeImpl): boolean {
  const mask = places.length - 1;
  for (let probe = 0; probe < maxProbes; probe++) {
    const at = (shape.hash + probe) & mask;
    if (places[at] !== undefined) continue;
    places[at] = shape;
    return true;
  }
  return false;
}
