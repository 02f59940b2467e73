// Resources as a control plane would send them, in as few words as a test needs.
import { type AnyMessage, loadProtos } from '../../xds/protos.ts';

const protos = loadProtos();

export const typeUrls = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

export const routerFilter = {
  name: 'envoy.filters.http.router',
  typed_config: protos.pack('envoy.extensions.filters.http.router.v3.Router', {}),
};

export function pack(typeName: string, message: object): AnyMessage {
  return protos.pack(typeName, message);
}

/** An HTTP connection manager as the only filter. */
export function connectionManager(fields: object): object {
  const message = { stat_prefix: 'test', http_filters: [routerFilter], ...fields };
  const typeName = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  return { name: 'hcm', typed_config: protos.pack(typeName, message) };
}

export function rds(routeName: string): object {
  return connectionManager(rdsFields(routeName));
}

export function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}

export function listenerMessage(name: string, filter: object, fields: object = {}): object {
  return { name, address: socketAddress('127.0.0.1', 0), filter_chains: [{ filters: [filter] }], ...fields };
}

export function listener(name: string, routeName: string, fields: object = {}): AnyMessage {
  return pack('envoy.config.listener.v3.Listener', listenerMessage(name, rds(routeName), fields));
}

/** Without a port, for clients that ask for it by its name. */
export function apiListener(name: string, fields: object): AnyMessage {
  const { typed_config: manager } = connectionManager(fields) as { typed_config: AnyMessage };
  return pack('envoy.config.listener.v3.Listener', { name, api_listener: { api_listener: manager } });
}

/** Routes by their name, over the stream. */
export function rdsFields(routeName: string): object {
  return { rds: { config_source: { ads: {} }, route_config_name: routeName } };
}

/** One virtual host for everything, with a route of its own for each cluster: `/<cluster>/`. */
export function routeMessage(name: string, clusters: readonly string[]): object {
  const routes = clusters.map((cluster) => ({ match: { prefix: `/${cluster}/` }, route: { cluster } }));
  return { name, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] };
}

export function route(name: string, ...clusters: string[]): AnyMessage {
  return pack('envoy.config.route.v3.RouteConfiguration', routeMessage(name, clusters));
}

export function cluster(name: string, fields: object = {}): AnyMessage {
  return pack('envoy.config.cluster.v3.Cluster', {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: { ads: {} } },
    ...fields,
  });
}

/** A cluster that is refused: `connect_timeout: must be above 0`. */
export function badCluster(name: string): AnyMessage {
  return cluster(name, { connect_timeout: { seconds: 0 } });
}

export function assignment(name: string, ...ports: number[]): object {
  const endpoints = ports.map((port) => ({ endpoint: { address: socketAddress('127.0.0.1', port) } }));
  return { cluster_name: name, endpoints: ports.length === 0 ? [] : [{ lb_endpoints: endpoints }] };
}

export function endpoints(name: string, ...ports: number[]): AnyMessage {
  return pack('envoy.config.endpoint.v3.ClusterLoadAssignment', assignment(name, ...ports));
}

/** A resource wrapped with a name of its own. */
export function wrapped(name: string, resource: AnyMessage | null, version = ''): AnyMessage {
  return pack('envoy.service.discovery.v3.Resource', { name, version, resource });
}
