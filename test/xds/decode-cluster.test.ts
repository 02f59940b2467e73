// Cluster -> model, and each problem with the path of its field (xds.md section 1.5).
import test from 'ava';
import type { DnsDiscovery } from '../../xds/model/cluster.ts';
import { decode, errorsOf, modelOf, warningsOf } from './decoding.ts';
import { pack, socketAddress } from './messages.ts';

const ads = { eds_config: { ads: {} } };
const eds = { name: 'c', type: 'EDS', eds_cluster_config: ads };
const tlsType = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

function tlsSocket(common: object, fields: object = {}): object {
  return { name: 'tls', typed_config: pack(tlsType, { common_tls_context: common, ...fields }) };
}

test('an EDS cluster, with the defaults of what it does not say', (t) => {
  t.deepEqual(modelOf('cluster', eds), {
    name: 'c',
    discovery: { kind: 'eds', serviceName: 'c' },
    lbPolicy: { kind: 'round-robin' },
    localityWeighted: false,
    panicPercent: 50,
    connectTimeoutMs: 5000,
    maxRequests: null,
    tls: null,
  });
});

test('an EDS cluster with a service name, limits and TLS with inline certificates', (t) => {
  const value = modelOf('cluster', {
    ...eds,
    eds_cluster_config: { eds_config: { self: {} }, service_name: 'shop' },
    connect_timeout: { nanos: 250_000_000 },
    circuit_breakers: {
      thresholds: [{ priority: 'HIGH', max_requests: { value: 1 } }, { max_requests: { value: 7 } }],
    },
    common_lb_config: { locality_weighted_lb_config: {} },
    transport_socket: tlsSocket(
      {
        tls_certificates: [
          { certificate_chain: { inline_string: 'CERT' }, private_key: { inline_bytes: Buffer.from('KEY') } },
        ],
        validation_context: {
          trusted_ca: { inline_string: 'CA' },
          match_typed_subject_alt_names: [
            { san_type: 'URI', matcher: { exact: 'spiffe://a/b' } },
            { san_type: 'DNS', matcher: { exact: 'shop.internal' } },
          ],
        },
      },
      { sni: 'shop' },
    ),
  });
  t.deepEqual(value, {
    name: 'c',
    discovery: { kind: 'eds', serviceName: 'shop' },
    lbPolicy: { kind: 'round-robin' },
    localityWeighted: true,
    panicPercent: 50,
    connectTimeoutMs: 250,
    maxRequests: 7,
    tls: {
      certificateChainPem: 'CERT',
      privateKeyPem: 'KEY',
      trustedCaPem: 'CA',
      sni: 'shop',
      subjectAltNames: [
        { kind: 'uri', match: { kind: 'exact', value: 'spiffe://a/b', ignoreCase: false } },
        { kind: 'dns', match: { kind: 'exact', value: 'shop.internal', ignoreCase: false } },
      ],
    },
  });
});

test('STATIC and STRICT_DNS clusters have their endpoints inside, under their own name', (t) => {
  const endpoint = (host: string) => ({ endpoint: { address: socketAddress(host, 80) } });
  const inside = (host: string) => ({ cluster_name: 'other', endpoints: [{ lb_endpoints: [endpoint(host)] }] });
  const fixed = modelOf('cluster', { name: 'c', type: 'STATIC', load_assignment: inside('10.0.0.1') });
  t.like(fixed.discovery, { kind: 'static', endpoints: { name: 'c' } });
  const dns = modelOf('cluster', { name: 'c', type: 'STRICT_DNS', load_assignment: inside('shop.internal') });
  t.like(dns.discovery, { kind: 'strict-dns', refreshMs: 5000, endpoints: { name: 'c' } });
  t.is(
    dns.discovery.kind === 'strict-dns' && dns.discovery.endpoints.localities[0]?.endpoints[0]?.address.host,
    'shop.internal',
  );
});

test('how the names of a DNS cluster are resolved', (t) => {
  const at = (address: object) => ({ endpoint: { address } });
  const shop = at(socketAddress('shop.internal', 80));
  const dns = (fields: object, ...hosts: object[]) => ({
    name: 'c',
    type: 'LOGICAL_DNS',
    load_assignment: { endpoints: [{ lb_endpoints: hosts }] },
    ...fields,
  });
  const istio = {
    respect_dns_ttl: true,
    dns_refresh_rate: { seconds: 60 },
    dns_lookup_family: 'V4_ONLY',
    dns_failure_refresh_rate: { base_interval: { seconds: 1 } },
  };
  const { endpoints: _, ...rules } = modelOf('cluster', dns(istio, shop)).discovery as DnsDiscovery;
  t.deepEqual(rules, {
    kind: 'logical-dns',
    refreshMs: 60_000,
    family: 'v4',
    respectTtl: true,
    failureRefresh: { baseMs: 1000, maxMs: 10_000 },
  });
  t.deepEqual(warningsOf('cluster', dns(istio, shop)), []);
  t.deepEqual(errorsOf('cluster', dns({}, shop, at(socketAddress('b', 1)))), [
    'load_assignment.endpoints: must be one endpoint',
  ]);
  const rate = { base_interval: { seconds: 2 }, max_interval: { seconds: 1 } };
  t.deepEqual(errorsOf('cluster', dns({ dns_failure_refresh_rate: rate }, shop)), [
    'dns_failure_refresh_rate.max_interval: must not be below base_interval',
  ]);
});

test('control-planes.md section 1: BlackHoleCluster and PassthroughCluster are accepted', (t) => {
  t.deepEqual(modelOf('cluster', { name: 'BlackHoleCluster', type: 'STATIC' }).discovery, {
    kind: 'static',
    endpoints: { name: 'BlackHoleCluster', localities: [], dropOverloads: [], overprovisioningPercent: 140 },
  });
  const passthrough = {
    name: 'PassthroughCluster',
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    upstream_bind_config: { source_address: { address: '127.0.0.6', port_value: 0 } },
    circuit_breakers: { thresholds: [{ max_connections: { value: 4_294_967_295 } }] },
  };
  const reason = 'type: ORIGINAL_DST is not supported';
  t.deepEqual(modelOf('cluster', passthrough).discovery, { kind: 'unsupported', reason });
  t.deepEqual(warningsOf('cluster', passthrough), [reason]);
});

test('what would weaken authentication makes the cluster unsupported, not less safe', (t) => {
  const sds = { name: 'default' };
  const san = (matcher: object, type = 'URI') => ({ match_typed_subject_alt_names: [{ san_type: type, matcher }] });
  const cases: readonly (readonly [object, string])[] = [
    [
      { tls_certificate_sds_secret_configs: [sds] },
      'tls_certificate_sds_secret_configs[0].sds_config: static secrets are not supported',
    ],
    [
      { validation_context_sds_secret_config: sds },
      'validation_context_sds_secret_config.sds_config: static secrets are not supported',
    ],
    [
      { combined_validation_context: { default_validation_context: {}, validation_context_sds_secret_config: sds } },
      'combined_validation_context.validation_context_sds_secret_config.sds_config: static secrets are not supported',
    ],
    [
      { validation_context: { verify_certificate_hash: ['ab'] } },
      'validation_context.verify_certificate_hash: pinned certificates are not supported',
    ],
    [
      { validation_context: { crl: { inline_string: 'x' } } },
      'validation_context.crl: revocation lists are not supported',
    ],
    [
      { validation_context: san({ exact: '1.2.3' }, 'OTHER_NAME') },
      'validation_context.match_typed_subject_alt_names[0].san_type: OTHER_NAME names are not supported',
    ],
    [
      { validation_context: { trusted_ca: { filename: '/ca.pem' } } },
      'validation_context.trusted_ca.filename: files are not read here',
    ],
  ];
  for (const [common, text] of cases) {
    const message = { ...eds, transport_socket: tlsSocket(common) };
    const reason = `transport_socket.typed_config.common_tls_context.${text}`;
    t.deepEqual(modelOf('cluster', message).discovery, { kind: 'unsupported', reason });
    t.deepEqual(errorsOf('cluster', message, 'reject'), [reason]);
  }
  const quic = { name: 'quic', typed_config: { type_url: 'type.googleapis.com/quic', value: Buffer.alloc(0) } };
  t.like(modelOf('cluster', { ...eds, transport_socket: quic }).discovery, { kind: 'unsupported' });
});

test('what is offered to a server, and which name of it counts: a listed one, the one asked for, or none', (t) => {
  const roots = { trusted_ca: { inline_string: 'CA' } };
  const names = { match_subject_alt_names: [{ prefix: 'spiffe://mesh/' }] };
  const tlsOf = (validation: object, fields: object) =>
    modelOf('cluster', { ...eds, transport_socket: tlsSocket({ validation_context: validation }, fields) }).tls;
  const any = { kind: 'any', match: { kind: 'prefix', value: 'spiffe://mesh/', ignoreCase: false } };
  t.like(tlsOf({ ...roots, ...names }, { sni: 'shop' }), { subjectAltNames: [any], nameCheck: undefined });
  // As in Envoy: roots that were named and no name mean any certificate of theirs.
  t.like(tlsOf(roots, { sni: 'shop' }), { sni: 'shop', subjectAltNames: [], nameCheck: 'chain' });
  t.like(tlsOf({}, { sni: 'shop' }), { sni: 'shop', nameCheck: undefined });
  t.like(tlsOf({ ...roots, ...names }, { sni: 'shop', auto_sni_san_validation: true }), { nameCheck: 'sni' });
  t.like(tlsOf(roots, { auto_host_sni: true, auto_sni_san_validation: true }), {
    sni: null,
    hostnameIsSni: true,
    nameCheck: 'sni',
  });
  const istio = { alpn_protocols: ['istio-peer-exchange', 'istio', 'h2', 'http/1.1'] };
  t.deepEqual(modelOf('cluster', { ...eds, transport_socket: tlsSocket(istio) }).tls?.alpn, ['istio']);
  const nameless = { ...eds, transport_socket: tlsSocket({}, { auto_sni_san_validation: true }) };
  t.deepEqual(errorsOf('cluster', nameless), [
    'transport_socket.typed_config.auto_sni_san_validation: needs sni or auto_host_sni',
  ]);
});

test('transport_socket_matches: each way to reach endpoints, by the labels that choose it', (t) => {
  const raw = {
    name: 'raw',
    typed_config: pack('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
  };
  const labels = { fields: { tlsMode: { stringValue: 'istio' }, n: { numberValue: 2 }, a: { boolValue: true } } };
  const message = {
    ...eds,
    transport_socket_matches: [
      {
        name: 'mutual',
        match: labels,
        transport_socket: tlsSocket({ validation_context: { trusted_ca: { inline_string: 'CA' } } }),
      },
      { name: 'pinned', transport_socket: tlsSocket({ validation_context: { verify_certificate_hash: ['ab'] } }) },
      { name: 'off', match: {}, transport_socket: raw },
    ],
  };
  const path = 'transport_socket_matches[1].transport_socket.typed_config.common_tls_context.validation_context';
  const reason = `${path}.verify_certificate_hash: pinned certificates are not supported`;
  const value = modelOf('cluster', message);
  t.like(value.socketMatches?.[0], {
    name: 'mutual',
    labels: { a: 'true', n: '2', tlsMode: '"istio"' },
    socket: { kind: 'tls', tls: { trustedCaPem: 'CA' } },
  });
  t.deepEqual(value.socketMatches?.slice(1), [
    { name: 'pinned', labels: {}, socket: { kind: 'unsupported', reason } },
    { name: 'off', labels: {}, socket: { kind: 'clear' } },
  ]);
  t.deepEqual(value.discovery, { kind: 'eds', serviceName: 'c' }, 'one bad way spoils no other');
  t.deepEqual(warningsOf('cluster', message), [reason]);
  const twice = { ...eds, transport_socket_matches: [{ name: 'a' }, { name: 'a' }] };
  t.deepEqual(errorsOf('cluster', twice), ['transport_socket_matches[1].name: another one has the name "a"']);
});

test('certificate files are read by the function that is passed in, and an unreadable one is a problem', (t) => {
  const message = {
    ...eds,
    transport_socket: tlsSocket({ validation_context: { trusted_ca: { filename: '/ca.pem' } } }),
  };
  t.is(modelOf('cluster', message, { readFile: (path) => `PEM of ${path}` }).tls?.trustedCaPem, 'PEM of /ca.pem');
  const failing = () => {
    throw new Error('ENOENT: no such file');
  };
  const result = decode('cluster', message, { readFile: failing });
  t.deepEqual(result.kind === 'invalid' && result.errors, [
    'transport_socket.typed_config.common_tls_context.validation_context.trusted_ca.filename: ENOENT: no such file',
  ]);
});

test('a raw buffer is clear text', (t) => {
  const type_url = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
  const socket = { name: 'raw', typed_config: { type_url, value: Buffer.alloc(0) } };
  t.is(modelOf('cluster', { ...eds, transport_socket: socket }).tls, null);
  t.deepEqual(warningsOf('cluster', { ...eds, transport_socket: socket }), []);
});

const clusterProblems: readonly (readonly [what: string, message: object, errors: readonly string[]])[] = [
  ['no name', { ...eds, name: '' }, ['name: must not be empty']],
  ['EDS without its config', { name: 'c', type: 'EDS' }, ['eds_cluster_config: required with type EDS']],
  ['EDS without a source', { ...eds, eds_cluster_config: {} }, ['eds_cluster_config.eds_config: required']],
  [
    'EDS config of another type',
    { ...eds, type: 'STATIC' },
    ['eds_cluster_config: only allowed with type EDS, not STATIC'],
  ],
  ['an unknown type', { name: 'c', type: 99 }, ['type: unknown value 99']],
  [
    'a name that cannot be an EDS name (gRFC A47)',
    { ...eds, name: 'xdstp://a/b' },
    ['eds_cluster_config.service_name: required where the name of the cluster begins with xdstp:'],
  ],
  ['a timeout of 0', { ...eds, connect_timeout: {} }, ['connect_timeout: must be above 0']],
  [
    'a policy list that is asked for and missing',
    { ...eds, lb_policy: 'LOAD_BALANCING_POLICY_CONFIG' },
    ['lb_policy: LOAD_BALANCING_POLICY_CONFIG needs load_balancing_policy'],
  ],
  [
    'an empty policy list',
    { ...eds, load_balancing_policy: {} },
    ['load_balancing_policy.policies: must not be empty'],
  ],
  [
    'a refresh without a pause',
    { name: 'c', type: 'STRICT_DNS', dns_refresh_rate: { nanos: 1 } },
    ['dns_refresh_rate: must be above 1 ms'],
  ],
  [
    'a DNS name in a STATIC cluster',
    {
      name: 'c',
      type: 'STATIC',
      load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress('shop', 1) } }] }] },
    },
    [
      'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: "shop" is not an IP address',
    ],
  ],
  [
    'a key without a certificate',
    { ...eds, transport_socket: tlsSocket({ tls_certificates: [{ private_key: { inline_string: 'K' } }] }) },
    ['transport_socket.typed_config.common_tls_context.tls_certificates[0].certificate_chain: required'],
  ],
];

for (const [what, message, expected] of clusterProblems) {
  test(`cluster, ${what}: refused, naming the field`, (t) => {
    t.deepEqual(errorsOf('cluster', message), expected);
  });
}

test('a broken TLS context is refused as no such message', (t) => {
  const socket = {
    name: 'tls',
    typed_config: { type_url: `type.googleapis.com/${tlsType}`, value: Buffer.from([0xff]) },
  };
  t.regex(
    errorsOf('cluster', { ...eds, transport_socket: socket })[0] ?? '',
    /^transport_socket\.typed_config: not a envoy/,
  );
});

test('fields of a cluster that are not carried out are each named', (t) => {
  const message = {
    ...eds,
    outlier_detection: {},
    health_checks: [{}],
    lb_subset_config: {},
    circuit_breakers: { thresholds: [{ max_connections: { value: 1 } }] },
    filters: [
      { name: 'f', typed_config: { type_url: 'x/some.Filter', value: Buffer.alloc(0) } },
      {
        name: 'istio.metadata_exchange',
        typed_config: pack('udpa.type.v1.TypedStruct', {
          type_url: 'type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange',
        }),
      },
    ],
  };
  t.deepEqual(
    warningsOf('cluster', message).map((warning) => warning.slice(0, warning.indexOf(':'))),
    [
      'health_checks',
      'outlier_detection',
      'lb_subset_config',
      'filters[0]',
      'circuit_breakers.thresholds[0].max_connections',
    ],
  );
});
