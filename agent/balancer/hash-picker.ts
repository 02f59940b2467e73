// Balancing by a call's hash: calls of one hash go to one endpoint, and when it is gone, to one other.
import type { HashTable } from './hash-table.ts';
import type { Picker, Usable, Weighted } from './picker.ts';

/** How many slots are asked, per endpoint, before the rest are asked one by one. */
const SLOTS_PER_ENDPOINT = 8;

/** Picks among the endpoints of one table. */
export class HashPicker implements Picker {
  readonly #indices: Int32Array;
  readonly #table: HashTable;

  /** @param indices of the table's members in the flat list. */
  constructor(indices: readonly number[], table: HashTable) {
    this.#indices = Int32Array.from(indices);
    this.#table = table;
  }

  pick(usable: Usable, hash: bigint): number {
    const indices = this.#indices;
    const { slots } = this.#table;
    let slot = this.#table.startOf(hash);
    let declined = -1;
    for (let tries = Math.min(slots.length, SLOTS_PER_ENDPOINT * indices.length); tries > 0; tries--) {
      const member = slots[slot]!;
      if (member !== declined && usable(indices[member]!)) return indices[member]!;
      declined = member;
      slot = slot + 1 === slots.length ? 0 : slot + 1;
    }
    return indices.find((index) => usable(index)) ?? -1;
  }
}

/** Lets the hash say whose turn it is, by percent: calls of one hash stay in one priority while its load does not change. */
export class HashTurns implements Picker {
  readonly #members: readonly Weighted<Picker>[];
  readonly #total: number;

  /** Weights are percents and sum to 100, give or take a rounding. */
  constructor(members: readonly Weighted<Picker>[]) {
    this.#members = members.filter(({ weight }) => weight > 0);
    this.#total = this.#members.reduce((sum, { weight }) => sum + weight, 0);
  }

  pick(usable: Usable, hash: bigint): number {
    const place = (Number(hash % 100n) * this.#total) / 100;
    let sum = 0;
    for (const { member, weight } of this.#members) {
      sum += weight;
      if (place < sum) return member.pick(usable, hash);
    }
    return -1;
  }
}
