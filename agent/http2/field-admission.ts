// What one connection may add to what all connections share. A peer that sends something new in each block runs out of
// credits, and from then on costs only itself.

import type { FieldName } from './field-name.ts';

/** Names, values and shapes that a connection may admit at once. */
const maxCredits = 256;
/** A credit comes back after so many blocks. */
const blocksPerCredit = 64;
/** Things seen once that are remembered, in sets of four. */
const rememberedSights = 128;
/** Names whose new values are counted; a power of two. */
const countedNames = 64;
const nameProbes = 4;

export class FieldAdmission {
  credits = maxCredits;
  #blocks = 0;
  readonly #sights = new Int32Array(rememberedSights);
  #hand = 0;
  #names: (FieldName | null)[] | null = null;
  readonly #newValues = new Uint16Array(countedNames);

  /** To be called once a block. */
  countBlock(): void {
    this.#blocks = (this.#blocks + 1) | 0;
    if (this.#blocks % blocksPerCredit === 0 && this.credits < maxCredits) this.credits++;
  }

  /** Uses up a credit; false when there is none. */
  take(): boolean {
    if (this.credits === 0) return false;
    this.credits--;
    return true;
  }

  /** Returns a credit for what was not admitted after all. */
  giveBack(): void {
    this.credits++;
  }

  /** Whether something with this hash was seen a short while ago; if not, it has been seen now. */
  isSecondSight(hash: number): boolean {
    const set = (hash & (rememberedSights / 4 - 1)) << 2;
    // Zero stands for an empty place.
    const mark = hash | 0x40000000;
    for (let at = set; at < set + 4; at++) {
      if (this.#sights[at] !== mark) continue;
      this.#sights[at] = 0;
      return true;
    }
    this.#hand = (this.#hand + 1) & 3;
    this.#sights[set + this.#hand] = mark;
    return false;
  }

  /** Whether so many new values of that name came that it is a hole on this connection from now on. */
  isLearntHole(name: FieldName): boolean {
    const at = this.#placeOf(name);
    return at >= 0 && this.#newValues[at]! >= name.maxValues;
  }

  countNewValue(name: FieldName): void {
    this.#names ??= new Array<FieldName | null>(countedNames).fill(null);
    let at = this.#placeOf(name);
    if (at < 0) at = this.#claim(this.#names, name);
    if (at >= 0 && this.#newValues[at]! < name.maxValues) this.#newValues[at]!++;
  }

  #placeOf(name: FieldName): number {
    if (this.#names === null) return -1;
    for (let probe = 0; probe < nameProbes; probe++) {
      const at = (name.hash + probe) & (countedNames - 1);
      if (this.#names[at] === name) return at;
    }
    return -1;
  }

  /** A place for that name: an empty one, or that of a name which is not (yet) a hole. */
  #claim(names: (FieldName | null)[], name: FieldName): number {
    let found = -1;
    for (let probe = 0; probe < nameProbes; probe++) {
      const at = (name.hash + probe) & (countedNames - 1);
      const resident = names[at] ?? null;
      if (resident === null || this.#newValues[at]! < resident.maxValues) {
        found = at;
        if (resident === null) break;
      }
    }
    if (found < 0) return -1;
    names[found] = name;
    this.#newValues[found] = 0;
    return found;
  }
}
