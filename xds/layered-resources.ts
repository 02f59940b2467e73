// Resources of a file and of a control plane side by side, as in Envoy: what the file says goes first, and a resource of
// the control plane with a name of the file's is passed over for as long as the file has that name.
import type { ResourceSource } from './dependency-manager.ts';
import { type Log, nodeTimer, type SetTimer } from './environment.ts';
import type { Resource, ResourceType } from './model/resource.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';

type WildcardType = 'listener' | 'cluster';

export interface LayeredResourcesOptions {
  /** Of the file. It tells of an absent name at once. */
  readonly own: ResourceSource;
  /** Of the control plane. */
  readonly others: ResourceSource;
  /** Types of which the control plane is asked for everything. */
  readonly asksForAll: readonly WildcardType[];
  readonly log: Log;
  /** Default: the timers of Node. */
  readonly setTimer?: SetTimer;
}

/** What the file names is waited for so long, also where the control plane cannot be asked (Envoy's `initial_fetch_timeout`). */
const waitMs = 15_000;

export class LayeredResources implements ResourceSource {
  readonly #options: LayeredResourcesOptions;
  /** Types of which everything is followed, and the control plane has not answered yet. */
  readonly #silent = new Set<WildcardType>();

  constructor(options: LayeredResourcesOptions) {
    this.#options = options;
  }

  /** Whether the control plane has said what there is, or stayed silent for long enough. */
  get hasHeard(): boolean {
    return this.#silent.size === 0;
  }

  watch(type: ResourceType, name: string, watcher: ResourceWatcher): () => void {
    const { own, others } = this.#options;
    let stopOthers: (() => void) | null = null;
    const follow = (): (() => void) => {
      const setTimer = this.#options.setTimer ?? nodeTimer;
      const cancel = setTimer(() => watcher.onAbsent(), waitMs);
      const stop = others.watch(type, name, {
        onChanged: (resource) => {
          cancel();
          watcher.onChanged(resource);
        },
        onAbsent: () => {
          cancel();
          watcher.onAbsent();
        },
        onError: (error, hasResource) => {
          if (hasResource) cancel();
          watcher.onError(error, hasResource);
        },
      });
      return () => {
        cancel();
        stop();
      };
    };
    const stopOwn = own.watch(type, name, {
      onChanged: (resource) => {
        stopOthers?.();
        stopOthers = null;
        watcher.onChanged(resource);
      },
      onAbsent: () => {
        stopOthers ??= follow();
      },
      onError: (error, hasResource) => watcher.onError(error, hasResource),
    });
    return () => {
      stopOwn();
      stopOthers?.();
    };
  }

  watchAll(type: WildcardType, watcher: WildcardWatcher): () => void {
    const { own, others, asksForAll } = this.#options;
    const layers = new Layers((name) => this.#tellHidden(type, name));
    const stopOwn = own.watchAll(type, {
      ...watcher,
      onUpdate: ({ changed, removed }) => watcher.onUpdate(layers.applyOwn(changed, removed)),
    });
    if (!asksForAll.includes(type)) return stopOwn;
    this.#silent.add(type);
    const stopOthers = others.watchAll(type, {
      onUpdate: ({ changed, removed }) => {
        this.#silent.delete(type);
        watcher.onUpdate(layers.applyOthers(changed, removed));
      },
      onSilence: () => {
        this.#silent.delete(type);
        watcher.onSilence();
      },
      onError: (name, error, hasResource) => {
        if (!layers.isOwn(name)) watcher.onError(name, error, hasResource);
      },
    });
    return () => {
      stopOwn();
      stopOthers();
    };
  }

  #tellHidden(type: WildcardType, name: string): void {
    this.#options.log('warn', 'the control plane sends what the file has already; the one of the file serves', {
      type,
      name,
    });
  }
}

interface Update {
  readonly changed: readonly Resource[];
  readonly removed: readonly string[];
}

/** All resources of one type, in both layers. */
class Layers {
  readonly #own = new Set<string>();
  readonly #others = new Map<string, Resource>();
  readonly #onHidden: (name: string) => void;

  /** @param onHidden told of each resource of the control plane that begins to be passed over. */
  constructor(onHidden: (name: string) => void) {
    this.#onHidden = onHidden;
  }

  isOwn(name: string): boolean {
    return this.#own.has(name);
  }

  applyOwn(changed: readonly Resource[], removed: readonly string[]): Update {
    for (const { value } of changed) {
      if (!this.#own.has(value.name) && this.#others.has(value.name)) this.#onHidden(value.name);
      this.#own.add(value.name);
    }
    for (const name of removed) this.#own.delete(name);
    const uncovered = removed.flatMap((name) => this.#others.get(name) ?? []);
    return { changed: [...changed, ...uncovered], removed: removed.filter((name) => !this.#others.has(name)) };
  }

  applyOthers(changed: readonly Resource[], removed: readonly string[]): Update {
    for (const resource of changed) {
      const { name } = resource.value;
      if (this.#own.has(name) && !this.#others.has(name)) this.#onHidden(name);
      this.#others.set(name, resource);
    }
    for (const name of removed) this.#others.delete(name);
    return {
      changed: changed.filter(({ value }) => !this.#own.has(value.name)),
      removed: removed.filter((name) => !this.#own.has(name)),
    };
  }
}
