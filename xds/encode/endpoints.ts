// ClusterEndpoints to envoy.config.endpoint.v3.ClusterLoadAssignment; the mirror of decode/endpoints.ts.
import type { ClusterEndpoints, Endpoint, LocalityEndpoints } from '../model/endpoints.ts';
import { encodeAddress, encodeFraction, encodeWrapper } from './values.ts';

const healthNames = { healthy: 'HEALTHY', degraded: 'DEGRADED', unhealthy: 'UNHEALTHY' } as const;

export function encodeClusterEndpoints({ name, localities, dropOverloads }: ClusterEndpoints): object {
  return {
    cluster_name: name,
    endpoints: localities.map(encodeLocality),
    policy:
      dropOverloads.length === 0
        ? null
        : {
            drop_overloads: dropOverloads.map((drop) => ({
              category: drop.category,
              drop_percentage: encodeFraction(drop),
            })),
          },
  };
}

function encodeLocality({ region, zone, subZone, priority, weight, endpoints }: LocalityEndpoints): object {
  return {
    locality: { region, zone, sub_zone: subZone },
    priority,
    load_balancing_weight: encodeWrapper(weight === 0 ? null : weight),
    lb_endpoints: endpoints.map(encodeEndpoint),
  };
}

function encodeEndpoint({ address, weight, health, hostname }: Endpoint): object {
  return {
    endpoint: { address: encodeAddress(address), hostname },
    health_status: healthNames[health],
    load_balancing_weight: encodeWrapper(weight),
  };
}
