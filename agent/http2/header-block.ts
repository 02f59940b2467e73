// A header block: a shape, and the bytes of its holes, as they came.

import type { FieldAdmission } from './field-admission.ts';
import { copyBytes, copyChecked } from './field-bytes.ts';
import { blockProblem, quoteName } from './field-rules.ts';
import type { BlockKind, HeaderBlock, HeaderEdit } from './header-contract.ts';
import { decodeHuffman } from './huffman.ts';
import type { ShapeImpl } from './shape.ts';
import { HeaderEditImpl } from './shape-edit.ts';

/** Edited blocks that one block keeps to use again. */
const maxKeptEdits = 4;
/** An edited block that needed more memory than this gives it back when it is used again. */
const maxKeptBytes = 4096;

const maxDigits = 15;
/** Where a Huffman-coded number is written out to be read. */
const digitsText = Buffer.alloc(Math.ceil((8 * maxDigits) / 5));

const noBytes = Buffer.alloc(0);
const noSpans = new Int32Array(0);
const noValues: readonly Uint8Array[] = [];

export class HeaderBlockImpl implements HeaderBlock {
  shape: ShapeImpl;
  /** Whose credits pay for what the block adds to an encoder's table. */
  readonly source: FieldAdmission;
  /** The holes' bytes are in `bytes[0, used)`. */
  bytesOfHoles: Buffer;
  used = 0;
  /** For hole k, `spans[2k]` is where it starts and `spans[2k + 1]` is `2 * length + (is Huffman-coded ? 1 : 0)`. */
  spans: Int32Array;
  /** Name of a field whose value may not be forwarded. */
  faultyName: string | null = null;
  /** Edited blocks, of which the first `editsInUse` are in use; `null` where each edit gets an object of its own. */
  #edits: HeaderBlockImpl[] | null = null;
  #editsInUse = 0;
  /** Of a block that is kept: what `retain` answers. */
  #lasting: HeaderBlockImpl | null = null;

  constructor(shape: ShapeImpl, source: FieldAdmission, bytesOfHoles: Buffer, spans: Int32Array) {
    this.shape = shape;
    this.source = source;
    this.bytesOfHoles = bytesOfHoles;
    this.spans = spans;
  }

  value(name: string): string | null {
    const index = this.shape.indexOf(name);
    return index < 0 ? null : this.#text(index);
  }

  values(name: string): string[] {
    const { list } = this.shape;
    const values: string[] = [];
    for (let i = 0; i < list.length; i++) if (list[i]!.name.text === name) values.push(this.#text(i));
    return values;
  }

  bytes(name: string): Uint8Array | null {
    const index = this.shape.indexOf(name);
    return index < 0 ? null : this.#bytes(index);
  }

  read(name: string, into: Uint8Array): number {
    const index = this.shape.indexOf(name);
    if (index < 0) return -1;
    const field = this.shape.list[index]!;
    if (!field.isHole) return copyFitting(field.bytes, 0, field.bytes.length, into);
    const hole = this.#holeAt(index);
    const start = this.spans[2 * hole]!;
    const span = this.spans[2 * hole + 1]!;
    const end = start + (span >> 1);
    // What does not fit is not written: a typed array takes nothing beyond its end.
    return (span & 1) === 0
      ? copyFitting(this.bytesOfHoles, start, end, into)
      : decodeHuffman(this.bytesOfHoles, start, end, into, 0);
  }

  digits(name: string): number {
    const index = this.shape.indexOf(name);
    if (index < 0) return -1;
    const field = this.shape.list[index]!;
    return field.isHole ? this.#digitsOf(this.#holeAt(index)) : parseDigits(field.bytes, 0, field.bytes.length);
  }

  #digitsOf(hole: number): number {
    const start = this.spans[2 * hole]!;
    const span = this.spans[2 * hole + 1]!;
    const end = start + (span >> 1);
    if ((span & 1) === 0) return parseDigits(this.bytesOfHoles, start, end);
    // Five bits is the shortest code there is, so that more bytes than this hold more than 15 digits.
    if (end - start > maxDigits) return -1;
    return parseDigits(digitsText, 0, decodeHuffman(this.bytesOfHoles, start, end, digitsText, 0));
  }

  entries(): [name: string, value: string][] {
    return this.shape.list.map((field, i) => [field.name.text, this.#text(i)]);
  }

  #text(index: number): string {
    const fixed = this.shape.list[index]!.value;
    if (fixed !== null) return fixed;
    const bytes = this.#bytes(index);
    return bytes.toString('latin1');
  }

  #bytes(index: number): Buffer {
    const { list } = this.shape;
    if (!list[index]!.isHole) return list[index]!.bytes;
    const hole = this.#holeAt(index);
    const start = this.spans[2 * hole]!;
    const length = this.spans[2 * hole + 1]! >> 1;
    if ((this.spans[2 * hole + 1]! & 1) === 0) return this.bytesOfHoles.subarray(start, start + length);
    const text = Buffer.allocUnsafe(Math.ceil((8 * length) / 5));
    // What is coded wrongly never becomes a block.
    return text.subarray(0, decodeHuffman(this.bytesOfHoles, start, start + length, text, 0));
  }

  #holeAt(index: number): number {
    const { list } = this.shape;
    let hole = 0;
    for (let i = 0; i < index; i++) if (list[i]!.isHole) hole++;
    return hole;
  }

  problem(kind: BlockKind): string | null {
    const { shape } = this;
    const problem = shape.problemAs(kind);
    if (problem !== null) return problem;
    if (this.faultyName !== null) {
      return `the value of ${quoteName(this.faultyName)} has NUL, CR or LF in it, or a space or tab at its edge`;
    }
    if (shape.lengthHole >= 0 && this.#digitsOf(shape.lengthHole) < 0) return "'content-length' is not a number";
    if (!shape.hasJudgedHole) return null;
    return blockProblem(kind, {
      length: shape.length,
      name: (index) => shape.name(index),
      value: (index) => this.#text(index),
    });
  }

  sizeAbove(limitBytes: number): number {
    const { list, maxEncodedBytes } = this.shape;
    // The bound of the encoded size has the 32 bytes of each field in it; a byte of Huffman code is at most 8/5 of text.
    if (maxEncodedBytes + 2 * this.used <= limitBytes) return 0;
    let bytes = 0;
    for (let i = 0; i < list.length; i++) bytes += 32 + list[i]!.name.text.length + this.#bytes(i).length;
    return bytes > limitBytes ? bytes : 0;
  }

  edit(edit: HeaderEdit, holes: readonly Uint8Array[] = noValues): HeaderBlock {
    if (!(edit instanceof HeaderEditImpl)) throw new TypeError('an edit has to be made by HeaderShapes.edit');
    if (holes.length !== edit.openHoles) {
      throw new RangeError(`the edit has ${edit.openHoles} holes, but ${holes.length} values were given`);
    }
    const { shape, sources } = this.shape.derive(edit);
    const target = this.#nextEdit(shape);
    // Found before the fault can be removed: what came malformed stays so.
    target.faultyName = this.faultyName;
    target.#fill(this, edit, holes, sources);
    return target;
  }

  #fill(from: HeaderBlockImpl, edit: HeaderEditImpl, values: readonly Uint8Array[], sources: readonly number[]): void {
    const { constants } = edit;
    let used = from.used;
    for (const constant of constants) if (constant !== null) used += constant.length;
    for (const value of values) used += value.length;
    this.#reserve(used, sources.length);
    const bytes = this.bytesOfHoles;
    let at = copyBytes(from.bytesOfHoles, 0, from.used, bytes, 0);
    let nextValue = 0;
    // The edit's holes stand in the list in the order of the sort, so they are found by their index, not in turn.
    for (let i = 0; i < constants.length; i++) {
      const value = constants[i] ?? values[nextValue++]!;
      const hole = sources.indexOf(~i);
      // A field that the edit does not put into this shape.
      if (hole === -1) continue;
      if (!copyChecked(value, 0, value.length, bytes, at)) this.faultyName = this.#nameOfEdited(sources, i);
      this.spans[2 * hole] = at;
      this.spans[2 * hole + 1] = 2 * value.length;
      at += value.length;
    }
    for (let hole = 0; hole < sources.length; hole++) {
      const source = sources[hole]!;
      if (source < 0) continue;
      this.spans[2 * hole] = from.spans[2 * source]!;
      this.spans[2 * hole + 1] = from.spans[2 * source + 1]!;
    }
    this.used = at;
  }

  #nameOfEdited(sources: readonly number[], index: number): string {
    const holes = this.shape.list.filter((field) => field.isHole);
    return holes[sources.indexOf(~index)]?.name.text ?? '';
  }

  #nextEdit(shape: ShapeImpl): HeaderBlockImpl {
    const edits = this.#edits;
    const kept = edits?.[this.#editsInUse];
    if (kept !== undefined) {
      this.#editsInUse++;
      kept.shape = shape;
      if (kept.bytesOfHoles.length > maxKeptBytes) kept.bytesOfHoles = noBytes;
      kept.reuseEdits();
      return kept;
    }
    const fresh = new HeaderBlockImpl(shape, this.source, noBytes, new Int32Array(0));
    if (edits === null || edits.length >= maxKeptEdits) return fresh;
    fresh.reuseEdits();
    edits.push(fresh);
    this.#editsInUse++;
    return fresh;
  }

  /** From here on, edits take the place of those made before. For the owner of a block that is filled again. */
  reuseEdits(): void {
    if (this.#edits === null) this.#edits = [];
    this.#editsInUse = 0;
  }

  #reserve(bytes: number, holes: number): void {
    if (this.bytesOfHoles.length < bytes) this.bytesOfHoles = Buffer.allocUnsafeSlow(Math.max(128, 2 * bytes));
    if (this.spans.length < 2 * holes) this.spans = new Int32Array(2 * holes + 8);
  }

  get ownBytes(): number {
    return this.used;
  }

  retain(): HeaderBlock {
    return this.#lasting ?? this.#copy();
  }

  /** A copy that is handed out again and again, and never filled with anything else. */
  keep(): HeaderBlockImpl {
    const kept = this.#copy();
    kept.#lasting = this.#copy();
    return kept;
  }

  #copy(): HeaderBlockImpl {
    const { used, spans } = this;
    const { holes } = this.shape;
    const copy = new HeaderBlockImpl(this.shape, this.source, noBytes, noSpans);
    copy.faultyName = this.faultyName;
    if (holes === 0) return copy;
    // From the pool of small buffers: what is retained is a request that waits for its answer, or trailers behind data,
    // not something that is kept for long.
    const bytes = Buffer.allocUnsafe(used);
    copy.bytesOfHoles = bytes;
    copy.used = copyBytes(this.bytesOfHoles, 0, used, bytes, 0);
    const kept = new Int32Array(2 * holes);
    for (let i = 0; i < kept.length; i++) kept[i] = spans[i]!;
    copy.spans = kept;
    return copy;
  }
}

/** Copies `from[start, end)` to `into`, as far as it fits; answers how many bytes it has. */
function copyFitting(from: Uint8Array, start: number, end: number, into: Uint8Array): number {
  const length = end - start;
  const fitting = Math.min(length, into.length);
  for (let i = 0; i < fitting; i++) into[i] = from[start + i]!;
  return length;
}

/** `buf[start, end)` as a number; -1 unless it is 1 to 15 digits. */
function parseDigits(buf: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > maxDigits) return -1;
  let number = 0;
  for (let i = start; i < end; i++) {
    const digit = buf[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
