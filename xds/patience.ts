// How long what should come is waited for: of each resource that waits, one timer.
import type { Log, SetTimer } from './environment.ts';
import type { ResourceName, ServingResource } from './model/resource.ts';

/** A cluster that was dropped while something still names it is kept for so long. */
export const withholdMs = 15_000;
/** Traffic is not moved to a cluster that CDS has not named for so long. */
const holdMs = 5000;

interface Wait {
  readonly value: ServingResource['value'];
  isOver: boolean;
  readonly cancel: () => void;
}

export class Patience {
  readonly #setTimer: SetTimer;
  readonly #log: Log;
  readonly #onOver: (name: ResourceName) => void;
  /** By type and name. */
  readonly #waits = new Map<string, Wait>();

  /** @param onOver the wait for that resource has ended, and `hasWaited` says so from now on. */
  constructor(setTimer: SetTimer, log: Log, onOver: (name: ResourceName) => void) {
    this.#setTimer = setTimer;
    this.#log = log;
    this.#onOver = onOver;
  }

  /** Whether this resource has waited long enough. It waits from the first question on, and a new version anew. */
  hasWaited({ type, value }: ServingResource): boolean {
    const { name } = value;
    const known = this.#waits.get(`${type} ${name}`);
    if (known?.value === value) return known.isOver;
    known?.cancel();
    const cancel = this.#setTimer(
      () => {
        wait.isOver = true;
        this.#log('warn', 'waited long enough for the rest of an update', { type, name });
        this.#onOver({ type, name });
      },
      type === 'cluster' ? withholdMs : holdMs,
    );
    const wait: Wait = { value, isOver: false, cancel };
    this.#waits.set(`${type} ${name}`, wait);
    return false;
  }

  end({ type, name }: ResourceName): void {
    if (this.#waits.size === 0) return;
    const key = `${type} ${name}`;
    this.#waits.get(key)?.cancel();
    this.#waits.delete(key);
  }

  stop(): void {
    for (const { cancel } of this.#waits.values()) cancel();
    this.#waits.clear();
  }
}
