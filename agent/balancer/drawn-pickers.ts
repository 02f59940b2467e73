// The policies that draw endpoints at random: `random` takes the first one drawn, `least request` the one of several
// that has the fewest calls under way.
import { Draw } from './draw.ts';
import type { Picker, Usable, Weighted } from './picker.ts';

/** Draws that may meet endpoints that are not usable, before all are asked in order. */
const MAX_REDRAWS = 4;

/** `RANDOM`: by weight, and nothing else. */
export class RandomPicker implements Picker {
  readonly #indices: Int32Array;
  readonly #draw: Draw;

  constructor(endpoints: readonly Weighted<number>[], random: () => number) {
    this.#indices = Int32Array.from(endpoints, ({ member }) => member);
    this.#draw = new Draw(
      endpoints.map(({ weight }) => weight),
      random,
    );
  }

  pick(usable: Usable): number {
    const indices = this.#indices;
    let drawn = 0;
    for (let tries = 0; tries <= MAX_REDRAWS; tries++) {
      drawn = this.#draw.next();
      if (usable(indices[drawn]!)) return indices[drawn]!;
    }
    for (let step = 1; step < indices.length; step++) {
      const index = indices[(drawn + step) % indices.length]!;
      if (usable(index)) return index;
    }
    return -1;
  }
}

/**
 * `LEAST_REQUEST`: of `choices` endpoints drawn by weight, the one with the fewest calls under way for its weight
 * (gRFC A48; weights as in Envoy, so that an idle cluster is balanced by weight).
 */
export class LeastRequestPicker implements Picker {
  readonly #indices: Int32Array;
  readonly #weights: Float64Array;
  readonly #draw: Draw;
  readonly #choices: number;
  readonly #activeOf: (endpoint: number) => number;

  /** @param choices 2 or more; as many as there are endpoints looks at them all. @param activeOf calls under way. */
  constructor(
    endpoints: readonly Weighted<number>[],
    choices: number,
    activeOf: (endpoint: number) => number,
    random: () => number,
  ) {
    this.#indices = Int32Array.from(endpoints, ({ member }) => member);
    this.#weights = Float64Array.from(endpoints, ({ weight }) => weight);
    this.#draw = new Draw(
      endpoints.map(({ weight }) => weight),
      random,
    );
    this.#choices = choices;
    this.#activeOf = activeOf;
  }

  pick(usable: Usable): number {
    const first = this.#draw.next();
    const count = this.#indices.length;
    if (this.#choices >= count) return this.#leastOfAll(first, usable);
    let best = this.#better(-1, first, usable);
    for (let drawn = 1; drawn < this.#choices; drawn++) best = this.#better(best, this.#draw.next(), usable);
    return best === -1 ? this.#leastOfAll(first, usable) : this.#indices[best]!;
  }

  /** All of them, beginning with the one that was drawn: it wins a tie. */
  #leastOfAll(first: number, usable: Usable): number {
    const count = this.#indices.length;
    let best = -1;
    for (let step = 0; step < count; step++) best = this.#better(best, (first + step) % count, usable);
    return best === -1 ? -1 : this.#indices[best]!;
  }

  /** The less loaded of two members; `best` may be -1. */
  #better(best: number, candidate: number, usable: Usable): number {
    if (candidate === best || !usable(this.#indices[candidate]!)) return best;
    return best === -1 || this.#loadOf(candidate) < this.#loadOf(best) ? candidate : best;
  }

  #loadOf(member: number): number {
    return this.#activeOf(this.#indices[member]!) / this.#weights[member]!;
  }
}
