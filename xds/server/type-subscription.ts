// What one client wants of one resource type, what it was sent, and what it said to it. State of the world; pure.
//
//              nothing to send                 ┌──────── request with the nonce, no error_detail ─────────► acked
//   ┌─► idle ──── response sent ──► awaiting ──┤
//   │                                          └──────── request with the nonce and an error_detail ──────► nacked
//   └── from acked and nacked alike, once something differs from what was sent
//
// One response of a type is on its way at a time, so that a client that reads slowly costs one response, not a queue.
import type { SubscriptionState } from './client-session.ts';
import { hashOf, type SnapshotEntry, type SnapshotType } from './snapshot.ts';

export interface TypeRequest {
  readonly names: readonly string[];
  readonly nonce: string;
  /** `error_detail.message` of a NACK. */
  readonly rejection: string | null;
}

export interface TypeResponse {
  readonly version: string;
  readonly nonce: string;
  readonly entries: readonly SnapshotEntry[];
}

export class TypeSubscription {
  /** An absent resource means a deleted one, and an empty first request means all (LDS and CDS). */
  readonly #isWhole: boolean;
  #names: ReadonlySet<string> = new Set();
  #isWildcard = false;
  #hasNamed = false;
  /** What the client was last sent, by name: the digests, to tell what is new to it. */
  #sent = new Map<string, string>();
  #hasAnswered = false;
  #nonce = '';
  #nonceCount = 0;
  #state: SubscriptionState = 'idle';
  #version = '';
  #detail: string | null = null;
  /** Resources that left the snapshot but may still be referred to: sent along while `respond` is told to keep them. */
  readonly #lingering = new Map<string, SnapshotEntry>();
  #lastEntries: ReadonlyMap<string, SnapshotEntry> = new Map();

  constructor(isWhole: boolean) {
    this.#isWhole = isWhole;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get isAwaiting(): boolean {
    return this.#state === 'awaiting';
  }

  get version(): string {
    return this.#version;
  }

  /** What the client says is wrong with the version; `null` unless it was rejected. */
  get detail(): string | null {
    return this.#detail;
  }

  get lingers(): boolean {
    return this.#lingering.size > 0;
  }

  /** Takes a request in; `stale` where it answers an older response and so says nothing (its successor is on its way). */
  request({ names, nonce, rejection }: TypeRequest): 'stale' | 'subscribed' | 'acked' | 'nacked' {
    if (nonce !== '' && nonce !== this.#nonce) return 'stale';
    this.#subscribe(names);
    // A new stream starts without a nonce, and so do requests that crossed the first response.
    if (nonce === '' || this.#state !== 'awaiting') return 'subscribed';
    this.#state = rejection === null ? 'acked' : 'nacked';
    this.#detail = rejection;
    return this.#state;
  }

  /**
   * The response that brings the client up to `snapshot`; `null` where there is none to send (yet). With `keepRemoved`
   * what has left the snapshot is sent along, for something may still refer to it.
   */
  respond(snapshot: SnapshotType, keepRemoved: boolean): TypeResponse | null {
    if (keepRemoved) this.#linger(snapshot.entries);
    else this.#lingering.clear();
    if (this.#state === 'awaiting' || !this.#isDue(snapshot)) return null;
    const wanted = new Map(this.#wanted(snapshot.entries));
    this.#sent = new Map([...wanted].map(([name, { digest }]) => [name, digest]));
    this.#lastEntries = wanted;
    this.#hasAnswered = true;
    this.#nonce = String(++this.#nonceCount);
    this.#state = 'awaiting';
    this.#detail = null;
    this.#version = this.lingers ? hashOf([snapshot.version, ...this.#lingering.keys()]) : snapshot.version;
    return { version: this.#version, nonce: this.#nonce, entries: [...wanted.values()] };
  }

  #subscribe(names: readonly string[]): void {
    // xDS protocol, "Resource hints and wildcard": empty means all only until there was a name.
    if (names.length > 0) this.#hasNamed = true;
    this.#names = new Set(names);
    this.#isWildcard = this.#isWhole && (this.#names.has('*') || !this.#hasNamed);
    if (this.#isWildcard) return;
    // What is no longer asked for is forgotten by the client; asked for again, it must be sent again.
    for (const name of this.#sent.keys()) if (!this.#names.has(name)) this.#sent.delete(name);
  }

  #linger(entries: ReadonlyMap<string, SnapshotEntry>): void {
    for (const [name, entry] of this.#lastEntries) {
      if (this.#sent.has(name) && !entries.has(name)) this.#lingering.set(name, entry);
    }
    for (const name of entries.keys()) this.#lingering.delete(name);
  }

  #isDue(snapshot: SnapshotType): boolean {
    let count = 0;
    for (const [name, { digest }] of this.#wanted(snapshot.entries)) {
      if (this.#sent.get(name) !== digest) return true;
      count++;
    }
    // Of a whole type even the empty answer says something: that there is nothing, or nothing any more.
    return this.#isWhole && (count !== this.#sent.size || (!this.#hasAnswered && (this.#isWildcard || this.#hasNamed)));
  }

  *#wanted(entries: ReadonlyMap<string, SnapshotEntry>): Iterable<[string, SnapshotEntry]> {
    for (const [name, entry] of entries) if (this.#isWildcard || this.#names.has(name)) yield [name, entry];
    for (const [name, entry] of this.#lingering) if (this.#isWildcard || this.#names.has(name)) yield [name, entry];
  }
}
