// The dynamic half of an Envoy bootstrap: what is read, and what is not carried out, by field path.
import test from 'ava';
import { isEnvoyBootstrap, parseEnvoyBootstrap } from '../../xds/index.ts';

type Json = Record<string, unknown>;

const upstreamTls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

function xdsCluster(fields: Json = {}): Json {
  return {
    name: 'xds',
    type: 'STRICT_DNS',
    load_assignment: {
      cluster_name: 'xds',
      endpoints: [
        {
          lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'xds.example', port_value: 18000 } } } }],
        },
      ],
    },
    ...fields,
  };
}

function bootstrap({ ads = {}, cluster = xdsCluster(), ...rest }: { ads?: Json; cluster?: Json } & Json = {}): Json {
  return {
    node: { id: 'n', cluster: 'c' },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
        ...ads,
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: { clusters: [cluster] },
    ...rest,
  };
}

const noFiles = {
  readData: (path: string): unknown => {
    throw new Error(`can't read ${path}: there is no such file`);
  },
  env: {},
};

function problemsOf(json: unknown): readonly string[] {
  const parsed = parseEnvoyBootstrap(json, noFiles);
  return 'problems' in parsed ? parsed.problems : [];
}

function warningsOf(json: unknown): readonly string[] {
  const parsed = parseEnvoyBootstrap(json, noFiles);
  return 'problems' in parsed ? parsed.problems : parsed.warnings;
}

const tlsWith = (common: Json, fields: Json = {}): Json => ({
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': upstreamTls, common_tls_context: common, ...fields },
  },
});

const serverTls = 'static_resources.clusters[0].transport_socket.typed_config';

test('node, server, mode, headers, keepalive and admin address', (t) => {
  const parsed = parseEnvoyBootstrap(
    bootstrap({
      node: { id: 'n', cluster: 'c', locality: { zone: 'z' }, metadata: { role: 'edge' }, user_agent_name: 'mine' },
      ads: {
        grpc_services: [
          {
            envoy_grpc: { cluster_name: 'xds' },
            initial_metadata: [{ key: 'X-Consul-Token', value: 'token' }],
          },
        ],
        set_node_on_first_message_only: true,
      },
      cluster: xdsCluster({
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            explicit_http_config: {
              http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
            },
          },
        },
      }),
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: 19000 } } },
    }),
    noFiles,
  );
  t.deepEqual(parsed, {
    bootstrap: {
      servers: [
        {
          serverUri: 'xds.example:18000',
          credentials: { kind: 'insecure' },
          features: [],
          metadata: [{ kind: 'value', key: 'x-consul-token', value: 'token' }],
          keepaliveMs: 30_000,
          mode: 'delta',
        },
      ],
      node: {
        id: 'n',
        cluster: 'c',
        locality: { region: '', zone: 'z', subZone: '' },
        metadata: { role: 'edge' },
        userAgent: { name: 'mine', version: '' },
      },
      secretServers: {
        xds: {
          serverUri: 'xds.example:18000',
          credentials: { kind: 'insecure' },
          features: [],
          keepaliveMs: 30_000,
        },
      },
      asksForAll: ['listener', 'cluster'],
    },
    leading: new Set(['xds']),
    admin: { host: '127.0.0.1', port: 19000 },
    warnings: [],
  });
});

test('the JSON spelling of protobuf is the same', (t) => {
  const camel = {
    node: { id: 'n' },
    dynamicResources: {
      adsConfig: { apiType: 'GRPC', grpcServices: [{ envoyGrpc: { clusterName: 'xds' } }] },
      ldsConfig: { ads: {} },
      cdsConfig: { ads: {} },
    },
    staticResources: {
      clusters: [
        {
          name: 'xds',
          loadAssignment: {
            endpoints: [
              { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '::1', portValue: 1 } } } }] },
              { lbEndpoints: [{ endpoint: { address: { pipe: { path: '/xds.sock' } } } }] },
            ],
          },
        },
      ],
    },
  };
  t.true(isEnvoyBootstrap(camel));
  const parsed = parseEnvoyBootstrap(camel, noFiles);
  t.like(parsed, {
    bootstrap: {
      servers: [
        { serverUri: '[::1]:1', mode: 'sotw' },
        { serverUri: 'unix:/xds.sock', mode: 'sotw' },
      ],
    },
    warnings: [],
  });
});

test('TLS to the server: files, inline, from the environment, names of the certificate', (t) => {
  const common = {
    tls_certificates: [
      {
        certificate_chain: { filename: '/c.pem' },
        private_key: { inline_bytes: Buffer.from('KEY').toString('base64') },
      },
    ],
    validation_context: {
      trusted_ca: { environment_variable: 'CA' },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'spiffe://mesh/cp' } }],
    },
    alpn_protocols: ['h2'],
  };
  const cluster = xdsCluster(tlsWith(common, { sni: 'cp.mesh' }));
  const parsed = parseEnvoyBootstrap(bootstrap({ cluster }), { ...noFiles, env: { CA: 'ROOTS' } });
  t.like(parsed, {
    bootstrap: {
      servers: [
        {
          credentials: {
            kind: 'tls',
            ca: { kind: 'inline', pem: 'ROOTS' },
            identity: { certificate: { kind: 'file', path: '/c.pem' }, privateKey: { kind: 'inline', pem: 'KEY' } },
            serverName: 'cp.mesh',
            subjectAltNames: ['spiffe://mesh/cp'],
          },
        },
      ],
    },
    warnings: [],
  });
  t.deepEqual(problemsOf(bootstrap({ cluster })), [
    `${serverTls}.common_tls_context.validation_context.trusted_ca: the environment has no CA`,
  ]);
});

test('certificates in secrets that are files of their own, as Envoy Gateway has them', (t) => {
  const sds = (name: string) => ({ name, sds_config: { path_config_source: { path: `/sds/${name}.json` } } });
  const files: Record<string, unknown> = {
    '/sds/certificate.json': {
      resources: [
        { name: 'other', tls_certificate: {} },
        {
          name: 'certificate',
          tls_certificate: { certificate_chain: { filename: '/certs/c' }, private_key: { filename: '/certs/k' } },
        },
      ],
    },
    '/sds/ca.json': {
      resources: [
        {
          name: 'ca',
          validation_context: {
            trusted_ca: { filename: '/certs/ca' },
            match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'envoy-gateway' } }],
          },
        },
      ],
    },
  };
  const common = {
    tls_certificate_sds_secret_configs: [sds('certificate')],
    validation_context_sds_secret_config: sds('ca'),
  };
  const json = bootstrap({ cluster: xdsCluster(tlsWith(common)) });
  const file = (path: string) => ({ kind: 'file', path });
  t.like(parseEnvoyBootstrap(json, { readData: (path) => files[path], env: {} }), {
    bootstrap: {
      servers: [
        {
          credentials: {
            kind: 'tls',
            ca: file('/certs/ca'),
            identity: { certificate: file('/certs/c'), privateKey: file('/certs/k') },
            subjectAltNames: ['envoy-gateway'],
          },
        },
      ],
    },
  });
  const at = `${serverTls}.common_tls_context`;
  t.deepEqual(problemsOf(json), [
    `${at}.tls_certificate_sds_secret_configs[0].sds_config: can't read /sds/certificate.json: there is no such file`,
    `${at}.validation_context_sds_secret_config.sds_config: can't read /sds/ca.json: there is no such file`,
  ]);
});

test('Google gRPC with a token from a file, as Kuma has it', (t) => {
  const service = {
    target_uri: 'kuma:5678',
    channel_credentials: { ssl_credentials: { root_certs: { inline_string: 'ROOTS' } } },
    call_credentials: [
      {
        from_plugin: {
          name: 'envoy.grpc_credentials.file_based_metadata',
          typed_config: { secret_data: { filename: '/token' } },
        },
      },
    ],
  };
  t.like(parseEnvoyBootstrap(bootstrap({ ads: { grpc_services: [{ google_grpc: service }] } }), noFiles), {
    bootstrap: {
      servers: [
        {
          serverUri: 'kuma:5678',
          credentials: { kind: 'tls', ca: { kind: 'inline', pem: 'ROOTS' }, identity: null },
          metadata: [{ kind: 'file', key: 'authorization', prefix: '', path: '/token' }],
        },
      ],
    },
    warnings: [],
  });
});

test('static clusters that can be reached may be asked for secrets, as the one of an istio-agent', (t) => {
  const pipe = { pipe: { path: './var/run/secrets/workload-spiffe-uds/socket' } };
  const sds = {
    name: 'sds-grpc',
    load_assignment: { cluster_name: 'sds-grpc', endpoints: [{ lb_endpoints: [{ endpoint: { address: pipe } }] }] },
  };
  const quic = { ...sds, name: 'quic', transport_socket: { name: 'quic', typed_config: { '@type': 'x/quic' } } };
  const parsed = parseEnvoyBootstrap(
    bootstrap({ static_resources: { clusters: [xdsCluster(), sds, { name: 'none' }, quic] } }),
    noFiles,
  );
  const servers = 'bootstrap' in parsed ? parsed.bootstrap.secretServers : undefined;
  t.deepEqual(Object.keys(servers ?? {}), ['xds', 'sds-grpc']);
  t.like(servers?.['sds-grpc'], {
    serverUri: 'unix:./var/run/secrets/workload-spiffe-uds/socket',
    credentials: { kind: 'insecure' },
  });
});

test('what is not carried out is told by field path', (t) => {
  t.deepEqual(
    warningsOf(
      bootstrap({
        static_resources: { clusters: [xdsCluster()] },
        stats_sinks: [],
        layered_runtime: {},
        dynamic_resources: {
          ads_config: {
            api_type: 'GRPC',
            grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
          },
          lds_config: { path_config_source: { path: '/lds.yaml' } },
          cds_config: { ads: {} },
          lds_resources_locator: 'xdstp://a/b',
        },
      }),
    ),
    [
      'dynamic_resources.lds_resources_locator: not supported',
      'stats_sinks: not supported',
      'layered_runtime: not supported',
    ],
  );
});

test('listeners and clusters from a server without ADS are asked for over ADS', (t) => {
  const source = { api_config_source: { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] } };
  const parsed = parseEnvoyBootstrap(
    bootstrap({ dynamic_resources: { lds_config: source, cds_config: source } }),
    noFiles,
  );
  t.like(parsed, { bootstrap: { servers: [{ serverUri: 'xds.example:18000', mode: 'sotw' }] } });
  t.like(parsed, { bootstrap: { asksForAll: ['listener', 'cluster'] } });
  t.deepEqual('warnings' in parsed ? parsed.warnings : [], [
    'dynamic_resources.lds_config.api_config_source: is asked over ADS, on one stream for everything',
    'dynamic_resources.cds_config.api_config_source: is asked over ADS, on one stream for everything',
  ]);
});

test('each problem is named, all at once', (t) => {
  t.deepEqual(problemsOf({ static_resources: {} }), [
    'dynamic_resources.ads_config: required: the agent takes its configuration from a control plane',
  ]);
  t.deepEqual(
    problemsOf(
      bootstrap({
        ads: {
          api_type: 'REST',
          transport_api_version: 'V2',
          grpc_services: [{ envoy_grpc: { cluster_name: 'gone' } }, {}],
        },
        admin: { address: { socket_address: { address: '127.0.0.1', port_value: 70_000 } } },
        node: { id: 1 },
      }),
    ),
    [
      'admin.address.socket_address.port_value: must be a port',
      'dynamic_resources.ads_config.transport_api_version: V2 is not supported, only V3 is',
      'dynamic_resources.ads_config.api_type: must be GRPC or DELTA_GRPC, not "REST"',
      'dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name: there is no cluster "gone" in static_resources.clusters',
      'dynamic_resources.ads_config.grpc_services[1]: needs an envoy_grpc or a google_grpc',
      'node.id: must be a string',
    ],
  );
  t.deepEqual(problemsOf(bootstrap({ cluster: { name: 'xds', type: 'EDS' } })), [
    'static_resources.clusters[0].load_assignment: needs an endpoint: a cluster of type EDS has none',
  ]);
});

test('a check of the server that cannot be carried out is a problem, never left out', (t) => {
  const pattern = {
    validation_context: {
      trusted_ca: { filename: '/ca' },
      match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { suffix: '.mesh' } }],
    },
  };
  const at = `${serverTls}.common_tls_context.validation_context`;
  t.deepEqual(problemsOf(bootstrap({ cluster: xdsCluster(tlsWith(pattern)) })), [
    `${at}.match_typed_subject_alt_names[0].matcher: only exact names are supported`,
  ]);
  const pinned = { validation_context: { trusted_ca: { filename: '/ca' }, verify_certificate_spki: ['x'] } };
  t.deepEqual(problemsOf(bootstrap({ cluster: xdsCluster(tlsWith(pinned)) })), [
    `${at}.verify_certificate_spki: not supported`,
  ]);
  const other = { transport_socket: { name: 'quic', typed_config: { '@type': 'type.googleapis.com/quic.Quic' } } };
  t.regex(problemsOf(bootstrap({ cluster: xdsCluster(other) }))[0] ?? '', /@type: "quic\.Quic" is not supported/);
  t.deepEqual(warningsOf(bootstrap({ cluster: xdsCluster(tlsWith({})) })), [
    `${serverTls}.common_tls_context: no trusted_ca: the server's certificate is checked by the platform's roots`,
  ]);
});

test('data of other kinds is no Envoy bootstrap', (t) => {
  for (const json of [null, [], 'text', {}, { services: {} }, { xds_servers: [] }]) t.false(isEnvoyBootstrap(json));
});
