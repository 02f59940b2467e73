// Consistent hashing: a table of slots that each name a member. A call's hash says which slot is asked first; where that
// member can't be called, the slots after it say who takes its calls, so that they spread over all the others.
import { hashText } from './hash.ts';

export interface HashTable {
  /** Member of each slot. */
  readonly slots: Int32Array;
  /** The slot of a hash (unsigned, 64 bits). */
  startOf(hash: bigint): number;
}

export interface HashMember {
  /** What places the member; members of one key share their places. */
  readonly key: string;
  /** Its share of all, above 0: all sum to 1. */
  readonly weight: number;
}

/**
 * A ring of about `minSize` points, of which each member has as many as its weight asks for, at least one
 * (envoy.config.cluster.v3.Cluster.RingHashLbConfig, gRFC A42). At least one member.
 */
export function buildRing(members: readonly HashMember[], minSize: number, maxSize: number): HashTable {
  const least = members.reduce((min, { weight }) => Math.min(min, weight), 1);
  // The lightest member has a whole number of points.
  const scale = Math.min(Math.ceil(least * minSize) / least, maxSize);
  const points: { readonly hash: bigint; readonly member: number }[] = [];
  let target = 0;
  for (const [member, { key, weight }] of members.entries()) {
    target += scale * weight;
    for (let i = 0; points.length < target; i++) points.push({ hash: hashText(`${key}_${i}`), member });
  }
  points.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.member - b.member));
  return new Ring(
    BigUint64Array.from(points, ({ hash }) => hash),
    Int32Array.from(points, ({ member }) => member),
  );
}

class Ring implements HashTable {
  readonly slots: Int32Array;
  readonly #hashes: BigUint64Array;

  constructor(hashes: BigUint64Array, slots: Int32Array) {
    this.#hashes = hashes;
    this.slots = slots;
  }

  /** The first point at or after the hash, around the ring. */
  startOf(hash: bigint): number {
    const hashes = this.#hashes;
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low === hashes.length ? 0 : low;
  }
}

/**
 * Maglev's table (Eisenbud et al., NSDI 2016, section 3.4), with weights as Envoy has them: in each round a member takes
 * the next free slot of its own permutation as often as its weight lets it. @param size a prime. At least one member.
 */
export function buildMaglev(members: readonly HashMember[], size: number): HashTable {
  const heaviest = members.reduce((max, { weight }) => Math.max(max, weight), 0);
  const rows = members.map(({ key, weight }) => ({
    offset: Number(hashText(key) % BigInt(size)),
    skip: Number(hashText(key, 1n) % BigInt(size - 1)) + 1,
    weight,
    target: 0,
    next: 0,
  }));
  const slots = new Int32Array(size).fill(-1);
  let filled = 0;
  for (let round = 1; filled < size; round++) {
    for (let member = 0; member < rows.length && filled < size; member++) {
      const row = rows[member]!;
      if (round * row.weight < row.target) continue;
      row.target += heaviest;
      let slot = (row.offset + row.skip * row.next) % size;
      while (slots[slot] !== -1) slot = (row.offset + row.skip * ++row.next) % size;
      slots[slot] = member;
      row.next++;
      filled++;
    }
  }
  return { slots, startOf: (hash) => Number(hash % BigInt(size)) };
}
