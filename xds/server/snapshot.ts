// All that one node may see, encoded once: per type a version and the packed resources by name. Immutable.
import { createHash } from 'node:crypto';
import type { AnyMessage, Pack } from '../encode/pack.ts';
import { encodeResource, packApiListener } from '../encode/resource.ts';
import type { ApiListener } from '../model/api-listener.ts';
import type { Resource, ResourceType } from '../model/resource.ts';

export interface SnapshotEntry {
  readonly any: AnyMessage;
  /** Equal for equal bytes. */
  readonly digest: string;
}

export interface SnapshotType {
  /** A hash of the contents: the same resources have the same version, on every stream and after a restart. */
  readonly version: string;
  readonly entries: ReadonlyMap<string, SnapshotEntry>;
}

export type Snapshot = Readonly<Record<ResourceType, SnapshotType>>;

/** Throws where two resources of a type share a name, or one cannot be encoded (`encodeResource`). */
export function compileSnapshot(
  resources: readonly Resource[],
  apiListeners: readonly ApiListener[],
  pack: Pack,
): Snapshot {
  const byType: Record<ResourceType, Map<string, SnapshotEntry>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
    secret: new Map(),
  };
  function add(type: ResourceType, name: string, any: AnyMessage): void {
    if (byType[type].has(name)) throw new Error(`a snapshot has two resources of type ${type} named ${name}`);
    byType[type].set(name, { any, digest: hashOf([any.value]) });
  }
  for (const resource of resources) add(resource.type, resource.value.name, encodeResource(resource, pack));
  for (const listener of apiListeners) add('listener', listener.name, packApiListener(listener, pack));
  return {
    cluster: versioned(byType.cluster),
    endpoints: versioned(byType.endpoints),
    listener: versioned(byType.listener),
    route: versioned(byType.route),
    secret: versioned(byType.secret),
  };
}

function versioned(entries: ReadonlyMap<string, SnapshotEntry>): SnapshotType {
  const names = [...entries.keys()].sort();
  return { version: hashOf(names.map((name) => `${name}\0${entries.get(name)?.digest}\n`)), entries };
}

/** 16 hex digits. */
export function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex').slice(0, 16);
}
