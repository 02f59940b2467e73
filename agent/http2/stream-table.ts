// The streams of a connection by their id. A table of its own, since a Map that loses as many entries as it gains is made
// anew over and over, and what it leaves behind keeps streams that have ended from being collected young: that was a
// quarter of the CPU of a call (bench/run.ts, 10 x 50).
import { randomInt } from 'node:crypto';
import type { StreamImpl } from './stream.ts';

const leastSlots = 32;
/** Of every table that has had no stream yet; never written to. */
const noSlots: (StreamImpl | null)[] = [null, null];
/** Odd, and nobody's to know: a client picks its ids, and shall not pick such as meet in one slot. */
const mix = 2 * randomInt(2 ** 31) + 1;

export class StreamTable {
  size = 0;
  /** A power of two in number, at most half of them taken. A stream stands at the slot of its mixed id or the next free one. */
  #slots = noSlots;
  #mask = noSlots.length - 1;
  /** What the upper bits of a mixed id are shifted by to be a slot. */
  #shift = Math.clz32(noSlots.length - 1);
  /** So many streams fit the slots. */
  #capacity = 0;

  get(id: number): StreamImpl | undefined {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = Math.imul(id, mix) >>> this.#shift; ; at = (at + 1) & mask) {
      const stream = slots[at]!;
      if (stream === null) return undefined;
      if (stream.id === id) return stream;
    }
  }

  /** The stream's id is not in the table. */
  add(stream: StreamImpl): void {
    if (this.size === this.#capacity) this.#grow();
    this.#put(stream);
    this.size++;
  }

  /** Does nothing when no such stream is there. */
  delete(id: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = Math.imul(id, mix) >>> this.#shift;
    for (let stream = slots[hole]!; stream === null || stream.id !== id; stream = slots[hole]!) {
      if (stream === null) return;
      hole = (hole + 1) & mask;
    }
    slots[hole] = null;
    this.size--;
    // Who stands behind the hole may stand there because its slot was taken: it moves up, so that it is found again.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at]!;
      if (stream === null) return;
      const home = Math.imul(stream.id, mix) >>> this.#shift;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = stream;
      slots[at] = null;
      hole = at;
    }
  }

  /** All streams as they are now, in no order; the table may change meanwhile. */
  all(): StreamImpl[] {
    return this.#slots.filter((stream) => stream !== null);
  }

  #put(stream: StreamImpl): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let at = Math.imul(stream.id, mix) >>> this.#shift;
    while (slots[at] !== null) at = (at + 1) & mask;
    slots[at] = stream;
  }

  #grow(): void {
    const streams = this.all();
    const count = Math.max(leastSlots, 2 * this.#slots.length);
    this.#slots = new Array<StreamImpl | null>(count).fill(null);
    this.#mask = count - 1;
    this.#shift = Math.clz32(count - 1);
    this.#capacity = count / 2;
    for (const stream of streams) this.#put(stream);
  }
}
