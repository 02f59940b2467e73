// Limits that bit: counted by name and role, and told in the log, at most one line a second for each of them, so that
// who provokes lines makes no flood of them.
import type { Log } from '../observe/log.ts';
import type { StatsCounter, StatsRegion } from './stats-region.ts';

/** Between two lines about the same limit in the same role. */
const quietMs = 1000;

/** Toward whom the connection is: `server` faces downstreams, `client` upstreams. */
type Role = 'client' | 'server';

/** Limits by which a connection ends as planned: no fault of the peer. */
const PLANNED: readonly string[] = ['idleTimeoutMs', 'maxConnectionAgeMs', 'lastStreamId'];

interface LimitCount {
  readonly counter: StatsCounter;
  quietUntilMs: number;
  /** Hits since the last line. */
  untold: number;
}

export class LimitStats {
  readonly #stats: StatsRegion;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #counts = new Map<string, LimitCount>();

  /** `now`: monotonic, ms. */
  constructor(stats: StatsRegion, log: Log, now: () => number) {
    this.#stats = stats;
    this.#log = log;
    this.#now = now;
  }

  /** `limit`: its name in `Http2Limits`, `ListenerLimits` or `Cluster`; `peer`: `host:port` of who exceeded it. */
  hit(limit: string, role: Role, peer: string): void {
    const count = this.#count(limit, role);
    count.counter.add(1);
    count.untold++;
    const now = this.#now();
    if (now < count.quietUntilMs) return;
    const level = PLANNED.includes(limit) ? 'info' : 'warn';
    this.#log(level, 'a peer met a limit', { limit, role, peer, hits: count.untold });
    count.quietUntilMs = now + quietMs;
    count.untold = 0;
  }

  #count(limit: string, role: Role): LimitCount {
    const key = `${role} ${limit}`;
    let count = this.#counts.get(key);
    if (count === undefined) {
      const counter = this.#stats.counter('outrigger_http2_limit_hits_total', { limit, role });
      count = { counter, quietUntilMs: Number.NEGATIVE_INFINITY, untold: 0 };
      this.#counts.set(key, count);
    }
    return count;
  }
}
