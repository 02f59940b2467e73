// What of a static Envoy bootstrap is wrong, or is not carried out, is told by field path, all of it at once.
import test from 'ava';
import { type EnvoyStaticSources, isStaticBootstrap, parseStaticBootstrap } from '../../xds/envoy-static.ts';

const sources: EnvoyStaticSources = {
  readData: (path) => {
    throw new Error(`can't read ${path}: there is no such file`);
  },
  readFile: (path) => `text of ${path}`,
  env: { CERT: 'from the environment' },
  unsupported: 'warn',
};

function parse(json: unknown, over: Partial<EnvoyStaticSources> = {}) {
  return parseStaticBootstrap(json, { ...sources, ...over });
}

const address = { socket_address: { address: '127.0.0.1', port_value: 8080 } };

function cluster(over: object = {}): object {
  return {
    name: 'a',
    load_assignment: { cluster_name: 'a', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...over,
  };
}

function clusters(...list: readonly object[]): object {
  return { static_resources: { clusters: list } };
}

const tls = (common: object) => ({
  name: 'tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    sni: 'a.example',
    common_tls_context: common,
  },
});

test('a bootstrap is static when it asks no control plane', (t) => {
  t.true(isStaticBootstrap(clusters(cluster())));
  const path = { path_config_source: { path: '/etc/lds.yaml' } };
  t.true(isStaticBootstrap({ dynamic_resources: { lds_config: path, cdsConfig: { path: '/etc/cds.yaml' } } }));
  t.false(isStaticBootstrap({ dynamic_resources: { ads_config: {} } }));
  t.false(isStaticBootstrap({ dynamic_resources: { lds_config: { api_config_source: {} } } }));
});

test('both spellings of a field, wrappers, durations and maps are read', (t) => {
  const { resources, problems, warnings } = parse(
    clusters(
      cluster({
        connectTimeout: '0.25s',
        circuit_breakers: { thresholds: [{ maxRequests: 7 }] },
        common_lb_config: { healthy_panic_threshold: { value: 12.5 } },
        typedExtensionProtocolOptions: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            commonHttpProtocolOptions: { idle_timeout: '60s' },
            explicit_http_config: { http2_protocol_options: {} },
          },
        },
      }),
    ),
  );
  t.deepEqual([...problems, ...warnings], []);
  const [found] = resources;
  t.like(found?.value, {
    connectTimeoutMs: 250,
    maxRequests: 7,
    panicPercent: 12.5,
    connectionLife: { idleTimeoutMs: 60_000 },
  });
});

test('what does not fit a field is a problem, with its path', (t) => {
  const { problems } = parse(
    clusters(
      cluster({ type: 'STATIK' }),
      cluster({ connect_timeout: 5 }),
      cluster({ name: 7 }),
      cluster({ ignore_health_on_host_removal: 'yes', circuit_breakers: { thresholds: [{ max_requests: 1.5 }] } }),
      cluster({ load_assignment: { endpoints: {} } }),
    ),
  );
  const at = 'static_resources.clusters';
  t.deepEqual(problems, [
    `${at}[0].type: unknown value "STATIK" (known: STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST)`,
    `${at}[1].connect_timeout: must be a duration in seconds, "600s" for example`,
    `${at}[2].name: must be a string`,
    `${at}[3].circuit_breakers.thresholds[0].max_requests: must be a whole number`,
    `${at}[4].load_assignment.endpoints: must be a list`,
  ]);
});

test('what the decoders refuse is told under the path of the resource', (t) => {
  const { problems } = parse(clusters(cluster({ connect_timeout: '0s' }), cluster({ name: '' })));
  t.is(problems[0], 'static_resources.clusters[0].connect_timeout: must be above 0');
  t.is(problems[1], 'static_resources.clusters[1].name: must not be empty');
});

test('what is not carried out is told as the policy has it', (t) => {
  const json = { layered_runtime: {}, ...clusters(cluster({ track_cluster_stats: {}, outlier_detection: {} })) };
  const told = [
    'static_resources.clusters[0].track_cluster_stats: not supported',
    'static_resources.clusters[0].outlier_detection: endpoints are not ejected',
    'layered_runtime: not supported',
  ];
  const warned = parse(json);
  t.deepEqual([warned.problems, warned.warnings], [[], told]);
  const ignored = parse(json, { unsupported: 'ignore' });
  t.deepEqual([ignored.problems, ignored.warnings], [[], []]);
  const rejected = parse(json, { unsupported: 'reject' });
  t.deepEqual([...rejected.problems].sort(), [...told].sort());
});

test('secrets stand in place of their names, and values in place of variables', (t) => {
  const secret = {
    name: 'own',
    tls_certificate: { certificate_chain: { environment_variable: 'CERT' }, private_key: { filename: '/key' } },
  };
  const ca = { name: 'ca', validation_context: { trusted_ca: { filename: '/ca' } } };
  const { resources, problems } = parse({
    static_resources: {
      secrets: [secret, ca],
      clusters: [
        cluster({
          transport_socket: tls({
            tls_certificate_sds_secret_configs: [{ name: 'own' }],
            validation_context_sds_secret_config: { name: 'ca' },
          }),
        }),
      ],
    },
  });
  t.deepEqual(problems, []);
  t.like(resources[0]?.value, {
    tls: { certificateChainPem: 'from the environment', privateKeyPem: 'text of /key', trustedCaPem: 'text of /ca' },
  });
});

test('what is named and not there is a problem', (t) => {
  const { problems } = parse(
    clusters(
      cluster({ transport_socket: tls({ tls_certificate_sds_secret_configs: [{ name: 'own' }] }) }),
      {
        name: 'b',
        type: 'EDS',
        eds_cluster_config: { eds_config: { path_config_source: { path: '/eds.yaml' } } },
      },
      {
        name: 'c',
        type: 'EDS',
        eds_cluster_config: { eds_config: { path_config_source: { path: '/other.yaml' } } },
      },
      cluster({ name: 'd' }),
      cluster({ name: 'd' }),
    ),
    {
      readData: (path) => {
        if (path === '/other.yaml') return { resources: [] };
        throw new Error(`can't read ${path}: there is no such file`);
      },
    },
  );
  const at = 'static_resources.clusters';
  t.deepEqual(problems, [
    `${at}[0].transport_socket.typed_config.common_tls_context.tls_certificate_sds_secret_configs[0]: static_resources.secrets has no tls_certificate of the name "own"`,
    `${at}[1].eds_cluster_config.eds_config: can't read /eds.yaml: there is no such file`,
    `${at}[1].eds_cluster_config.eds_config: /eds.yaml has no resource of the name "b"`,
    `${at}[2].eds_cluster_config.eds_config: /other.yaml has no resource of the name "c"`,
    `${at}[4]: there is another cluster of the name "d"`,
  ]);
});
