// Builders of model resources, as small as a test can say them.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import type { Listener, TrafficDirection } from '../../xds/model/listener.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import {
  anyCall,
  type ForwardAction,
  forwardTo,
  type PathMatch,
  type Route,
  type RouteConfiguration,
  unchanged,
} from '../../xds/model/route.ts';

export function forward(...clusters: readonly (string | readonly [name: string, weight: number])[]): ForwardAction {
  return forwardTo(
    clusters.map((cluster) =>
      typeof cluster === 'string' ? { name: cluster, weight: 1 } : { name: cluster[0], weight: cluster[1] },
    ),
  );
}

export function route(action: Route['action'], path: PathMatch = { kind: 'prefix', value: '/' }): Route {
  return {
    name: '',
    match: { ...anyCall, path },
    action,
    ...unchanged,
  };
}

/** `hosts`: routes by domain. */
export function routeConfiguration(
  name: string,
  hosts: Readonly<Record<string, readonly Route[]>>,
): RouteConfiguration {
  const virtualHosts = Object.entries(hosts).map(([domain, routes]) => ({
    name: domain,
    domains: [domain],
    routes,
    ...unchanged,
  }));
  return { name, virtualHosts, ignorePortInHostMatching: false, ...unchanged, mostSpecificMutationsWin: false };
}

export function listener(name: string, direction: TrafficDirection, routes: string, port = 0): Listener {
  return {
    name,
    direction,
    address: { host: '127.0.0.1', port },
    defaultFilterChain: null,
    unusableChains: [],
    filterChains: [
      {
        name: '',
        match: null,
        tls: null,
        http: {
          statPrefix: name,
          routes: { kind: 'rds', name: routes },
          filters: [],
          maxStreamDurationMs: null,
          maxConcurrentStreams: null,
        },
      },
    ],
  };
}

export function cluster(name: string): Cluster {
  return {
    name,
    discovery: { kind: 'eds', serviceName: name },
    lbPolicy: { kind: 'round-robin' },
    localityWeighted: false,
    panicPercent: 50,
    connectTimeoutMs: 2000,
    maxRequests: null,
    tls: null,
  };
}

export function endpoints(name: string, ports: readonly number[]): ClusterEndpoints {
  return {
    name,
    dropOverloads: [],
    overprovisioningPercent: 140,
    localities: [
      {
        region: '',
        zone: '',
        subZone: '',
        priority: 0,
        weight: 1,
        endpoints: ports.map((port) => ({
          address: { host: '127.0.0.1', port },
          weight: 1,
          health: 'healthy',
          hostname: '',
          hashKey: '',
        })),
      },
    ],
  };
}

/** A listener whose every call goes to one cluster over those ports. */
export function plainMesh(
  name: string,
  direction: TrafficDirection,
  ports: readonly number[],
  listenerPort = 0,
): ServingResource[] {
  return [
    { type: 'cluster', value: cluster(name) },
    { type: 'endpoints', value: endpoints(name, ports) },
    { type: 'route', value: routeConfiguration(`${name}-routes`, { '*': [route(forward(name))] }) },
    { type: 'listener', value: listener(name, direction, `${name}-routes`, listenerPort) },
  ];
}
