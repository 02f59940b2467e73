// What each agent of a mesh is told: `Mesh` to xDS resources. Pure.
//
//   outbound listener ─ routes "mesh" ─ virtual host per service ─ cluster "service/version" ─ inbound addresses
//   inbound listener per instance ─ inline routes ─ cluster "app/instance" ─ the program itself
import { isIP } from 'node:net';
import type { SocketAddress } from '../../xds/model/address.ts';
import type { ApiListener } from '../../xds/model/api-listener.ts';
import { type Cluster, type ClusterDiscovery, defaultPanicPercent } from '../../xds/model/cluster.ts';
import { type ClusterEndpoints, defaultOverprovisioningPercent, type Endpoint } from '../../xds/model/endpoints.ts';
import type { FilterChain, Listener, RouteSource, TrafficDirection } from '../../xds/model/listener.ts';
import type { HeaderMatcher } from '../../xds/model/matcher.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import {
  anyCall,
  forwardTo,
  type Route,
  type RouteConfiguration,
  unchanged,
  type WeightedCluster,
} from '../../xds/model/route.ts';
import type { Mesh, MeshHeaderMatch, MeshInstance, MeshRoute, MeshService, VersionShare } from './mesh.ts';

/** The one route configuration for calls to services: a virtual host for each. */
const meshRoutes = 'mesh';

/** As Envoy's default (`dns_refresh_rate`). */
const dnsRefreshMs = 5_000;

const none: ReadonlySet<string> = new Set();

/**
 * Everything the agent `nodeId` needs, whole. Listeners, routes and clusters for the instances beside it, and, where it
 * has an outbound address, for every service. `null` where the mesh has no such agent. The instances named in `down`
 * are unhealthy endpoints.
 */
export function meshResources(mesh: Mesh, nodeId: string, down = none): ServingResource[] | null {
  const agent = mesh.agents.find(({ name }) => name === nodeId);
  if (agent === undefined) return null;
  const resources: ServingResource[] = [];
  for (const { instances } of mesh.services) {
    for (const instance of instances) {
      if (instance.behind?.agent === nodeId) resources.push(...inboundResources(instance, instance.behind.inbound));
    }
  }
  if (agent.outbound !== null) {
    const routes: RouteSource = { kind: 'rds', name: meshRoutes };
    resources.push(...serviceResources(mesh, down), {
      type: 'listener',
      value: listener('outbound', agent.outbound, 'outbound', routes),
    });
  }
  return resources;
}

/**
 * What any other xDS client gets: the services as proxyless gRPC looks them up, `xds:///catalogue` being an
 * `api_listener` named "catalogue", and no address to bind.
 */
export function proxylessResources(
  mesh: Mesh,
  down = none,
): { resources: ServingResource[]; apiListeners: ApiListener[] } {
  const apiListeners = mesh.services.map(({ name }) => ({
    name,
    http: { statPrefix: name, routes: { kind: 'rds' as const, name: meshRoutes }, filters: [], ...noStreamLimits },
  }));
  return { resources: serviceResources(mesh, down), apiListeners };
}

/** The cluster of one version of a service: its name in metrics, routes and on the page. */
function clusterName(service: string, version: string | null): string {
  return version === null ? service : `${service}/${version}`;
}

/** Where callers reach an instance: its agent, or the program itself where it has none. */
function endpointAddress(instance: MeshInstance): SocketAddress {
  return instance.behind?.inbound ?? instance.app;
}

const asTheyCome = { ...unchanged, mostSpecificMutationsWin: false } as const;

const noStreamLimits = { maxStreamDurationMs: null, maxConcurrentStreams: null } as const;

function inboundResources(instance: MeshInstance, address: SocketAddress): ServingResource[] {
  const cluster = `app/${instance.name}`;
  const name = `inbound/${instance.name}`;
  const action = forwardTo([{ name: cluster, weight: 1 }]);
  const config: RouteConfiguration = {
    name,
    virtualHosts: [
      {
        name: instance.name,
        domains: ['*'],
        routes: [{ name: '', match: anyCall, action, ...unchanged }],
        ...unchanged,
      },
    ],
    ignorePortInHostMatching: false,
    ...asTheyCome,
  };
  return [
    ...clusterResources(cluster, [{ address: instance.app, weight: 1, health: 'healthy' }], 'static'),
    { type: 'listener', value: listener(name, bindAddress(address), 'inbound', { kind: 'inline', config }) },
  ];
}

/** Clusters and endpoints of every version of every service, and the routes that lead there. */
function serviceResources(mesh: Mesh, down: ReadonlySet<string>): ServingResource[] {
  const clusters = mesh.services.flatMap(({ name, instances }) => {
    const versions = new Set(instances.map(({ version }) => version));
    return [...versions].flatMap((version) => {
      const members = instances.filter((instance) => instance.version === version);
      const endpoints = members.map((member) => ({
        address: endpointAddress(member),
        weight: member.weight,
        health: down.has(member.name) ? ('unhealthy' as const) : ('healthy' as const),
      }));
      return clusterResources(clusterName(name, version), endpoints, 'eds');
    });
  });
  const config: RouteConfiguration = {
    name: meshRoutes,
    virtualHosts: mesh.services.map((service) => ({
      name: service.name,
      domains: [service.name],
      routes: [
        ...service.routes.map((route, index) => compileRoute(service, route, `${service.name}-route-${index + 1}`)),
        { name: service.name, match: anyCall, action: forwardTo(shares(service, service.split)), ...unchanged },
      ],
      ...unchanged,
    })),
    // Apps that dial a service with its port mean the same service.
    ignorePortInHostMatching: true,
    ...asTheyCome,
  };
  return [...clusters, { type: 'route', value: config }];
}

/** A name among the addresses makes it a STRICT_DNS cluster, whose endpoints are part of it, as static ones are. */
function clusterResources(
  name: string,
  members: readonly Omit<Endpoint, 'hostname' | 'hashKey'>[],
  kind: 'static' | 'eds',
): ServingResource[] {
  const endpoints: ClusterEndpoints = {
    name,
    localities: [
      {
        region: '',
        zone: '',
        subZone: '',
        priority: 0,
        weight: 1,
        endpoints: members.map((member) => ({ ...member, hostname: '', hashKey: '' })),
      },
    ],
    dropOverloads: [],
    overprovisioningPercent: defaultOverprovisioningPercent,
  };
  const byName = members.some(({ address }) => isIP(address.host) === 0);
  const discovery: ClusterDiscovery = byName
    ? { kind: 'strict-dns', endpoints, refreshMs: dnsRefreshMs }
    : kind === 'static'
      ? { kind, endpoints }
      : { kind, serviceName: name };
  const cluster: Cluster = {
    name,
    discovery,
    lbPolicy: { kind: 'round-robin' },
    localityWeighted: false,
    panicPercent: defaultPanicPercent,
    connectTimeoutMs: 5_000,
    maxRequests: null,
    tls: null,
  };
  const resources: ServingResource[] = [{ type: 'cluster', value: cluster }];
  if (discovery.kind === 'eds') resources.push({ type: 'endpoints', value: endpoints });
  return resources;
}

function listener(name: string, address: SocketAddress, direction: TrafficDirection, routes: RouteSource): Listener {
  const chain: FilterChain = {
    name: '',
    match: null,
    tls: null,
    http: { statPrefix: name, routes, filters: [], ...noStreamLimits },
  };
  return { name, address, direction, filterChains: [chain], unusableChains: [], defaultFilterChain: null };
}

/** A name is how others reach this machine; the agent takes what arrives at any of its addresses. */
function bindAddress(address: SocketAddress): SocketAddress {
  return isIP(address.host) === 0 ? { host: '0.0.0.0', port: address.port } : address;
}

function compileRoute(service: MeshService, route: MeshRoute, name: string): Route {
  const path = route.method ?? anyCall.path;
  const match = { ...anyCall, path, headers: route.headers.map(compileHeader) };
  return { name, match, action: forwardTo(shares(service, route.split)), ...unchanged };
}

function compileHeader({ name, match }: MeshHeaderMatch): HeaderMatcher {
  const rest = { invert: false, treatMissingAsEmpty: false };
  if (match.kind === 'present') return { name, match: { kind: 'present', value: true }, ...rest };
  return { name, match: { ...match, ignoreCase: false }, ...rest };
}

type ClusterShare = Pick<WeightedCluster, 'name' | 'weight'>;

/** A version with a share of 0 stays out of the route; its cluster stays, so that a later share finds it warm. */
function shares(service: MeshService, split: readonly VersionShare[]): readonly ClusterShare[] {
  if (split.length === 0) return [{ name: clusterName(service.name, null), weight: 1 }];
  const taken = split.filter(({ weight }) => weight > 0);
  return taken.map(({ version, weight }) => ({ name: clusterName(service.name, version), weight }));
}
