// What one client wants of one resource type, what it has, and what it said to it. Incremental; pure.
//
// One response of a type is on its way at a time; its states are those of type-subscription.ts. What the client has is
// a version for each name, the digest of the resource: so a client that comes back with the versions it was sent by
// anyone with the same contents is sent nothing that it has.
import type { SubscriptionState } from './client-session.ts';
import type { SnapshotEntry, SnapshotType } from './snapshot.ts';

export interface DeltaTypeRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Counts in the first request only. */
  readonly initialVersions: Readonly<Record<string, string>>;
  readonly nonce: string;
  /** `error_detail.message` of a NACK. */
  readonly rejection: string | null;
}

export interface DeltaTypeResponse {
  /** Of the snapshot. */
  readonly version: string;
  readonly nonce: string;
  readonly entries: readonly (readonly [string, SnapshotEntry])[];
  readonly removed: readonly string[];
}

/** The client was told that there is none. */
const none = null;

export class DeltaSubscription {
  /** Everything may be asked for, and what has left the snapshot is removed (LDS, CDS). */
  readonly #isWhole: boolean;
  readonly #names = new Set<string>();
  #isWildcard = false;
  /** Version by name, as far as the client has, or is about to get it. */
  readonly #held = new Map<string, string | typeof none>();
  #hasRequest = false;
  #hasAnswered = false;
  #nonce = '';
  #nonceCount = 0;
  #state: SubscriptionState = 'idle';
  #version = '';
  #detail: string | null = null;
  #lingers = false;

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
    return this.#lingers;
  }

  /** Takes a request in. What it subscribes to counts also where its nonce is an old one. */
  request(request: DeltaTypeRequest): 'subscribed' | 'acked' | 'nacked' {
    if (!this.#hasRequest) this.#start(request);
    for (const name of request.subscribe) this.#subscribe(name, this.#hasRequest);
    for (const name of request.unsubscribe) this.#unsubscribe(name);
    this.#hasRequest = true;
    if (request.nonce === '' || request.nonce !== this.#nonce || !this.isAwaiting) return 'subscribed';
    this.#state = request.rejection === null ? 'acked' : 'nacked';
    this.#detail = request.rejection;
    return this.#state;
  }

  /**
   * The response that brings the client up to `snapshot`; `null` where there is none to send (yet). With `keepRemoved`
   * what has left the snapshot is not removed yet, for something may still refer to it. Routes and endpoints that have
   * left it never are: as in state of the world they stay valid until nothing names them.
   */
  respond(snapshot: SnapshotType, keepRemoved: boolean): DeltaTypeResponse | null {
    const gone = this.#isWhole ? this.#goneFrom(snapshot) : [];
    this.#lingers = keepRemoved && gone.length > 0;
    if (this.isAwaiting || !this.#hasRequest) return null;
    const entries = [...snapshot.entries].filter(
      ([name, { digest }]) => this.#isWanted(name) && this.#held.get(name) !== digest,
    );
    const missing = [...this.#names].filter((name) => !snapshot.entries.has(name) && !this.#held.has(name));
    const removed = keepRemoved ? missing : [...gone, ...missing];
    // Who asks for everything is told at least that the server is there, once.
    const isGreeting = this.#isWildcard && !this.#hasAnswered;
    if (entries.length === 0 && removed.length === 0 && !isGreeting) return null;
    for (const [name, { digest }] of entries) this.#held.set(name, digest);
    for (const name of removed) {
      if (this.#names.has(name)) this.#held.set(name, none);
      else this.#held.delete(name);
    }
    this.#hasAnswered = true;
    this.#nonce = String(++this.#nonceCount);
    this.#state = 'awaiting';
    this.#detail = null;
    this.#version = snapshot.version;
    return { version: this.#version, nonce: this.#nonce, entries, removed };
  }

  #start({ subscribe, initialVersions }: DeltaTypeRequest): void {
    // xDS protocol, "Resource hints and wildcard": no names in the first request means all.
    this.#isWildcard = this.#isWhole && subscribe.length === 0;
    for (const [name, version] of Object.entries(initialVersions)) this.#held.set(name, version);
  }

  #subscribe(name: string, isAgain: boolean): void {
    if (name === '*' && this.#isWhole) {
      this.#isWildcard = true;
      return;
    }
    this.#names.add(name);
    // Who subscribes has dropped what it had (xDS protocol, "Subscribing to resources"), but for its initial versions.
    if (isAgain) this.#held.delete(name);
  }

  #unsubscribe(name: string): void {
    if (name === '*') {
      this.#isWildcard = false;
      for (const held of this.#held.keys()) if (!this.#names.has(held)) this.#held.delete(held);
      return;
    }
    // Under a wildcard the answer is the resource, if there is one (case 31).
    if (this.#names.delete(name)) this.#held.delete(name);
  }

  #goneFrom(snapshot: SnapshotType): string[] {
    const gone: string[] = [];
    for (const [name, version] of this.#held) {
      if (version !== none && !snapshot.entries.has(name)) gone.push(name);
    }
    return gone;
  }

  #isWanted(name: string): boolean {
    return this.#isWildcard || this.#names.has(name);
  }
}
