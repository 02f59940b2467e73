// ClusterEndpoints to envoy.config.endpoint.v3.ClusterLoadAssignment; the mirror of decode/endpoints.ts.
import type { ClusterEndpoints, Endpoint, LocalityEndpoints } from '../model/endpoints.ts';
import { toStruct } from './struct.ts';
import { encodeAddress, encodeFraction, encodeLabels, encodeWrapper } from './values.ts';

const healthNames = { healthy: 'HEALTHY', degraded: 'DEGRADED', unhealthy: 'UNHEALTHY' } as const;

const socketFilter = 'envoy.transport_socket_match';

export function encodeClusterEndpoints(resource: ClusterEndpoints): object {
  const { name, localities, dropOverloads, overprovisioningPercent } = resource;
  return {
    cluster_name: name,
    endpoints: localities.map(encodeLocality),
    policy: {
      overprovisioning_factor: encodeWrapper(overprovisioningPercent),
      drop_overloads: dropOverloads.map((drop) => ({
        category: drop.category,
        drop_percentage: encodeFraction(drop),
      })),
    },
  };
}

function encodeLocality({ region, zone, subZone, priority, weight, endpoints }: LocalityEndpoints): object {
  const localityLabels = endpoints[0]?.localityLabels;
  return {
    locality: { region, zone, sub_zone: subZone },
    priority,
    load_balancing_weight: encodeWrapper(weight === 0 ? null : weight),
    lb_endpoints: endpoints.map(encodeEndpoint),
    metadata:
      localityLabels === undefined ? null : { filter_metadata: { [socketFilter]: encodeLabels(localityLabels) } },
  };
}

function encodeEndpoint({ address, weight, health, hostname, hashKey, socketLabels }: Endpoint): object {
  const metadata = {
    ...(hashKey !== '' && { 'envoy.lb': toStruct({ hash_key: hashKey }) }),
    ...(socketLabels !== undefined && { [socketFilter]: encodeLabels(socketLabels) }),
  };
  return {
    endpoint: { address: encodeAddress(address), hostname },
    health_status: healthNames[health],
    load_balancing_weight: encodeWrapper(weight),
    metadata: Object.keys(metadata).length === 0 ? null : { filter_metadata: metadata },
  };
}
