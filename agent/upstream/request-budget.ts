// How many calls one cluster carries at a time (circuit_breakers.max_requests, gRFC A32), and who gets the last of them.
// A client that holds a thousand streams open would otherwise use up what all have, and every other one be refused.

/**
 * A connection gets a call from what is kept as long as its streams are no more than this part of what is left. So
 * thirty connections that take all they get leave something for the next one, and one has to be taken for each call.
 */
const shareOfLeft = 1 / 8;

/** Of a budget that the cluster names, the last eighth is kept, while several connections call. */
const keptShare = 1 / 8;

/** Connections that called within this time of each other share a cluster; a lone one may use all of its budget. */
const sharedForMs = 60_000;

/** As in Envoy and gRFC A32; and what is kept on top of it, since nobody asked for just so many. */
const defaultMaxRequests = 1024;
const defaultKept = 128;

/** A downstream connection, as far as its share is concerned. */
export interface Sharer {
  readonly peer: string;
  readonly activeStreams: number;
}

export class RequestBudget {
  active = 0;
  #limit = defaultMaxRequests + defaultKept;
  #keptFrom = defaultMaxRequests;
  #isDefault = true;
  /** By its name, so that no connection is kept that has closed. */
  #lastPeer = '';
  #sharedUntilMs = Number.NEGATIVE_INFINITY;

  /** `null`: the default. Calls under way go on, however many there are. */
  setLimit(maxRequests: number | null): void {
    this.#isDefault = maxRequests === null;
    this.#limit = maxRequests ?? defaultMaxRequests + defaultKept;
    this.#keptFrom = maxRequests === null ? defaultMaxRequests : maxRequests * (1 - keptShare);
  }

  /** One more call, which `give` ends; or why there is none for this connection, as a clause. */
  take(sharer: Sharer, nowMs: number): string | null {
    if (sharer.peer !== this.#lastPeer) {
      if (this.#lastPeer !== '') this.#sharedUntilMs = nowMs + sharedForMs;
      this.#lastPeer = sharer.peer;
    }
    const { active } = this;
    if (active >= this.#keptFrom) {
      const refusal = this.#refusal(sharer, nowMs);
      if (refusal !== null) return refusal;
    }
    this.active = active + 1;
    return null;
  }

  give(): void {
    this.active--;
  }

  #refusal({ activeStreams }: Sharer, nowMs: number): string | null {
    const { active } = this;
    const limit = this.#limit;
    const underWay = `${active} calls are under way, of at most ${limit}`;
    if (active >= limit) return underWay;
    if (!this.#isDefault && nowMs >= this.#sharedUntilMs) return null;
    if (activeStreams <= Math.max(1, (limit - active) * shareOfLeft)) return null;
    return `${underWay}, and this connection has ${activeStreams} streams: the rest is kept for those with few`;
  }
}
