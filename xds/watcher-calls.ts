// Calls the watchers of a client, so that one which throws ends nothing but its own turn.
import type { Log } from './environment.ts';
import { XdsError } from './errors.ts';
import type { ResourceType } from './model/resource.ts';
import type { ResourceError } from './resource-errors.ts';
import type { TypeState } from './type-state.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';

export class WatcherCalls {
  readonly #types: Readonly<Record<ResourceType, TypeState>>;
  readonly #log: Log;

  constructor(types: Readonly<Record<ResourceType, TypeState>>, log: Log) {
    this.#types = types;
    this.#log = log;
  }

  /** Tells those who follow one resource by its name. */
  tell(type: ResourceType, name: string, tell: (watcher: ResourceWatcher) => void): void {
    for (const watcher of [...(this.#types[type].watchers.get(name) ?? [])]) this.#call(() => tell(watcher));
  }

  /** Tells those who follow all of a type. */
  tellAll(type: ResourceType, tell: (watcher: WildcardWatcher) => void): void {
    for (const watcher of [...this.#types[type].wildcardWatchers]) this.#call(() => tell(watcher));
  }

  /** Tells everyone who follows the resource, by its name or with all others, that something is wrong with it. */
  tellError(type: ResourceType, name: string, error: XdsError): void {
    const hasResource = Boolean(this.#types[type].cache.get(name)?.accepted);
    this.tell(type, name, (watcher) => watcher.onError(error, hasResource));
    this.tellAll(type, (watcher) => watcher.onError(name, error, hasResource));
  }

  /**
   * What a new watcher of a resource should know, in the order in which it came. Nothing where nothing is known.
   * `failure`: why no server can be reached.
   */
  tellWhatIsKnown(type: ResourceType, name: string, watcher: ResourceWatcher, failure: string | null): void {
    const state = this.#types[type];
    const { accepted = null, rejected = null, refusal = null } = state.cache.get(name) ?? {};
    const step = state.states.get(name);
    if (accepted !== null) this.#call(() => watcher.onChanged(accepted.resource));
    else if (step === 'does-not-exist') this.#call(() => watcher.onAbsent());
    else if (step === 'overdue') this.#call(() => watcher.onError(overdueError(type, name), false));
    else if (failure !== null && rejected === null && refusal === null) {
      this.#call(() => watcher.onError(new XdsError('stream-failed', failure), false));
    }
    const hasResource = accepted !== null;
    if (rejected !== null) this.#call(() => watcher.onError(rejectedError(type, name, rejected.errors), hasResource));
    if (refusal !== null) this.#call(() => watcher.onError(refusedError(type, refusal.error), hasResource));
  }

  /** What a new watcher of all should know. */
  tellAllThatIsKnown(type: ResourceType, watcher: WildcardWatcher): void {
    const entries = [...this.#types[type].cache.entries()];
    const changed = entries.flatMap(([, { accepted }]) => (accepted ? [accepted.resource] : []));
    this.#call(() => watcher.onUpdate({ changed, removed: [] }));
  }

  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#log('error', 'a watcher of xDS resources threw', { error: String(error) });
    }
  }
}

export function rejectedError(type: ResourceType, name: string, errors: readonly string[]): XdsError {
  return new XdsError('rejected', `${type} "${name}": ${errors.join('; ')}`);
}

export function refusedError(type: ResourceType, { name, code, message }: ResourceError): XdsError {
  return new XdsError('server-error', `${type} "${name}": ${message === '' ? 'refused' : message} (status ${code})`);
}

export function overdueError(type: ResourceType, name: string): XdsError {
  return new XdsError('timed-out', `${type} "${name}": the xDS server has not sent it in time`);
}
