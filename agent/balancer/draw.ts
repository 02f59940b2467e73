// Drawing one member of a set at random, by weight.

export class Draw {
  readonly #count: number;
  /** For each member the sum of the weights up to it; `null` where all are equal. */
  readonly #sums: Float64Array | null;
  readonly #random: () => number;

  /** @param weights each above 0; at least one. @param random uniform in [0, 1). */
  constructor(weights: readonly number[], random: () => number) {
    this.#count = weights.length;
    this.#random = random;
    let sum = 0;
    this.#sums = weights.every((weight) => weight === weights[0])
      ? null
      : Float64Array.from(weights, (weight) => {
          sum += weight;
          return sum;
        });
  }

  next(): number {
    const sums = this.#sums;
    if (sums === null) return Math.floor(this.#random() * this.#count);
    const drawn = this.#random() * sums[sums.length - 1]!;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! <= drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
