// What ControlPlaneClient keeps for one resource type: the resources, who watches them, and how far each subscription is.
import type { Wanted } from './ads-wire.ts';
import { type AppliedUpdate, type CacheOptions, ResourceCache } from './resource-cache.ts';
import { nextSubscriptionState, type SubscriptionEvent, type SubscriptionState } from './subscription.ts';
import type { ResourceWatcher, WildcardWatcher } from './watchers.ts';

export class TypeState {
  readonly cache: ResourceCache;
  readonly watchers = new Map<string, Set<ResourceWatcher>>();
  readonly wildcardWatchers = new Set<WildcardWatcher>();
  /** Of each watched name. */
  readonly states = new Map<string, SubscriptionState>();
  /** Of "all there is"; `started` also while nobody asks for it. */
  wildcardState: SubscriptionState = 'started';
  /** Cancels of the does-not-exist timers of this stream, one for each request. */
  readonly timers = new Set<() => void>();
  /** Cancel of the timer of `restored-resources.ts`, where it runs. */
  restoredTimer: (() => void) | null = null;
  /** Digest of the last response that was rejected, `null` after a good one. */
  rejectedDigest: string | null = null;

  constructor(options: CacheOptions) {
    this.cache = new ResourceCache(options);
  }

  get wanted(): Wanted {
    return { names: [...this.watchers.keys()].sort(), wildcard: this.wildcardWatchers.size > 0 };
  }

  isWanted(name: string): boolean {
    return this.wildcardWatchers.size > 0 || this.watchers.has(name);
  }

  /** Of the names that a server says are gone, those that were asked for and were not there before either. */
  missingOf(gone: readonly string[], { seen, removed }: Pick<AppliedUpdate, 'seen' | 'removed'>): string[] {
    const known = new Set(removed);
    return gone.filter((name) => {
      const state = this.states.get(name);
      return state !== undefined && state !== 'does-not-exist' && !seen.has(name) && !known.has(name);
    });
  }

  /** Something is wanted that nobody has sent. */
  get lacksData(): boolean {
    if (this.wildcardWatchers.size > 0 && this.wildcardState !== 'received' && this.cache.size === 0) return true;
    return [...this.watchers.keys()].some((name) => !this.cache.get(name)?.accepted);
  }

  /** Forgets what is watched no more. */
  prune(): void {
    for (const [name, set] of this.watchers) {
      if (set.size > 0) continue;
      this.watchers.delete(name);
      this.states.delete(name);
    }
    if (this.wildcardWatchers.size > 0) return;
    for (const [name] of this.cache.entries()) if (!this.watchers.has(name)) this.cache.forget(name);
  }

  /** Applies an event to one name; returns the state that came of it. */
  step(name: string, event: SubscriptionEvent): SubscriptionState {
    const next = nextSubscriptionState(this.states.get(name) ?? 'started', event);
    this.states.set(name, next);
    return next;
  }

  cancelTimers(): void {
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    this.restoredTimer?.();
    this.restoredTimer = null;
  }
}
