// Round robin over members of equal weight: in any window of calls each has had as many as any other, give or take one.
import type { Accept, Schedule } from './schedule.ts';

export class RoundRobin implements Schedule {
  readonly #count: number;
  #cursor: number;

  /** @param start uniform in [0, 1): where the first turn falls, so that agents don't all begin with the same member. */
  constructor(count: number, start: number) {
    this.#count = count;
    this.#cursor = Math.floor(start * count);
  }

  next(accept: Accept): number {
    const count = this.#count;
    let member = this.#cursor;
    for (let tries = 0; tries < count; tries++) {
      if (accept(member)) {
        this.#cursor = member + 1 === count ? 0 : member + 1;
        return member;
      }
      member = member + 1 === count ? 0 : member + 1;
    }
    return -1;
  }
}
