// How many calls one cluster carries at a time (circuit_breakers.max_requests, gRFC A32), and who is let in beyond that.
// A client that holds a thousand streams open would otherwise use up what all have, and every other one be refused.
//
//   0 ............ limit ............ limit + reserve
//     whoever calls      who has few streams
//
// So a lone connection gets the limit and no more, as in Envoy, and however much of it gluttons hold, there is room for
// those who have little. Nothing is counted for each connection: its streams are, by itself.
import type { SharedCount } from '../stats/shared-counts.ts';

/** As in Envoy and gRFC A32. */
const defaultMaxRequests = 1024;

/**
 * A connection is let in while its streams are no more than this part of what is left of the reserve. So each that takes
 * all it gets leaves eight ninths of it: beside ten of them any other one has 39 calls at a time by default, beside thirty
 * 4, and beside forty the first.
 */
const shareOfLeft = 1 / 8;

/** A limit that somebody named is exceeded by no more than this part of it, and one below eight never. */
const reserveOfNamed = 1 / 8;

/** A downstream connection, as far as its share is concerned. */
export interface Sharer {
  /** Toward all clusters. */
  readonly activeStreams: number;
}

export class RequestBudget {
  /** Of this data plane. */
  active = 0;
  readonly #shared: SharedCount | null;
  #limit = defaultMaxRequests;
  #limitWithReserve = 2 * defaultMaxRequests;

  /** @param shared with other data planes; `null`: there are none. */
  constructor(shared: SharedCount | null = null) {
    this.#shared = shared;
  }

  /** Of all data planes. */
  get total(): number {
    return this.#shared === null ? this.active : this.#shared.total;
  }

  /** `null`: the default, twice which is carried at most. Calls under way go on, however many there are. */
  setLimit(maxRequests: number | null): void {
    this.#limit = maxRequests ?? defaultMaxRequests;
    const reserve = maxRequests === null ? defaultMaxRequests : Math.floor(maxRequests * reserveOfNamed);
    this.#limitWithReserve = this.#limit + reserve;
  }

  /** One more call, counted among the connection's streams, which `give` ends; or why there is none, as a clause. */
  take(sharer: Sharer): string | null {
    for (;;) {
      const { total } = this;
      const refusal = total < this.#limit ? null : this.#refusal(sharer.activeStreams, total);
      if (refusal !== null) return refusal;
      if (this.#shared !== null && !this.#shared.take(total)) continue;
      this.active++;
      return null;
    }
  }

  give(): void {
    this.active--;
    this.#shared?.give();
  }

  #refusal(streams: number, active: number): string | null {
    const left = this.#limitWithReserve - active;
    const underWay = `${active} calls are under way, of at most ${this.#limit}`;
    if (left <= 0) return underWay;
    if (streams <= Math.max(1, left * shareOfLeft)) return null;
    return `${underWay}, and this connection has ${streams} streams: more are carried for those with few`;
  }
}
