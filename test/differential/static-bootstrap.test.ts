// The file with which an Envoy runs without a control plane runs the agent too: both are started with it, and asked the
// same.
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { startAgentProcess } from '../support/agent-process.ts';
import { startEchoServer } from '../support/echo-service.ts';
import { envoyMissing, startEnvoy } from '../support/envoy-process.ts';
import { call } from '../support/http2-call.ts';

const hcm = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const http2Options = `typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }`;

const endpointAt = (port: number, host = '127.0.0.1') =>
  `{ endpoint: { address: { socket_address: { address: ${host}, port_value: ${port} } } } }`;

function bootstrap(folder: string, [v1, v2]: readonly [number, number]): string {
  return `
node: { id: edge-1, cluster: edge }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  secrets:
    - name: server
      tls_certificate:
        certificate_chain: { filename: ${folder}/tls.crt }
        private_key: { filename: ${folder}/tls.key }
  listeners:
    - name: public
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": ${hcm}
                codec_type: AUTO
                stat_prefix: public
                common_http_protocol_options: { idle_timeout: 3600s }
                http2_protocol_options: { max_concurrent_streams: 100 }
                access_log:
                  - name: envoy.access_loggers.file
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
                      path: /dev/null
                route_config:
                  name: local
                  response_headers_to_add:
                    - { header: { key: x-route, value: "%ROUTE_NAME%" } }
                  virtual_hosts:
                    - name: api
                      domains: ["api.example.com", "*.api.example.com"]
                      routes:
                        - name: internal
                          match: { prefix: "/com.example.internal." }
                          direct_response: { status: 403, body: { inline_string: not for you } }
                        - name: canary
                          match:
                            prefix: "/test.Echo/"
                            headers: [{ name: x-canary, string_match: { exact: "1" } }]
                          route: { cluster: v2, timeout: 0s }
                        - name: all
                          match: { prefix: "/test.Echo/" }
                          route:
                            timeout: 0s
                            weighted_clusters:
                              clusters:
                                - { name: v1, weight: 100 }
                                - { name: v2, weight: 0 }
                          request_headers_to_add:
                            - { header: { key: x-added, value: "%PROTOCOL%" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }
                    - name: named
                      domains: ["dns.example.com"]
                      routes:
                        - { name: rewritten, match: { prefix: "/old.Echo/" }, route: { cluster: by-name, timeout: 0s, prefix_rewrite: "/test.Echo/" } }
                        - { name: logical, match: { safe_regex: { regex: "/[^/]+/Unary" } }, route: { cluster: logical, timeout: 0s } }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
    - name: secure
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2]
                tls_certificate_sds_secret_configs: [{ name: server }]
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": ${hcm}
                stat_prefix: secure
                rds:
                  route_config_name: from-file
                  config_source: { path_config_source: { path: ${folder}/rds.yaml }, resource_api_version: V3 }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
    - name: v1
      connect_timeout: 0.5s
      type: STATIC
      lb_policy: LEAST_REQUEST
      circuit_breakers: { thresholds: [{ max_requests: 50 }] }
      ${http2Options}
      load_assignment: { cluster_name: v1, endpoints: [{ lb_endpoints: [${endpointAt(v1)}] }] }
    - name: v2
      connectTimeout: 1s
      type: EDS
      ${http2Options}
      eds_cluster_config:
        service_name: v2-endpoints
        eds_config: { path_config_source: { path: ${folder}/eds.json }, resource_api_version: V3 }
    - name: by-name
      type: STRICT_DNS
      dns_lookup_family: V4_ONLY
      ${http2Options}
      load_assignment: { cluster_name: x, endpoints: [{ lb_endpoints: [${endpointAt(v1, 'localhost')}] }] }
    - name: logical
      type: LOGICAL_DNS
      dns_lookup_family: V4_ONLY
      ${http2Options}
      load_assignment: { cluster_name: x, endpoints: [{ lb_endpoints: [${endpointAt(v2, 'localhost')}] }] }
`;
}

const rds = `resources:
  - "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: from-file
    virtual_hosts:
      - { name: all, domains: ["*"], routes: [{ name: any, match: { prefix: "/" }, route: { cluster: v2, timeout: 0s } }] }
`;

const eds = (port: number) =>
  JSON.stringify({
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
        cluster_name: 'v2-endpoints',
        endpoints: [
          {
            lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: port } } } }],
          },
        ],
      },
    ],
  });

/** `:authority`, `:path` and further fields of each call, and at which listener it arrives. */
const calls: readonly (readonly [listener: string, headers: http2.OutgoingHttpHeaders])[] = [
  ['public', { ':authority': 'api.example.com' }],
  ['public', { ':authority': 'API.example.com', 'x-canary': '1' }],
  ['public', { ':authority': 'eu.api.example.com', 'x-canary': '2' }],
  ['public', { ':authority': 'api.example.com', ':path': '/com.example.internal.Admin/Stop' }],
  ['public', { ':authority': 'api.example.com', ':path': '/other.Service/Call' }],
  ['public', { ':authority': 'other.example.com' }],
  ['public', { ':authority': 'api.example.com', 'x-fail': '9' }],
  ['public', { ':authority': 'dns.example.com', ':path': '/old.Echo/Unary' }],
  ['public', { ':authority': 'dns.example.com' }],
  ['secure', { ':authority': 'anything.example.com' }],
];

test('a static bootstrap makes of the agent what it makes of Envoy', async (t) => {
  if (envoyMissing !== null) {
    t.log(envoyMissing);
    t.pass();
    return;
  }
  const servers = [await startEchoServer('v1'), await startEchoServer('v2')] as const;
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-static-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const fixture = (name: string) => fileURLToPath(new URL(`../xds/fixtures/${name}`, import.meta.url));
  await copyFile(fixture('loopback-cert.pem'), join(folder, 'tls.crt'));
  await copyFile(fixture('loopback-key.pem'), join(folder, 'tls.key'));
  await writeFile(join(folder, 'rds.yaml'), rds);
  await writeFile(join(folder, 'eds.json'), eds(servers[1].port));
  const file = join(folder, 'envoy.yaml');
  await writeFile(file, bootstrap(folder, [servers[0].port, servers[1].port]));

  const envoy = await startEnvoy({ configFile: file });
  const agent = await startAgentProcess({ xdsPort: 0, node: 'unused', args: ['-c', file] });
  const sessions = new Map<string, http2.ClientHttp2Session>();
  for (const listener of ['public', 'secure']) {
    const scheme = listener === 'secure' ? 'https' : 'http';
    const open = (port: number) => http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
    sessions.set(`envoy ${listener}`, open(envoy.port(listener)));
    sessions.set(`agent ${listener}`, open(await agent.listenerPort(listener)));
  }
  const askAll = async (who: string) => {
    const answers: object[] = [];
    for (const [listener, headers] of calls) {
      const {
        headers: head,
        trailers,
        body,
      } = await call(sessions.get(`${who} ${listener}`)!, headers, Buffer.alloc(5));
      answers.push({
        listener,
        headers,
        httpStatus: head[':status'],
        grpcStatus: trailers?.['grpc-status'] ?? head['grpc-status'],
        endpoint: head['x-endpoint'],
        route: head['x-route'],
        bytes: body.length,
        added: servers[0].lastMetadata?.get('x-added'),
      });
    }
    return answers;
  };
  const ofEnvoy = await askAll('envoy');
  const ofAgent = await askAll('agent');
  t.deepEqual(ofAgent, ofEnvoy);
  t.deepEqual(
    ofEnvoy.map((answer) => ('endpoint' in answer ? answer.endpoint : null)),
    ['v1', 'v2', 'v1', undefined, undefined, undefined, 'v1', 'v1', 'v2', 'v2'],
  );
  const told = agent.lines.flatMap(({ field }) => (typeof field === 'string' ? [field] : []));
  const expected = 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.access_log: not supported';
  t.true(
    told.some((text) => text.endsWith(expected)),
    told.join('\n'),
  );

  // Endpoints in a file are followed, as Envoy follows them.
  await writeFile(join(folder, 'eds.json'), eds(servers[0].port));
  await agent.line(({ msg }) => msg === 'the configuration file is applied');
  const moved = async () =>
    (await call(sessions.get('agent secure')!, { ':authority': 'a' }, Buffer.alloc(5))).headers['x-endpoint'];
  while ((await moved()) !== 'v1');

  for (const session of sessions.values()) session.close();
  await Promise.all([agent.stop(), envoy.stop(), ...servers.map((server) => server.stop())]);
});
