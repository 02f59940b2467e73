// Resources that come from no control plane (a file, a program), to be followed like those of one.
import { isDeepStrictEqual } from 'node:util';
import type { ResourceSource } from './dependency-manager.ts';
import type { Resource, ResourceType } from './model/resource.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';

const types: readonly ResourceType[] = ['secret', 'cluster', 'endpoints', 'route', 'listener'];

export class LocalResources implements ResourceSource {
  readonly #resources = new Map<ResourceType, Map<string, Resource>>(types.map((type) => [type, new Map()]));
  readonly #watchers = new Map<string, Set<ResourceWatcher>>();
  readonly #wildcardWatchers = new Map<ResourceType, Set<WildcardWatcher>>(types.map((type) => [type, new Set()]));

  /** Replaces all that there was. What is equal to what it replaces stays as it is; answers how many resources differ. */
  apply(resources: readonly Resource[]): number {
    let differences = 0;
    for (const type of types) {
      const known = this.#resources.get(type)!;
      const given = new Map<string, Resource>();
      for (const resource of resources) if (resource.type === type) given.set(resource.value.name, resource);
      const changed = [...given.values()].filter(
        ({ value }) => !isDeepStrictEqual(known.get(value.name)?.value, value),
      );
      const removed = [...known.keys()].filter((name) => !given.has(name));
      for (const resource of changed) known.set(resource.value.name, resource);
      for (const name of removed) known.delete(name);
      differences += changed.length + removed.length;
      for (const resource of changed) {
        for (const watcher of this.#watchersOf(type, resource.value.name)) watcher.onChanged(resource);
      }
      for (const name of removed) for (const watcher of this.#watchersOf(type, name)) watcher.onAbsent();
      for (const watcher of [...this.#wildcardWatchers.get(type)!]) watcher.onUpdate({ changed, removed });
    }
    return differences;
  }

  watch(type: ResourceType, name: string, watcher: ResourceWatcher): () => void {
    const key = `${type} ${name}`;
    let watchers = this.#watchers.get(key);
    if (watchers === undefined) {
      watchers = new Set();
      this.#watchers.set(key, watchers);
    }
    watchers.add(watcher);
    queueMicrotask(() => {
      if (!watchers.has(watcher)) return;
      const resource = this.#resources.get(type)?.get(name);
      if (resource === undefined) watcher.onAbsent();
      else watcher.onChanged(resource);
    });
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  watchAll(type: 'listener' | 'cluster', watcher: WildcardWatcher): () => void {
    const watchers = this.#wildcardWatchers.get(type)!;
    watchers.add(watcher);
    queueMicrotask(() => {
      if (watchers.has(watcher)) {
        watcher.onUpdate({ changed: [...this.#resources.get(type)!.values()], removed: [] });
      }
    });
    return () => watchers.delete(watcher);
  }

  #watchersOf(type: ResourceType, name: string): ResourceWatcher[] {
    return [...(this.#watchers.get(`${type} ${name}`) ?? [])];
  }
}
