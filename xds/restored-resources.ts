// Resources of an earlier life of the client: in use at once, and until the server has replaced them. The server is not
// told of them, so it sends whatever still exists; what it has not sent some time after it began to answer is gone.
// A server that says nothing at all has not said either that anything is gone.
import type { Log, SetTimer } from './environment.ts';
import type { ResourceType } from './model/resource.ts';
import type { SavedResource } from './saved-config.ts';
import { doesNotExistMs } from './subscription.ts';
import type { TypeState } from './type-state.ts';

export interface RestoredResourcesOptions {
  readonly types: Readonly<Record<ResourceType, TypeState>>;
  readonly log: Log;
  readonly setTimer: SetTimer;
  /** Whether the server answers. */
  readonly isAnswered: () => boolean;
  readonly onGone: (type: ResourceType, names: readonly string[]) => void;
  /** How many are in use, whenever that changes. */
  readonly onCount: (count: number) => void;
}

export class RestoredResources {
  readonly #options: RestoredResourcesOptions;
  #count = 0;

  constructor(options: RestoredResourcesOptions) {
    this.#options = options;
  }

  restore(saved: readonly SavedResource[]): void {
    const { types, log } = this.#options;
    for (const resource of saved) {
      const { type, name } = resource;
      const invalid = types[type].cache.restore(resource);
      if (invalid !== null)
        log('warn', 'a resource from the disk is not used', { type, name, reason: invalid.problem });
    }
    this.#recount();
  }

  /** What is wanted of this type is on its way to the server. */
  awaitServer(type: ResourceType): void {
    const state = this.#options.types[type];
    if (this.#count === 0 || state.restoredTimer !== null || state.cache.restoredNames().length === 0) return;
    this.#wait(type, false);
  }

  /** Counts again what is still in use; after each change. */
  count(): void {
    if (this.#count > 0) this.#recount();
  }

  #recount(): void {
    const { types, onCount } = this.#options;
    const count = Object.values(types).reduce((sum, { cache }) => sum + cache.restoredNames().length, 0);
    if (count === this.#count) return;
    this.#count = count;
    onCount(count);
  }

  /** A server that began to answer meanwhile gets the whole time once more. */
  #wait(type: ResourceType, wasAnswered: boolean): void {
    const { types, setTimer, log, onGone } = this.#options;
    const state = types[type];
    state.restoredTimer = setTimer(() => {
      state.restoredTimer = null;
      const isAnswered = this.#isAnswered(type);
      const names = state.cache.restoredNames();
      if (names.length === 0) return;
      if (!isAnswered || !wasAnswered) {
        this.#wait(type, isAnswered);
        return;
      }
      const fields = { type, names: names.slice(0, 10), count: names.length };
      log('warn', 'the xDS server does not confirm what was restored from the disk; it is dropped', fields);
      for (const name of names) state.cache.forget(name);
      onGone(type, names);
      this.count();
    }, doesNotExistMs);
  }

  #isAnswered(type: ResourceType): boolean {
    const { wildcardWatchers, wildcardState } = this.#options.types[type];
    return wildcardWatchers.size > 0 ? wildcardState === 'received' : this.#options.isAnswered();
  }
}
