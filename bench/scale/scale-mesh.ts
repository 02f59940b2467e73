// The large mesh: clusters with endpoints of their own addresses, and a route to each cluster.
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../../test/support/resources.ts';
import { encodeResource } from '../../xds/encode/resource.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { type AnyMessage, loadProtos } from '../../xds/protos.ts';
import { AUTHORITY } from '../load/payload.ts';
import type { Resources } from './scripted-ads.ts';

export interface ScaleShape {
  readonly clusters: number;
  readonly endpointsPerCluster: number;
}

/** Where a few real endpoints listen: those of the cluster that is under load, and those of the last one. */
export interface ScalePorts {
  readonly listener: number;
  readonly loaded: readonly number[];
  readonly last: readonly number[];
}

export function clusterName(at: number): string {
  return `cluster-${at}`;
}

export function pathOf(cluster: number): string {
  return `/shop.v1.Service${cluster}/Get`;
}

/** A route to each cluster by its prefix, and what is under load behind the last one. No clusters: only that. */
export function encodeMesh({ clusters, endpointsPerCluster }: ScaleShape, ports: ScalePorts): Resources {
  const names = Array.from({ length: clusters }, (_, at) => clusterName(at));
  const routes = [
    ...names.map((name, at) => route(forward(name), { kind: 'prefix', value: `/shop.v1.Service${at}/` })),
    route(forward(AUTHORITY)),
  ];
  return encodeAll([
    { type: 'cluster', value: cluster(AUTHORITY) },
    ...names.map((name): ServingResource => ({ type: 'cluster', value: cluster(name) })),
    { type: 'endpoints', value: endpoints(AUTHORITY, ports.loaded) },
    ...names.map((name, at): ServingResource => {
      const isLast = at === clusters - 1;
      return { type: 'endpoints', value: isLast ? endpoints(name, ports.last) : unreal(name, at, endpointsPerCluster) };
    }),
    { type: 'route', value: routeConfiguration('mesh', { [AUTHORITY]: routes }) },
    { type: 'listener', value: listener('outbound', 'outbound', 'mesh', ports.listener) },
  ]);
}

/** The same, but for the endpoints of one cluster. */
export function withEndpoints(resources: Resources, name: string, ports: readonly number[]): Resources {
  const [[type, changed]] = [...encodeAll([{ type: 'endpoints', value: endpoints(name, ports) }])] as [
    [string, ReadonlyMap<string, AnyMessage>],
  ];
  return new Map([...resources, [type, new Map([...(resources.get(type) ?? []), ...changed])]]);
}

function encodeAll(resources: readonly ServingResource[]): Resources {
  const { pack } = loadProtos();
  const byType = new Map<string, Map<string, AnyMessage>>();
  for (const resource of resources) {
    const any = encodeResource(resource, pack);
    const ofType = byType.get(any.type_url) ?? new Map<string, AnyMessage>();
    byType.set(any.type_url, ofType.set(resource.value.name, any));
  }
  return byType;
}

/** Endpoints of one cluster that are on loopback and never called, no two of the mesh alike. */
function unreal(name: string, at: number, count: number): ClusterEndpoints {
  const plain = endpoints(
    name,
    Array.from({ length: count }, () => 1),
  );
  const [locality] = plain.localities;
  if (locality === undefined) return plain;
  const addressed = locality.endpoints.map((endpoint, index) => {
    const number = at * count + index;
    const host = `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
    return { ...endpoint, address: { host, port: 80 } };
  });
  return { ...plain, localities: [{ ...locality, endpoints: addressed }] };
}
