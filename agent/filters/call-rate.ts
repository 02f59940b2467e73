// How many calls a client address may make: a token bucket for each, of which so many are kept at the most.
import type { CallRate } from '../../xds/model/listener.ts';
import { hostOf } from '../grpc/address-range.ts';

interface Bucket {
  calls: number;
  /** Up to when it was filled. */
  atMs: number;
}

/** Two generations of as many; a bucket that leaves both was not asked of for long, or had too many neighbours. */
const maxBuckets = 32_768;

export class CallRateLimit {
  readonly #rate: CallRate;
  readonly #now: () => number;
  #young = new Map<string, Bucket>();
  #old: ReadonlyMap<string, Bucket> = new Map();

  /** @param now monotonic milliseconds. */
  constructor(rate: CallRate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** gRPC code of calls beyond it. */
  get status(): number {
    return this.#rate.status;
  }

  /** Whether a call of that client may pass, `host:port`; it is counted where it may. */
  take(peer: string): boolean {
    const bucket = this.#bucketOf(clientOf(peer));
    const { perSecond, burst } = this.#rate;
    const now = this.#now();
    bucket.calls = Math.min(burst, bucket.calls + ((now - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = now;
    if (bucket.calls < 1) return false;
    bucket.calls--;
    return true;
  }

  #bucketOf(client: string): Bucket {
    let bucket = this.#young.get(client);
    if (bucket !== undefined) return bucket;
    bucket = this.#old.get(client) ?? { calls: this.#rate.burst, atMs: this.#now() };
    if (this.#young.size === maxBuckets) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(client, bucket);
    return bucket;
  }
}

/** Of IPv6 the first half: who has one address of a network has all of them. */
function clientOf(peer: string): string {
  const host = hostOf(peer);
  if (!host.includes(':')) return host;
  const [before = '', behind] = host.split('::');
  const first = before === '' ? [] : before.split(':');
  const last = behind === undefined || behind === '' ? [] : behind.split(':');
  const groups = [...first, ...new Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
  return groups.slice(0, 4).join(':');
}
