// Round robin by weight, exact and without bursts: an earliest-deadline-first queue in virtual time. A member of weight w
// has a turn at (k + phase) / w for k = 0, 1, 2, …; the phase lies between 0 and 1, so any stretch of 1 / gcd(weights)
// holds exactly weight / gcd turns of each. Members of one weight get phases spread evenly: a hundred members of weight 1
// beside one of weight 100 take turns with it, instead of all coming after it.
//
// A binary heap, because a schedule written out in full would be as long as the weights' sum (2^32 in xDS).
import type { Accept, Schedule } from './schedule.ts';

export class WeightedRoundRobin implements Schedule {
  readonly #weights: Float64Array;
  readonly #phases: Float64Array;
  /** Turns that have passed, per member. */
  readonly #turns: Float64Array;
  /** Virtual time of the next turn, per member. */
  readonly #times: Float64Array;
  /** Members, earliest turn first; ties go to the lower member. */
  readonly #heap: Int32Array;
  /** Members in the heap; lower than all only while `next` runs. */
  #size: number;
  /** Members that declined the turn at hand. */
  readonly #declined: Int32Array;

  /**
   * @param weights each above 0; integers for exact shares.
   * @param start uniform in [0, 1): how far into the order it begins.
   */
  constructor(weights: readonly number[], start: number) {
    const count = weights.length;
    this.#weights = Float64Array.from(weights);
    this.#phases = spreadPhases(weights);
    this.#turns = new Float64Array(count);
    this.#times = new Float64Array(count);
    this.#heap = Int32Array.from(weights, (_, member) => member);
    this.#declined = new Int32Array(count);
    this.#size = count;
    const begin = start / weights.reduce((least, weight) => Math.min(least, weight), Number.POSITIVE_INFINITY);
    for (let member = 0; member < count; member++) this.#catchUp(member, begin);
    for (let at = (count >> 1) - 1; at >= 0; at--) this.#siftDown(at);
  }

  next(accept: Accept): number {
    let declined = 0;
    let taken = -1;
    while (this.#size > 0) {
      const member = this.#heap[0]!;
      if (accept(member)) {
        taken = member;
        break;
      }
      this.#removeFirst();
      this.#declined[declined++] = member;
    }
    if (taken === -1) {
      // Nobody: no turn has passed, for those who declined either.
      for (let i = 0; i < declined; i++) this.#insert(this.#declined[i]!);
      return -1;
    }
    const now = this.#times[taken]!;
    this.#setTurn(taken, this.#turns[taken]! + 1);
    this.#siftDown(0);
    for (let i = 0; i < declined; i++) {
      // It comes back without a claim to the turns that went by meanwhile.
      this.#catchUp(this.#declined[i]!, now);
      this.#insert(this.#declined[i]!);
    }
    return taken;
  }

  #setTurn(member: number, turn: number): void {
    this.#turns[member] = turn;
    this.#times[member] = (turn + this.#phases[member]!) / this.#weights[member]!;
  }

  /** Moves a member to its first turn at `time` or later. */
  #catchUp(member: number, time: number): void {
    const turn = Math.ceil(time * this.#weights[member]! - this.#phases[member]!);
    this.#setTurn(member, Math.max(this.#turns[member]!, turn));
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference < 0 || (difference === 0 && a < b);
  }

  #removeFirst(): void {
    this.#size--;
    this.#heap[0] = this.#heap[this.#size]!;
    if (this.#size > 0) this.#siftDown(0);
  }

  #insert(member: number): void {
    const heap = this.#heap;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(member, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = member;
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const size = this.#size;
    const member = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, member)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = member;
  }
}

/** For each of the m members of one weight another of (j + 1/2) / m. */
function spreadPhases(weights: readonly number[]): Float64Array {
  const sharing = new Map<number, number>();
  for (const weight of weights) sharing.set(weight, (sharing.get(weight) ?? 0) + 1);
  const placed = new Map<number, number>();
  return Float64Array.from(weights, (weight) => {
    const place = placed.get(weight) ?? 0;
    placed.set(weight, place + 1);
    return (place + 0.5) / sharing.get(weight)!;
  });
}
