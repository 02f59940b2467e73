// What /config_dump shows of the xDS client: plain JSON, without private keys.
import { type ResourceStateWord, type ResourceStatus, statusesOf } from './client-status.ts';
import type { Resource, ResourceType } from './model/resource.ts';
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
  readonly state: ResourceStateWord;
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
export function dumpType(type: ResourceType, state: TypeState): ResourceDump[] {
  return Array.from(statusesOf(type, state), dumpResource);
}

function dumpResource({ name, state, accepted, error }: ResourceStatus): ResourceDump {
  return {
    name,
    state,
    version: accepted?.version ?? '',
    origin: accepted?.origin ?? null,
    lastUpdated: accepted === null ? null : new Date(accepted.at).toISOString(),
    value: accepted === null ? null : redact(accepted.resource.value),
    warnings: accepted?.warnings ?? [],
    error:
      error === null ? null : { version: error.version, detail: error.detail, time: new Date(error.at).toISOString() },
  };
}

/** A copy without private keys. */
function redact<Value extends Resource['value']>(value: Value): Value {
  const replace = (key: string, member: unknown) =>
    key === 'privateKeyPem' && typeof member === 'string' ? redacted : member;
  return JSON.parse(JSON.stringify(value, replace)) as Value;
}
