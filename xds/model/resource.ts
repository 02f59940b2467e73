// The four resource types as one closed union: what the xDS client hands on and the data plane applies.
import type { Cluster } from './cluster.ts';
import type { ClusterEndpoints } from './endpoints.ts';
import type { Listener } from './listener.ts';
import type { RouteConfiguration } from './route.ts';

export type Resource =
  | { readonly type: 'listener'; readonly value: Listener }
  | { readonly type: 'route'; readonly value: RouteConfiguration }
  | { readonly type: 'cluster'; readonly value: Cluster }
  | { readonly type: 'endpoints'; readonly value: ClusterEndpoints };

export type ResourceType = Resource['type'];

export interface ResourceName {
  readonly type: ResourceType;
  readonly name: string;
}

/**
 * One step of configuration, in an order that never leaves a route without its cluster: apply `upsert` from first
 * to last, then `remove` from first to last. A resource is swapped whole, never edited.
 */
export interface ConfigUpdate {
  readonly upsert: readonly Resource[];
  readonly remove: readonly ResourceName[];
}
