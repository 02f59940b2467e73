// The resource types as closed unions: what the xDS client hands on, and what the data plane applies.
import type { Cluster } from './cluster.ts';
import type { ClusterEndpoints } from './endpoints.ts';
import type { Listener } from './listener.ts';
import type { RouteConfiguration } from './route.ts';
import type { Secret } from './secret.ts';

/** Whatever a control plane sends. */
export type Resource = ServingResource | { readonly type: 'secret'; readonly value: Secret };

export type ResourceType = Resource['type'];

/** What the data plane knows: secrets have been filled in where they were named. */
export type ServingResource =
  | { readonly type: 'listener'; readonly value: Listener }
  | { readonly type: 'route'; readonly value: RouteConfiguration }
  | { readonly type: 'cluster'; readonly value: Cluster }
  | { readonly type: 'endpoints'; readonly value: ClusterEndpoints };

export type ServingType = ServingResource['type'];

export interface ResourceName {
  readonly type: ServingType;
  readonly name: string;
}

/**
 * One step of configuration, in an order that never leaves a route without its cluster: apply `upsert` from first
 * to last, then `remove` from first to last. A resource is swapped whole, never edited.
 */
export interface ConfigUpdate {
  readonly upsert: readonly ServingResource[];
  readonly remove: readonly ResourceName[];
}

/** A secret of which nothing may be shown or kept, for nobody knows what is in it. */
export function isHidden(resource: Resource): boolean {
  return resource.type === 'secret' && resource.value.kind === 'opaque';
}
