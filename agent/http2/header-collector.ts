// The block being decoded: its fields, sorted as they arrive, and the bytes of its holes in one scratch buffer.

import type { FieldAdmission } from './field-admission.ts';
import { copyBytes, copyChecked } from './field-bytes.ts';
import { type FieldEntry, type FieldName, firstRegularOrder } from './field-name.ts';
import { HeaderBlockImpl } from './header-block.ts';
import { copyHuffman } from './huffman.ts';
import type { ShapeTable } from './shape-table.ts';

const scratchBytes = 256;
/** Scratch memory above this is given back with the next block. */
const keptScratchBytes = 4096;

export class HeaderCollector {
  /** The block has exceeded a limit: what came since is charged, not kept. */
  isOversize = false;
  /** Decoded size, RFC 7541 section 4.1. */
  listBytes = 0;
  /** Holes' bytes, in `[0, used)`; a value that is not (yet) a hole's may lie behind them. */
  scratch: Buffer = Buffer.allocUnsafeSlow(scratchBytes);
  used = 0;
  readonly #shapes: ShapeTable;
  readonly #admission: FieldAdmission;
  readonly #maxListBytes: number;
  readonly #maxFields: number;
  readonly #block: HeaderBlockImpl;
  readonly #fields: FieldEntry[] = [];
  /** For each field, which hole it is in order of arrival, or -1. */
  readonly #slots: Int32Array;
  #count = 0;
  /** For each hole in order of arrival, where it starts, and its length as in `HeaderBlockImpl.spans`. */
  #arrived = new Int32Array(16);
  #holes = 0;
  #faultyName: string | null = null;
  #hasRegular = false;
  #isLate = false;

  constructor(shapes: ShapeTable, admission: FieldAdmission, maxListBytes: number, maxFields: number) {
    this.#shapes = shapes;
    this.#admission = admission;
    this.#maxListBytes = maxListBytes;
    this.#maxFields = maxFields;
    this.#slots = new Int32Array(maxFields);
    this.#block = new HeaderBlockImpl(shapes.empty, admission, this.scratch, new Int32Array(16));
  }

  begin(): void {
    this.isOversize = false;
    this.listBytes = 0;
    this.used = 0;
    this.#count = 0;
    this.#holes = 0;
    this.#faultyName = null;
    this.#hasRegular = false;
    this.#isLate = false;
    if (this.scratch.length > keptScratchBytes) this.scratch = Buffer.allocUnsafeSlow(scratchBytes);
    this.#admission.countBlock();
  }

  /** Adds a fixed field. */
  add(field: FieldEntry): void {
    if (this.#hasRoomFor(field.size)) this.#place(field, -1);
  }

  /** Copies a value behind the scratch's used bytes and checks it; answers as `copyHuffman` does. */
  stage(buf: Buffer, start: number, end: number, isCoded: boolean): number {
    this.#reserve(end - start);
    if (isCoded) return copyHuffman(buf, start, end, this.scratch, this.used);
    return copyChecked(buf, start, end, this.scratch, this.used) ? end - start : ~(end - start);
  }

  /** Adds a hole with the value that was staged: so many bytes, as they came. */
  addStaged(hole: FieldEntry, size: number, bytes: number, isCoded: boolean, isFaulty: boolean): void {
    if (this.#hasRoomFor(size)) this.#addHole(hole, bytes, isCoded, isFaulty);
  }

  /** Adds a hole with a value that was checked before. */
  addChecked(
    hole: FieldEntry,
    size: number,
    buf: Buffer,
    start: number,
    end: number,
    isCoded: boolean,
    isFaulty: boolean,
  ): void {
    if (!this.#hasRoomFor(size)) return;
    this.#reserve(end - start);
    copyBytes(buf, start, end, this.scratch, this.used);
    this.#addHole(hole, end - start, isCoded, isFaulty);
  }

  #hasRoomFor(size: number): boolean {
    this.listBytes += size;
    if (this.#count < this.#maxFields && this.listBytes <= this.#maxListBytes) return true;
    this.isOversize = true;
    return false;
  }

  #addHole(field: FieldEntry, bytes: number, isCoded: boolean, isFaulty: boolean): void {
    if (2 * this.#holes === this.#arrived.length) this.#growHoles();
    if (isFaulty) this.#markFaulty(field.name);
    const hole = this.#holes++;
    this.#arrived[2 * hole] = this.used;
    this.#arrived[2 * hole + 1] = 2 * bytes + (isCoded ? 1 : 0);
    this.used += bytes;
    this.#place(field, hole);
  }

  #markFaulty(name: FieldName): void {
    this.#faultyName ??= name.text;
  }

  /** Sorts a field in behind those of its name. */
  #place(field: FieldEntry, hole: number): void {
    const fields = this.#fields;
    const slots = this.#slots;
    const { order } = field;
    if (order >= firstRegularOrder) this.#hasRegular = true;
    else if (this.#hasRegular) this.#isLate = true;
    let i = this.#count++;
    for (; i > 0 && fields[i - 1]!.order > order; i--) {
      fields[i] = fields[i - 1]!;
      slots[i] = slots[i - 1]!;
    }
    fields[i] = field;
    slots[i] = hole;
  }

  /** The block, which is valid until `begin`. */
  finish(): HeaderBlockImpl {
    const block = this.#block;
    const fields = this.#fields;
    const slots = this.#slots;
    const arrived = this.#arrived;
    if (block.spans.length < arrived.length) block.spans = new Int32Array(arrived.length);
    const { spans } = block;
    let hash = this.#isLate ? 1 : 0;
    let at = 0;
    for (let i = 0; i < this.#count; i++) {
      hash = (Math.imul(hash, 31) + fields[i]!.hash) | 0;
      const slot = slots[i]!;
      if (slot < 0) continue;
      spans[at] = arrived[2 * slot]!;
      spans[at + 1] = arrived[2 * slot + 1]!;
      at += 2;
    }
    block.shape = this.#shapes.shapeOf(hash, fields, this.#count, this.#isLate, this.#admission);
    block.bytesOfHoles = this.scratch;
    block.used = this.used;
    block.faultyName = this.#faultyName;
    block.reuseEdits();
    return block;
  }

  #growHoles(): void {
    const arrived = new Int32Array(2 * this.#arrived.length);
    arrived.set(this.#arrived);
    this.#arrived = arrived;
  }

  #reserve(bytes: number): void {
    if (this.used + bytes <= this.scratch.length) return;
    const scratch = Buffer.allocUnsafeSlow(2 * (this.used + bytes));
    this.scratch.copy(scratch, 0, 0, this.used);
    this.scratch = scratch;
  }
}
