// Any resource of the model to a packed message under its name: what a discovery response carries.
import type { ApiListener } from '../model/api-listener.ts';
import type { Resource, ResourceType } from '../model/resource.ts';
import { encodeCluster } from './cluster.ts';
import { encodeClusterEndpoints } from './endpoints.ts';
import { encodeApiListener, encodeListener } from './listener.ts';
import type { AnyMessage, Pack } from './pack.ts';
import { encodeRouteConfiguration } from './route.ts';
import { encodeSecret } from './secret.ts';

/** The message each type of resource is, and so its type URL after `type.googleapis.com/`. */
export const resourceMessages: Readonly<Record<ResourceType, string>> = {
  listener: 'envoy.config.listener.v3.Listener',
  route: 'envoy.config.route.v3.RouteConfiguration',
  cluster: 'envoy.config.cluster.v3.Cluster',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'envoy.extensions.transport_sockets.tls.v3.Secret',
};

/** Throws a `TypeError` on what the model holds but no message says: anything `unsupported`, or an opaque secret. */
export function encodeResource(resource: Resource, pack: Pack): AnyMessage {
  return pack(resourceMessages[resource.type], encodeMessage(resource, pack));
}

export function packApiListener(listener: ApiListener, pack: Pack): AnyMessage {
  return pack(resourceMessages.listener, encodeApiListener(listener, pack));
}

function encodeMessage(resource: Resource, pack: Pack): object {
  switch (resource.type) {
    case 'listener':
      return encodeListener(resource.value, pack);
    case 'route':
      return encodeRouteConfiguration(resource.value, pack);
    case 'cluster':
      return encodeCluster(resource.value, pack);
    case 'endpoints':
      return encodeClusterEndpoints(resource.value);
    case 'secret':
      return encodeSecret(resource.value);
  }
}
