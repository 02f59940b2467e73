// How many calls of one cluster may be on a retry at a time: when all calls fail, retries would multiply what the
// endpoints can't bear as it is (Envoy's `retry_budget`, by its defaults but for the floor).
import type { SharedCount } from '../stats/shared-counts.ts';

/** Of the calls under way. */
const share = 0.2;
/** Small numbers are no storm. */
const floor = 10;

export class RetryBudget {
  readonly #shared: SharedCount | null;
  #active = 0;

  /** @param shared with other data planes; `null`: there are none. */
  constructor(shared: SharedCount | null = null) {
    this.#shared = shared;
  }

  /** One more call, which `give` takes back; or false. */
  take(activeCalls: number): boolean {
    const allowed = Math.max(floor, activeCalls * share);
    for (;;) {
      const retries = this.#shared === null ? this.#active : this.#shared.total;
      if (retries >= allowed) return false;
      if (this.#shared !== null && !this.#shared.take(retries)) continue;
      this.#active++;
      return true;
    }
  }

  give(): void {
    this.#active--;
    this.#shared?.give();
  }
}
