// The order that never leaves a route without its cluster (xDS protocol, "Eventual consistency considerations"):
// clusters, endpoints, then listeners and routes, and only then are old clusters taken away.
import type { ResourceType } from '../model/resource.ts';

/** What one client has of one type. */
export interface Pushable {
  /** A response is on its way, unanswered. */
  readonly isAwaiting: boolean;
  /** The client still has what has left the snapshot, for something may refer to it. */
  readonly lingers: boolean;
}

/** `respond` sends what a client lacks of a type, if no response is on its way; `keepRemoved`: but takes nothing away. */
export function pushInOrder(
  types: Readonly<Record<ResourceType, Pushable>>,
  respond: (type: ResourceType, keepRemoved: boolean) => void,
): void {
  // Clusters and listeners warm until their secrets have come, so those may come whenever they are asked for.
  respond('secret', false);
  const awaits = (...names: readonly ResourceType[]) => names.some((name) => types[name].isAwaiting);
  respond('cluster', true);
  // Endpoints that are absent stay valid in the client, so old ones need no care.
  respond('endpoints', false);
  if (awaits('cluster', 'endpoints')) return;
  respond('listener', false);
  respond('route', false);
  if (types.cluster.lingers && !awaits('listener', 'route')) respond('cluster', false);
}
