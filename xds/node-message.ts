// Who we are, as the first request of each stream says it.
import { toStruct } from './encode/struct.ts';
import type { NodeIdentity } from './model/bootstrap.ts';
import type { NodeMessage } from './protos.ts';

/** `version` is said where the identity names no user agent. */
export function toNodeMessage(node: NodeIdentity, version: string): NodeMessage {
  const { region, zone, subZone } = node.locality;
  return {
    id: node.id,
    cluster: node.cluster,
    metadata: toStruct(node.metadata),
    locality: { region, zone, sub_zone: subZone },
    user_agent_name: node.userAgent?.name ?? 'outrigger',
    user_agent_version: node.userAgent?.version ?? version,
    client_features: ['xds.config.resource-in-sotw', 'xds.config.supports-resource-ttl'],
  };
}
