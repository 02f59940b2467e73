// Resources with a time to live: gone when it is over, unless the server sends them again or says that they live on
// (xDS protocol, "TTL"; xds.md case 76). The time runs on while the server is away: that is what it is for.
import type { SetTimer } from './environment.ts';
import type { ResourceType } from './model/resource.ts';
import type { ResourceMessage } from './protos.ts';

/** Of a resource on the wire; `null` where it has none. */
export function ttlOf({ ttl }: ResourceMessage): number | null {
  return ttl ? Math.max(0, ttl.seconds * 1000 + ttl.nanos / 1_000_000) : null;
}

export class ResourceTtls {
  readonly #setTimer: SetTimer;
  readonly #onExpired: (type: ResourceType, name: string) => void;
  readonly #cancels = new Map<ResourceType, Map<string, () => void>>();

  constructor(setTimer: SetTimer, onExpired: (type: ResourceType, name: string) => void) {
    this.#setTimer = setTimer;
    this.#onExpired = onExpired;
  }

  /** Begins the time of a resource anew; `null`: it lives until the server takes it away. */
  set(type: ResourceType, name: string, ttlMs: number | null): void {
    const ofType = this.#cancels.get(type) ?? new Map<string, () => void>();
    this.#cancels.set(type, ofType);
    ofType.get(name)?.();
    ofType.delete(name);
    if (ttlMs === null) return;
    const cancel = this.#setTimer(() => {
      ofType.delete(name);
      this.#onExpired(type, name);
    }, ttlMs);
    ofType.set(name, cancel);
  }

  stop(): void {
    for (const ofType of this.#cancels.values()) {
      for (const cancel of ofType.values()) cancel();
      ofType.clear();
    }
  }
}
