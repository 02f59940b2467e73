// Names and fields as they are known to a data plane: one object for each, so that comparing them is comparing
// references. A name that was not admitted has an object for the one block that brought it.

import { nameProblem } from './field-rules.ts';
import { traitsOf } from './field-traits.ts';

/** What RFC 7541 section 4.1 adds to a field's name and value. */
export const fieldOverheadBytes = 32;

const pseudoOrder: readonly string[] = [':method', ':scheme', ':authority', ':path', ':status'];
/** Regular fields sort at and above this, pseudo-fields below. */
export const firstRegularOrder = 16;

const noBytes = Buffer.alloc(0);

/**
 * A peer may invent thousands of names a block, so a name costs little until something of it is asked for
 * (bench/header-shapes.ts). Its bytes are no view of a pooled buffer, which a decoder's table would keep alive.
 */
export class FieldName {
  readonly text: string;
  readonly hash: number;
  /** Fields are sorted by this. It depends on the name and the data plane's secret only, never on what came before. */
  readonly order: number;
  /** Shared by all connections, rather than made for one block. */
  readonly isAdmitted: boolean;
  readonly varies: boolean;
  readonly isSecret: boolean;
  readonly maxValues: number;
  /** Lowest index of the name in the static table, or 0. */
  readonly staticIndex: number;
  #bytes: Buffer | undefined;
  #hole: FieldEntry | undefined;
  #secretHole: FieldEntry | undefined;
  #problem: string | null | undefined;

  /** @param hash of the name's plain bytes. */
  constructor(text: string, hash: number, isAdmitted: boolean, staticIndex: number) {
    this.text = text;
    this.hash = hash;
    this.order = orderOf(text, hash);
    this.isAdmitted = isAdmitted;
    const traits = traitsOf(text);
    this.varies = traits.varies;
    this.isSecret = traits.isSecret;
    this.maxValues = traits.maxValues;
    this.staticIndex = staticIndex;
  }

  get bytes(): Buffer {
    if (this.#bytes === undefined) {
      this.#bytes = Buffer.allocUnsafeSlow(this.text.length);
      this.#bytes.write(this.text, 'latin1');
    }
    return this.#bytes;
  }

  /** An occurrence of the name whose value is the block's own. */
  get hole(): FieldEntry {
    this.#hole ??= new FieldEntry(this, null, false, this.hash ^ 0x5bd1e995, 0);
    return this.#hole;
  }

  /** The same, leaving as never-indexed. */
  get secretHole(): FieldEntry {
    this.#secretHole ??= new FieldEntry(this, null, true, this.hash ^ 0x1b873593, 0);
    return this.#secretHole;
  }

  /** Why no block may hold this name (RFC 9113 section 8.2.1). */
  get problem(): string | null {
    if (this.#problem === undefined) this.#problem = nameProblem(this.text);
    return this.#problem;
  }
}

function orderOf(text: string, hash: number): number {
  if (text.charCodeAt(0) !== 0x3a) return firstRegularOrder + (hash >>> 4);
  const known = pseudoOrder.indexOf(text);
  return known < 0 ? pseudoOrder.length : known;
}

/** A field of a shape: a name with a fixed value, or a hole of that name. */
export class FieldEntry {
  readonly name: FieldName;
  /** The name's, here for the sorting loop. */
  readonly order: number;
  /** Latin1; `null` in a hole. */
  readonly value: string | null;
  /** The value; empty in a hole. */
  readonly bytes: Buffer;
  readonly isHole: boolean;
  readonly isSensitive: boolean;
  /** Of name and value under the secret: what shapes are found by. */
  readonly hash: number;
  /** Decoded size, RFC 7541 section 4.1; in a hole, without its value. */
  readonly size: number;
  /** Index of the whole field in the static table, or 0. */
  readonly staticIndex: number;

  /** @param bytes of the value, kept; `null` makes a hole. */
  constructor(name: FieldName, bytes: Buffer | null, isSensitive: boolean, hash: number, staticIndex: number) {
    this.name = name;
    this.order = name.order;
    this.value = bytes === null ? null : bytes.toString('latin1');
    this.bytes = bytes ?? noBytes;
    this.isHole = bytes === null;
    this.isSensitive = isSensitive;
    this.hash = hash;
    this.size = name.text.length + this.bytes.length + fieldOverheadBytes;
    this.staticIndex = staticIndex;
  }
}
