// Clusters' endpoints in short, for the tests of this folder, and calls counted by endpoint.
import { type BalancerOptions, createBalancer, type EndpointBalancer } from '../../agent/balancer/create-balancer.ts';
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints, Endpoint, EndpointHealth, LocalityEndpoints } from '../../xds/model/endpoints.ts';

let nextPort = 1;

export function endpoint(health: EndpointHealth = 'healthy', weight = 1): Endpoint {
  return { address: { host: '127.0.0.1', port: nextPort++ }, weight, health, hostname: '', hashKey: '' };
}

export function endpoints(count: number, health: EndpointHealth = 'healthy'): Endpoint[] {
  return Array.from({ length: count }, () => endpoint(health));
}

export function locality(of: readonly Endpoint[], { priority = 0, weight = 0, zone = '' } = {}): LocalityEndpoints {
  return { region: '', zone, subZone: '', priority, weight, endpoints: of };
}

export function assignment(...localities: LocalityEndpoints[]): ClusterEndpoints {
  return { name: 'orders', localities, dropOverloads: [], overprovisioningPercent: 140 };
}

export function balancer(
  of: ClusterEndpoints,
  {
    lbPolicy = { kind: 'round-robin' },
    localityWeighted = false,
    panicPercent = 50,
    random = () => 0,
    activeOf = () => 0,
  }: Partial<Pick<Cluster, 'lbPolicy' | 'localityWeighted' | 'panicPercent'> & BalancerOptions> = {},
): EndpointBalancer {
  return createBalancer({ lbPolicy, localityWeighted, panicPercent }, of, { random, activeOf });
}

export const all = (): boolean => true;
export const none = (): boolean => false;

export function pickMany(from: EndpointBalancer, calls: number, usable: (endpoint: number) => boolean = all): number[] {
  return Array.from({ length: calls }, () => from.pick(usable, null));
}

/** Calls by endpoint, in the order of the flat list. */
export function countPicks(
  from: EndpointBalancer,
  calls: number,
  usable: (endpoint: number) => boolean = all,
): number[] {
  const counts = from.endpoints.map(() => 0);
  for (const picked of pickMany(from, calls, usable)) counts[picked]!++;
  return counts;
}
