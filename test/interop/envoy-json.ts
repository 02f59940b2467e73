// Resources in the JSON of protobuf, as Envoy's own files have them: what the control planes of others are given, so that
// nothing of ours encodes what our client decodes.

export type Json = Readonly<Record<string, unknown>>;

/** Everything that a control plane serves. */
export interface JsonSnapshot {
  readonly version: string;
  readonly listeners: readonly Json[];
  readonly routes: readonly Json[];
  readonly clusters: readonly Json[];
  readonly endpoints: readonly Json[];
}

const ads = { ads: {}, resource_api_version: 'V3' };

/** `port` 0 takes any free one. */
export function listenerJson(name: string, port: number, routeName: string): Json {
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: name,
              codec_type: 'HTTP2',
              rds: { config_source: ads, route_config_name: routeName },
              http_filters: [
                {
                  name: 'envoy.filters.http.router',
                  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

/** One virtual host for everything. */
export function routesJson(name: string, routes: readonly Json[]): Json {
  return { name, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] };
}

/** Everything goes to one cluster. */
export function routeTo(cluster: string): Json {
  return { match: { prefix: '/' }, route: { cluster, timeout: '0s' } };
}

/** HTTP/2, endpoints by EDS. */
export function clusterJson(name: string): Json {
  return {
    name,
    type: 'EDS',
    connect_timeout: '2s',
    eds_cluster_config: { eds_config: ads },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
}

export function endpointsJson(cluster: string, ports: readonly number[]): Json {
  const lbEndpoints = ports.map((port_value) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value } } },
  }));
  return { cluster_name: cluster, endpoints: [{ locality: {}, lb_endpoints: lbEndpoints }] };
}
