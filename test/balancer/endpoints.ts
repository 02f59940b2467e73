// Clusters' endpoints in short, for the tests of this folder, and calls counted by endpoint.
import { createBalancer, type EndpointBalancer } from '../../agent/balancer/create-balancer.ts';
import type { ClusterEndpoints, Endpoint, EndpointHealth, LocalityEndpoints } from '../../xds/model/endpoints.ts';

let nextPort = 1;

export function endpoint(health: EndpointHealth = 'healthy', weight = 1): Endpoint {
  return { address: { host: '127.0.0.1', port: nextPort++ }, weight, health, hostname: '' };
}

export function endpoints(count: number, health: EndpointHealth = 'healthy'): Endpoint[] {
  return Array.from({ length: count }, () => endpoint(health));
}

export function locality(of: readonly Endpoint[], { priority = 0, weight = 0, zone = '' } = {}): LocalityEndpoints {
  return { region: '', zone, subZone: '', priority, weight, endpoints: of };
}

export function assignment(...localities: LocalityEndpoints[]): ClusterEndpoints {
  return { name: 'orders', localities, dropOverloads: [] };
}

export function balancer(
  of: ClusterEndpoints,
  { localityWeighted = false, random = () => 0 }: { localityWeighted?: boolean; random?: () => number } = {},
): EndpointBalancer {
  return createBalancer({ lbPolicy: { kind: 'round-robin' }, localityWeighted }, of, random);
}

export const all = (): boolean => true;
export const none = (): boolean => false;

export function pickMany(from: EndpointBalancer, calls: number, usable: (endpoint: number) => boolean = all): number[] {
  return Array.from({ length: calls }, () => from.pick(usable));
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
