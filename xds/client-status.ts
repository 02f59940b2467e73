// What a client has of each resource and what it thinks of it, for whoever looks in: /config_dump, CSDS (gRFC A40),
// metrics (gRFC A78).
import type { ResourceType } from './model/resource.ts';
import type { CacheEntry } from './resource-cache.ts';
import type { SubscriptionState } from './subscription.ts';
import type { TypeState } from './type-state.ts';

/** The words of CSDS (`envoy.admin.v3.ClientResourceStatus`). */
export type ResourceStateWord = 'REQUESTED' | 'DOES_NOT_EXIST' | 'ACKED' | 'NACKED' | 'RECEIVED_ERROR' | 'TIMEOUT';

export interface ResourceStatus {
  readonly type: ResourceType;
  readonly name: string;
  readonly state: ResourceStateWord;
  /** What is in use; `null`: nothing is. */
  readonly accepted: CacheEntry['accepted'];
  /** The newest version, where it was rejected; or, without a version and bytes, what the server said in place of it. */
  readonly error: ResourceFailure | null;
}

export interface ResourceFailure {
  readonly version: string;
  readonly detail: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly bytes: Uint8Array | null;
}

/** One control plane, and all that was asked of it. */
export interface ControlPlaneStatus {
  /** The server in use, or the one that is asked first. */
  readonly server: string;
  readonly connected: boolean;
  /** Since the start, by the server that it was about. */
  readonly counts: ReadonlyMap<string, ServerCounts>;
  readonly resources: readonly ResourceStatus[];
}

export interface ServerCounts {
  /** How often the server worked, and then did not. */
  readonly failures: number;
  readonly updates: Readonly<Record<ResourceType, { readonly valid: number; readonly invalid: number }>>;
}

/** In the order of their names. */
export function* statusesOf(type: ResourceType, state: TypeState): Iterable<ResourceStatus> {
  const names = new Set<string>(state.watchers.keys());
  for (const [name] of state.cache.entries()) names.add(name);
  for (const name of [...names].sort()) {
    const entry = state.cache.get(name);
    yield {
      type,
      name,
      state: stateWord(entry, state.states.get(name)),
      accepted: entry?.accepted ?? null,
      error: failureOf(entry),
    };
  }
}

function stateWord(entry: CacheEntry | undefined, step: SubscriptionState | undefined): ResourceStateWord {
  if (entry?.rejected) return 'NACKED';
  if (entry?.refusal) return 'RECEIVED_ERROR';
  if (entry?.accepted) return 'ACKED';
  if (step === 'overdue') return 'TIMEOUT';
  return step === 'does-not-exist' ? 'DOES_NOT_EXIST' : 'REQUESTED';
}

function failureOf(entry: CacheEntry | undefined): ResourceFailure | null {
  const { rejected = null, refusal = null } = entry ?? {};
  if (rejected !== null) {
    const { version, errors, at, bytes } = rejected;
    return { version, detail: errors.join('; '), at, bytes };
  }
  if (refusal === null) return null;
  const { code, message } = refusal.error;
  return { version: '', detail: `status ${code}: ${message}`, at: refusal.at, bytes: null };
}
