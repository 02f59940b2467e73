// Small resources for the tests of the embedded control plane.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { Resource } from '../../xds/model/resource.ts';
import { anyCall, forwardTo, unchanged } from '../../xds/model/route.ts';
import { type DiscoveryResponse, loadProtos } from '../../xds/protos.ts';

export function cluster(name: string): Resource {
  const value: Cluster = {
    name,
    discovery: { kind: 'eds', serviceName: name },
    lbPolicy: { kind: 'round-robin' },
    localityWeighted: false,
    panicPercent: 50,
    connectTimeoutMs: 1_000,
    maxRequests: null,
    tls: null,
  };
  return { type: 'cluster', value };
}

export function endpoints(name: string, port: number): Resource {
  const endpoint = {
    address: { host: '127.0.0.1', port },
    weight: 1,
    health: 'healthy',
    hostname: '',
    hashKey: '',
  } as const;
  const locality = { region: '', zone: '', subZone: '', priority: 0, weight: 1, endpoints: [endpoint] };
  return {
    type: 'endpoints',
    value: { name, localities: [locality], dropOverloads: [], overprovisioningPercent: 140 },
  };
}

export function route(name: string, clusterName: string): Resource {
  const routes = [{ name: '', match: anyCall, action: forwardTo([{ name: clusterName, weight: 1 }]), ...unchanged }];
  const virtualHosts = [{ name: 'all', domains: ['*'], routes, ...unchanged }];
  const rest = { ignorePortInHostMatching: false, ...unchanged, mostSpecificMutationsWin: false };
  return { type: 'route', value: { name, virtualHosts, ...rest } };
}

export function listener(name: string): Resource {
  const http = {
    statPrefix: name,
    routes: { kind: 'rds', name: 'mesh' },
    filters: [],
    maxStreamDurationMs: null,
    maxConcurrentStreams: null,
  } as const;
  const value = {
    name,
    address: { host: '127.0.0.1', port: 15001 },
    direction: 'outbound',
    filterChains: [{ name: '', match: null, tls: null, http }],
    unusableChains: [],
    defaultFilterChain: null,
  } as const;
  return { type: 'listener', value };
}

/** The names of the clusters in a response, sorted. */
export function clusterNames({ resources = [] }: DiscoveryResponse): string[] {
  const messages = resources.flatMap((any) => loadProtos().unpack(any)?.message ?? []);
  return messages.map((message) => (message as { readonly name: string }).name).sort();
}
