// How many calls of one cluster may be on a retry at a time: when all calls fail, retries would multiply what the
// endpoints can't bear as it is (Envoy's `retry_budget`, by its defaults but for the floor).

/** Of the calls under way. */
const share = 0.2;
/** Small numbers are no storm. */
const floor = 10;

export class RetryBudget {
  #active = 0;

  /** One more call, which `give` takes back; or false. */
  take(activeCalls: number): boolean {
    if (this.#active >= Math.max(floor, activeCalls * share)) return false;
    this.#active++;
    return true;
  }

  give(): void {
    this.#active--;
  }
}
