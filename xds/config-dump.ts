// What /config_dump shows of the xDS client: plain JSON, without private keys.
import type { Resource } from './model/resource.ts';
import type { CacheEntry } from './resource-cache.ts';
import type { SubscriptionState } from './subscription.ts';
import type { TypeState } from './type-state.ts';

export interface ConfigDump {
  /** The same of the control planes of other authorities; absent: there are none. */
  readonly others?: readonly ConfigDump[];
  readonly server: string;
  readonly connected: boolean;
  readonly listeners: readonly ResourceDump[];
  readonly routes: readonly ResourceDump[];
  readonly clusters: readonly ResourceDump[];
  readonly endpoints: readonly ResourceDump[];
  readonly secrets: readonly ResourceDump[];
}

export interface ResourceDump {
  readonly name: string;
  /** The words of CSDS (`envoy.admin.v3.ClientResourceStatus`). */
  readonly state: 'REQUESTED' | 'DOES_NOT_EXIST' | 'ACKED' | 'NACKED' | 'RECEIVED_ERROR' | 'TIMEOUT';
  /** Of what is in use; empty where nothing is. */
  readonly version: string;
  /** Where what is in use came from: `disk` until the server has confirmed it; `null` where nothing is. */
  readonly origin: 'server' | 'disk' | null;
  /** When what is in use last changed, ISO 8601; `null` where nothing is. */
  readonly lastUpdated: string | null;
  /** What is in use. */
  readonly value: Resource['value'] | null;
  /** What is in use and not carried out, by field path. */
  readonly warnings: readonly string[];
  /** The newest version, where it was rejected; or, without a version, what the server said in place of it. */
  readonly error: { readonly version: string; readonly detail: string; readonly time: string } | null;
}

const redacted = '[redacted]';

/** The resources of a type, by name. */
export function dumpType(state: TypeState): ResourceDump[] {
  const names = new Set<string>(state.watchers.keys());
  for (const [name] of state.cache.entries()) names.add(name);
  return [...names].sort().map((name) => dumpResource(state, name));
}

function dumpResource(state: TypeState, name: string): ResourceDump {
  const entry = state.cache.get(name);
  const accepted = entry?.accepted ?? null;
  return {
    name,
    state: stateWord(entry, state.states.get(name)),
    version: accepted?.version ?? '',
    origin: accepted?.origin ?? null,
    lastUpdated: accepted === null ? null : new Date(accepted.at).toISOString(),
    value: accepted === null ? null : redact(accepted.resource.value),
    warnings: accepted?.warnings ?? [],
    error: dumpError(entry),
  };
}

function stateWord(entry: CacheEntry | undefined, step: SubscriptionState | undefined): ResourceDump['state'] {
  if (entry?.rejected) return 'NACKED';
  if (entry?.refusal) return 'RECEIVED_ERROR';
  if (entry?.accepted) return 'ACKED';
  if (step === 'overdue') return 'TIMEOUT';
  return step === 'does-not-exist' ? 'DOES_NOT_EXIST' : 'REQUESTED';
}

function dumpError(entry: CacheEntry | undefined): ResourceDump['error'] {
  const { rejected = null, refusal = null } = entry ?? {};
  if (rejected !== null) {
    return { version: rejected.version, detail: rejected.errors.join('; '), time: new Date(rejected.at).toISOString() };
  }
  if (refusal === null) return null;
  const { code, message } = refusal.error;
  return { version: '', detail: `status ${code}: ${message}`, time: new Date(refusal.at).toISOString() };
}

/** A copy without private keys. */
function redact<Value extends Resource['value']>(value: Value): Value {
  const replace = (key: string, member: unknown) =>
    key === 'privateKeyPem' && typeof member === 'string' ? redacted : member;
  return JSON.parse(JSON.stringify(value, replace)) as Value;
}
