// Time that a test moves by hand.
import type { SetTimer } from '../../xds/environment.ts';

export class VirtualClock {
  #now = 1_700_000_000_000;
  readonly #timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  readonly now = (): number => this.#now;

  readonly setTimer: SetTimer = (fire, ms) => {
    const timer = { at: this.#now + ms, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** How long from now each timer fires, in milliseconds, soonest first. */
  get pending(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Fires what is due, in order; timers that are set on the way too. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = end;
  }
}
