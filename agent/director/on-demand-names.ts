// Listeners that calls name with their authority, and that are asked for when the first call names them (the proxyless style
// of gRFC A27). Keeps the rules of those that have come, the calls that wait for one, and which have not been named for
// so long that they need not be followed any more. Everything in it is bounded.
import type { Log } from '../observe/log.ts';
import type { StatsCounter, StatsGauge } from '../stats/stats-region.ts';

export interface OnDemandNamesOptions {
  /** The listener is to be asked for, and followed. */
  readonly onWanted: (name: string) => void;
  /** It need not be followed any more. */
  readonly onUnwanted: (name: string) => void;
  readonly stats: OnDemandStats;
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls `tick` every so many milliseconds until the answer is called. Default: an interval that keeps no process up. */
  readonly every?: (intervalMs: number, tick: () => void) => () => void;
}

export interface OnDemandStats {
  /** Names that this data plane wants. */
  readonly names: StatsGauge;
  /** Calls that waited for their listener. */
  readonly waits: StatsCounter;
  /** Calls that were refused: the name cannot be had, it took too long, or a limit bit. */
  readonly refusals: StatsCounter;
}

/** Why a call cannot be carried. */
export interface Refused {
  readonly kind: 'refused';
  /** `limit`: there are too many names, or calls that wait. */
  readonly cause: 'unknown' | 'limit';
  readonly reason: string;
}

export type Rules<Context> = { readonly kind: 'found'; readonly context: Context } | Refused;

interface Name<Context> {
  /** The rules, as long as control has them. */
  found: { readonly kind: 'found'; readonly context: Context } | null;
  /** The last word while there are no rules; `null`: none has come. */
  refused: Refused | null;
  /** This data plane has asked for it. */
  isWanted: boolean;
  usedMs: number;
  waiting: Waiting<Context> | null;
}

interface Waiting<Context> {
  readonly promise: Promise<Rules<Context>>;
  readonly settle: (rules: Rules<Context>) => void;
  readonly sinceMs: number;
  calls: number;
}

/** Names that one data plane follows. */
export const maxNames = 1000;
/** Calls of one data plane that wait. */
export const maxWaitingCalls = 1000;
/** A call waits for so long; longer than a control plane has to say that there is no such listener (15 s). */
export const maxWaitMs = 20_000;
/** A listener that no call has named for so long is given up... */
export const idleMs = 300_000;
/** ...and one that cannot be had, after so long. */
export const refusedIdleMs = 30_000;
const sweepMs = 1000;
/** Host names have 253 bytes at the most (RFC 1035), ports five. */
const maxNameLength = 512;

export class OnDemandNames<Context> {
  readonly #options: OnDemandNamesOptions;
  readonly #names = new Map<string, Name<Context>>();
  #wantedCount = 0;
  #waitingCalls = 0;
  #stopTimer: (() => void) | null = null;

  constructor(options: OnDemandNamesOptions) {
    this.#options = options;
  }

  /** The rules of a listener by its name; a promise while they are on their way. */
  find(listener: string): Rules<Context> | Promise<Rules<Context>> {
    const name = this.#names.get(listener) ?? this.#add(listener);
    if ('kind' in name) return this.#refuse(name);
    name.usedMs = this.#options.now();
    if (!name.isWanted) {
      const refused = this.#want(listener, name);
      if (refused !== null) return this.#refuse(refused);
    }
    if (name.found !== null) return name.found;
    if (name.refused !== null) return this.#refuse(name.refused);
    return this.#wait(listener, name);
  }

  /** A call that waited by this promise of `find` is over. */
  leave(listener: string, promise: Promise<Rules<Context>>): void {
    const waiting = this.#names.get(listener)?.waiting ?? null;
    if (waiting?.promise !== promise || waiting.calls === 0) return;
    waiting.calls -= 1;
    this.#waitingCalls -= 1;
  }

  /** What `find` would find at once; asks for nothing. */
  peek(listener: string): Context | null {
    return this.#names.get(listener)?.found?.context ?? null;
  }

  /** The rules are there, or changed. */
  set(listener: string, context: Context): void {
    let name = this.#names.get(listener);
    if (name === undefined) {
      // Another data plane of the agent has asked for it.
      name = { found: null, refused: null, isWanted: false, usedMs: this.#options.now(), waiting: null };
      this.#names.set(listener, name);
    }
    name.found = { kind: 'found', context };
    name.refused = null;
    this.#settle(name, name.found);
  }

  /** The rules are gone. Returns whether there were any. */
  remove(listener: string): boolean {
    const name = this.#names.get(listener);
    if (name === undefined || name.found === null) return false;
    name.found = null;
    if (!name.isWanted) this.#names.delete(listener);
    return true;
  }

  /** There are none to be had now; they may still come. Rules that are there stay. */
  refuse(listener: string, reason: string): void {
    const name = this.#names.get(listener);
    if (name === undefined || name.found !== null) return;
    name.refused = { kind: 'refused', cause: 'unknown', reason };
    this.#settle(name, name.refused);
  }

  /** Calls that wait end with a refusal. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    const refused: Refused = { kind: 'refused', cause: 'unknown', reason: 'the agent stops' };
    for (const name of this.#names.values()) this.#settle(name, refused);
    this.#names.clear();
  }

  #add(listener: string): Name<Context> | Refused {
    if (listener.length > maxNameLength) {
      return { kind: 'refused', cause: 'unknown', reason: `no listener has a name of ${listener.length} characters` };
    }
    const full = this.#fullness();
    if (full !== null) return full;
    const name = { found: null, refused: null, isWanted: false, usedMs: 0, waiting: null };
    this.#names.set(listener, name);
    return name;
  }

  #want(listener: string, name: Name<Context>): Refused | null {
    const full = this.#fullness();
    if (full !== null) return full;
    name.isWanted = true;
    this.#wantedCount += 1;
    this.#options.stats.names.set(this.#wantedCount);
    this.#stopTimer ??= (this.#options.every ?? everyUnref)(sweepMs, () => this.#sweep());
    this.#options.onWanted(listener);
    return null;
  }

  #fullness(): Refused | null {
    if (this.#wantedCount < maxNames) return null;
    return { kind: 'refused', cause: 'limit', reason: `${maxNames} other names are followed already` };
  }

  #wait(listener: string, name: Name<Context>): Rules<Context> | Promise<Rules<Context>> {
    if (this.#waitingCalls >= maxWaitingCalls) {
      const reason = `${maxWaitingCalls} other calls wait for their listeners already`;
      return this.#refuse({ kind: 'refused', cause: 'limit', reason });
    }
    if (name.waiting === null) {
      const { promise, resolve } = Promise.withResolvers<Rules<Context>>();
      name.waiting = { promise, settle: resolve, sinceMs: this.#options.now(), calls: 0 };
      this.#options.log('debug', 'a call names a listener that is asked for now', { listener });
    }
    name.waiting.calls += 1;
    this.#waitingCalls += 1;
    this.#options.stats.waits.add(1);
    return name.waiting.promise;
  }

  #settle(name: Name<Context>, rules: Rules<Context>): void {
    const { waiting } = name;
    if (waiting === null) return;
    name.waiting = null;
    this.#waitingCalls -= waiting.calls;
    if (rules.kind === 'refused') this.#options.stats.refusals.add(waiting.calls);
    waiting.settle(rules);
  }

  #refuse(refused: Refused): Refused {
    this.#options.stats.refusals.add(1);
    return refused;
  }

  #sweep(): void {
    const { now, stats, onUnwanted } = this.#options;
    const nowMs = now();
    for (const [listener, name] of this.#names) {
      if (name.waiting !== null) {
        if (nowMs - name.waiting.sinceMs < maxWaitMs) continue;
        const reason = `the control plane has not said within ${maxWaitMs / 1000} s what listener ${listener} is`;
        name.refused = { kind: 'refused', cause: 'unknown', reason };
        this.#settle(name, name.refused);
      }
      const patienceMs = name.found === null ? refusedIdleMs : idleMs;
      if (!name.isWanted || nowMs - name.usedMs < patienceMs) continue;
      name.isWanted = false;
      this.#wantedCount -= 1;
      stats.names.set(this.#wantedCount);
      // Its rules are there until control takes them away, which may be another data plane's.
      if (name.found === null) this.#names.delete(listener);
      onUnwanted(listener);
    }
    if (this.#wantedCount > 0) return;
    this.#stopTimer?.();
    this.#stopTimer = null;
  }
}

function everyUnref(intervalMs: number, tick: () => void): () => void {
  const timer = setInterval(tick, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
