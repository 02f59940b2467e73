// The large mesh, in the JSON of protobuf as go-control-plane reads it: clusters with endpoints of their own addresses,
// and a route to each cluster.
import { clusterJson, type Json, type JsonSnapshot, listenerJson, routesJson } from '../../test/interop/envoy-json.ts';
import { AUTHORITY, METHOD_PATH } from '../load/payload.ts';

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

interface Address {
  readonly host: string;
  readonly port: number;
}

function clusterName(at: number): string {
  return `cluster-${at}`;
}

/** Of a call that the last route takes, by its cluster. */
export function pathOf(cluster: number): string {
  return `/shop.v1.Service${cluster}/Get`;
}

/** A route to each cluster by its prefix, and behind the last one that of the calls under load. No clusters: only that. */
export function largeMesh(version: string, shape: ScaleShape, ports: ScalePorts): JsonSnapshot {
  const numbers = Array.from({ length: shape.clusters }, (_, at) => at);
  const routes = numbers.map((at) => ({
    match: { prefix: `/shop.v1.Service${at}/` },
    route: { cluster: clusterName(at), timeout: '0s' },
  }));
  return {
    version,
    listeners: [listenerJson('outbound', ports.listener, 'mesh')],
    routes: [
      routesJson('mesh', [...routes, { match: { path: METHOD_PATH }, route: { cluster: AUTHORITY, timeout: '0s' } }]),
    ],
    clusters: [clusterJson(AUTHORITY), ...numbers.map((at) => clusterJson(clusterName(at)))],
    endpoints: [
      assignment(AUTHORITY, ports.loaded.map(onLoopback)),
      ...numbers.map((at) =>
        at === shape.clusters - 1
          ? lastEndpoints(shape, ports.last)
          : assignment(clusterName(at), unreal(at, shape.endpointsPerCluster)),
      ),
    ],
  };
}

/** Those of the last cluster. */
export function lastEndpoints({ clusters }: ScaleShape, ports: readonly number[]): Json {
  return assignment(clusterName(clusters - 1), ports.map(onLoopback));
}

function assignment(cluster: string, addresses: readonly Address[]): Json {
  const endpoints = addresses.map(({ host, port }) => ({
    endpoint: { address: { socket_address: { address: host, port_value: port } } },
  }));
  return { cluster_name: cluster, endpoints: [{ locality: {}, lb_endpoints: endpoints }] };
}

function onLoopback(port: number): Address {
  return { host: '127.0.0.1', port };
}

/** Endpoints of one cluster that are on loopback and never called, no two of the mesh alike. */
function unreal(at: number, count: number): Address[] {
  return Array.from({ length: count }, (_, index) => {
    const number = at * count + index;
    return { host: `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`, port: 80 };
  });
}
