// Listener -> model, and each problem with the path of its field (xds.md sections 1.2, 1.3; control-planes.md 1).
import test from 'ava';
import { decode, errorsOf, modelOf, warningsOf } from './decoding.ts';
import {
  connectionManager,
  listenerMessage,
  pack,
  rds,
  routeMessage,
  routerFilter,
  socketAddress,
} from './messages.ts';

const inline = { route_config: routeMessage('inline', ['c']) };
const empty = (typeName: string) => ({ type_url: `type.googleapis.com/${typeName}`, value: Buffer.alloc(0) });
const downstreamType = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const certificate = { certificate_chain: { inline_string: 'CERT' }, private_key: { inline_string: 'KEY' } };
const address = socketAddress('127.0.0.1', 8080);

function tls(common: object, fields: object = {}): object {
  return { name: 'tls', typed_config: pack(downstreamType, { common_tls_context: common, ...fields }) };
}

function withFilters(...filters: object[]): object {
  return listenerMessage('l', connectionManager({ ...inline, http_filters: filters }));
}

test('a listener with RDS, TLS and limits', (t) => {
  const value = modelOf('listener', {
    name: 'l',
    address: socketAddress('0.0.0.0', 15006),
    traffic_direction: 'INBOUND',
    filter_chains: [
      {
        name: 'secure',
        filters: [
          connectionManager({
            stat_prefix: 'in',
            rds: { config_source: { ads: {} }, route_config_name: 'r' },
            common_http_protocol_options: { max_stream_duration: { seconds: 60 } },
            http2_protocol_options: { max_concurrent_streams: { value: 100 } },
          }),
        ],
        transport_socket: tls(
          { tls_certificates: [certificate], validation_context: { trusted_ca: { inline_string: 'CA' } } },
          { require_client_certificate: { value: true } },
        ),
      },
    ],
    default_filter_chain: { filters: [rds('other')] },
  });
  t.deepEqual(value, {
    name: 'l',
    address: { host: '0.0.0.0', port: 15006 },
    direction: 'inbound',
    filterChains: [
      {
        name: 'secure',
        match: null,
        tls: {
          certificateChainPem: 'CERT',
          privateKeyPem: 'KEY',
          trustedCaPem: 'CA',
          requireClientCertificate: true,
        },
        http: {
          statPrefix: 'in',
          routes: { kind: 'rds', name: 'r' },
          filters: [],
          maxStreamDurationMs: 60_000,
          maxConcurrentStreams: 100,
        },
      },
    ],
    unusableChains: [],
    defaultFilterChain: {
      name: '',
      match: null,
      tls: null,
      http: {
        statPrefix: 'test',
        routes: { kind: 'rds', name: 'other' },
        filters: [],
        maxStreamDurationMs: null,
        maxConcurrentStreams: null,
      },
    },
  });
});

test('control-planes.md section 1: a default filter chain alone, and routes inside the listener', (t) => {
  const value = modelOf('listener', {
    name: 'l',
    address,
    default_filter_chain: { filters: [connectionManager(inline)] },
  });
  t.deepEqual(value.filterChains, []);
  t.like(value.defaultFilterChain?.http.routes, { kind: 'inline', config: { name: 'inline' } });
  t.is(value.direction, 'outbound');
});

test('case 95: the listener that Gloo has for nodes it does not know is told as what it is', (t) => {
  const message = {
    name: 'listener-for-invalid-envoy',
    address,
    filter_chains: [{ filters: [connectionManager(inline)] }],
  };
  t.deepEqual(warningsOf('listener', message), [
    "name: Gloo sends this listener to a node whose metadata's role it does not know",
  ]);
});

test('a listener for clients (api_listener) has no port, whatever address comes with it, and no chains', (t) => {
  const manager = (connectionManager(inline) as { typed_config: object }).typed_config;
  const value = modelOf('listener', { name: 'target:80', address, api_listener: { api_listener: manager } });
  t.like(value, { name: 'target:80', address: { host: '', port: 0 }, filterChains: [], defaultFilterChain: null });
  t.like(value.api?.routes, { kind: 'inline', config: { name: 'inline' } });
  t.is(value.unsupported, undefined);
});

test('a listener for clients without a connection manager is refused, and so is a bad one, by field', (t) => {
  const errors = (any: object | null) => errorsOf('listener', { name: 'l', api_listener: { api_listener: any } });
  const missing = 'api_listener.api_listener: must be an HTTP connection manager, and is absent';
  t.deepEqual(errors(null), [missing]);
  t.regex(errors(empty('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'))[0]!, /and is envoy\.\S+TcpProxy$/);
  const bad = (connectionManager({ ...inline, http_filters: [] }) as { typed_config: object }).typed_config;
  t.deepEqual(errors(bad), ['api_listener.api_listener.http_filters: must not be empty: the router is missing']);
});

test('control-planes.md section 1: the filters of an Istio or Consul chain are accepted without a word', (t) => {
  const message = withFilters(
    {
      name: 'istio.metadata_exchange',
      typed_config: pack('udpa.type.v1.TypedStruct', {
        type_url: 'type.googleapis.com/io.istio.http.peer_metadata.Config',
      }),
    },
    { name: 'grpc_stats', typed_config: empty('envoy.extensions.filters.http.grpc_stats.v3.FilterConfig') },
    { name: 'alpn', typed_config: empty('istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig') },
    { name: 'fault', typed_config: empty('envoy.extensions.filters.http.fault.v3.HTTPFault') },
    { name: 'cors', typed_config: empty('envoy.extensions.filters.http.cors.v3.Cors') },
    { name: 'bridge', typed_config: empty('envoy.extensions.filters.http.grpc_http1_bridge.v3.Config') },
    routerFilter,
  );
  t.deepEqual(warningsOf('listener', message), []);
});

test('gRFC A39: an HTTP filter that is not carried out is told by policy, unless it is optional or off', (t) => {
  const lua = { name: 'lua', typed_config: empty('envoy.extensions.filters.http.lua.v3.Lua') };
  const message = withFilters(
    lua,
    { ...lua, name: 'optional', is_optional: true },
    { ...lua, name: 'off', disabled: true },
    { name: 'remote', config_discovery: {} },
    routerFilter,
  );
  const base = 'filter_chains[0].filters[0].typed_config.http_filters';
  const expected = [
    `${base}[0]: the filter "lua" (envoy.extensions.filters.http.lua.v3.Lua) is not carried out`,
    `${base}[3].config_discovery: extension discovery (ECDS) is not supported, the filter is skipped`,
  ];
  t.deepEqual(warningsOf('listener', message), expected);
  t.deepEqual(errorsOf('listener', message, 'reject'), expected);
});

test('a listener that cannot be opened as asked is accepted without its chains, with the reason', (t) => {
  const chains = { filter_chains: [{ filters: [connectionManager(inline)] }] };
  const tcp = { name: 'tcp', typed_config: empty('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy') };
  const cases: readonly (readonly [object, string])[] = [
    [{ ...chains, address: { pipe: { path: '/tmp/s' } } }, 'address.pipe: Unix sockets are not supported'],
    [{ internal_listener: {} }, 'internal_listener: internal listeners are not supported'],
    [{ address, filter_chains: [{ filters: [tcp] }] }, 'filter_chains: none of the filter chains can be used'],
  ];
  for (const [fields, unsupported] of cases) {
    const value = modelOf('listener', { name: 'l', ...fields });
    t.is(value.unsupported, unsupported);
    t.deepEqual([value.filterChains, value.defaultFilterChain], [[], null]);
    t.true(warningsOf('listener', { name: 'l', ...fields }).length > 0);
  }
});

test('which connections a listener takes that were meant for other addresses, and how long it waits for a word', (t) => {
  const acceptanceOf = (fields: object) => {
    const message = listenerMessage('l', connectionManager(inline), fields);
    t.deepEqual(warningsOf('listener', message), []);
    const { capture, bindsNoPort, detection } = modelOf('listener', message);
    return { capture, bindsNoPort, detection };
  };
  const original = {
    name: 'dst',
    typed_config: empty('envoy.extensions.filters.listener.original_dst.v3.OriginalDst'),
  };
  const none = { capture: undefined, bindsNoPort: undefined, detection: undefined };
  t.deepEqual(acceptanceOf({}), none);
  t.deepEqual(acceptanceOf({ listener_filters: [original] }), { ...none, capture: 'match' });
  t.deepEqual(acceptanceOf({ listener_filters: [original], use_original_dst: { value: true } }), {
    ...none,
    capture: 'hand-on',
  });
  t.deepEqual(
    acceptanceOf({
      bind_to_port: { value: false },
      listener_filters_timeout: {},
      continue_on_listener_filters_timeout: true,
    }),
    { ...none, bindsNoPort: true, detection: { timeoutMs: null, servesSilent: true } },
  );
  t.deepEqual(acceptanceOf({ listener_filters_timeout: { seconds: 2 } }).detection, {
    timeoutMs: 2000,
    servesSilent: false,
  });
  t.is(acceptanceOf({ continue_on_listener_filters_timeout: true }).detection?.timeoutMs, 15_000, "Envoy's default");
});

test('a chain that asks for what cannot be checked is left out, not served without the check', (t) => {
  const chain = (common: object) => ({ filters: [connectionManager(inline)], transport_socket: tls(common) });
  const message = {
    name: 'l',
    address,
    filter_chains: [chain({ tls_certificate_sds_secret_configs: [{ name: 'default' }] })],
    default_filter_chain: chain({
      tls_certificates: [certificate],
      validation_context: { verify_certificate_spki: ['ab'] },
    }),
  };
  t.is(modelOf('listener', message).unsupported, 'filter_chains: none of the filter chains can be used');
});

test('other fields that are not carried out are each named', (t) => {
  const message = {
    ...listenerMessage(
      'l',
      connectionManager({
        ...inline,
        codec_type: 'HTTP1',
        strip_any_host_port: true,
        stream_idle_timeout: { seconds: 300 },
        request_timeout: { seconds: 0 },
        common_http_protocol_options: {
          headers_with_underscores_action: 'REJECT_REQUEST',
        },
      }),
    ),
    additional_addresses: [{}],
    listener_filters: [
      { name: 'inspector', typed_config: empty('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector') },
      { name: 'proxy', typed_config: empty('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol') },
    ],
  };
  const http = 'filter_chains[0].filters[0].typed_config';
  t.deepEqual(
    warningsOf('listener', message).map((warning) => warning.slice(0, warning.indexOf(':'))),
    [
      `${http}.codec_type`,
      `${http}.strip_any_host_port`,
      `${http}.stream_idle_timeout`,
      `${http}.common_http_protocol_options.headers_with_underscores_action`,
      'additional_addresses',
      'listener_filters[1]',
    ],
  );
});

test('how long the connections of clients live, and how they are watched', (t) => {
  const lifeOf = (common: object, http2: object) =>
    modelOf(
      'listener',
      listenerMessage(
        'l',
        connectionManager({ ...inline, common_http_protocol_options: common, http2_protocol_options: http2 }),
      ),
    ).filterChains[0]?.http.connectionLife;
  t.deepEqual(
    lifeOf(
      { idle_timeout: { seconds: 60 }, max_connection_duration: { seconds: 600 } },
      { connection_keepalive: { interval: { seconds: 30 }, timeout: { seconds: 5 } } },
    ),
    { keepalive: { intervalMs: 30_000, timeoutMs: 5000 }, idleTimeoutMs: 60_000, maxDurationMs: 600_000 },
  );
  t.deepEqual(lifeOf({ idle_timeout: {} }, {}), { keepalive: null, idleTimeoutMs: 0, maxDurationMs: null });
  t.is(lifeOf({ max_connection_duration: {} }, { max_concurrent_streams: { value: 7 } }), undefined);
});

const manager = 'filter_chains[0].filters[0].typed_config';
const noRds = (fields: object) => connectionManager({ rds: fields });

const problems: readonly (readonly [what: string, message: object, errors: readonly string[]])[] = [
  ['no name', { ...listenerMessage('', connectionManager(inline)) }, ['name: must not be empty']],
  ['no address', { ...listenerMessage('l', connectionManager(inline)), address: null }, ['address: no address is set']],
  [
    'a named port',
    {
      ...listenerMessage('l', connectionManager(inline)),
      address: { socket_address: { address: '::1', named_port: 'http' } },
    },
    ['address.socket_address.port_value: required'],
  ],
  ['no filter chain', { name: 'l', address }, ['filter_chains: there is no filter chain']],
  [
    'two chains with the same match',
    {
      name: 'l',
      address,
      filter_chains: [{ filters: [connectionManager(inline)] }, { filters: [connectionManager(inline)] }],
    },
    ['filter_chains[1].filter_chain_match: another filter chain has the same match'],
  ],
  [
    'a connection manager that is not last',
    {
      name: 'l',
      address,
      filter_chains: [{ filters: [connectionManager(inline), connectionManager(inline)] }],
    },
    ['filter_chains[0].filters[0]: the HTTP connection manager must be the last filter'],
  ],
  ['no routes', listenerMessage('l', connectionManager({})), [`${manager}: no route specifier that we know is set`]],
  [
    'RDS without name and source',
    listenerMessage('l', noRds({})),
    [`${manager}.rds.route_config_name: must not be empty`, `${manager}.rds.config_source: required`],
  ],
  ['no filters', withFilters(), [`${manager}.http_filters: must not be empty: the router is missing`]],
  [
    'a router in the middle',
    withFilters(routerFilter, { ...routerFilter, name: 'second' }),
    [`${manager}.http_filters[0]: the router must be the last filter`],
  ],
  [
    'no router',
    withFilters({ name: 'cors', typed_config: empty('envoy.extensions.filters.http.cors.v3.Cors') }),
    [`${manager}.http_filters[0]: the last filter must be the router`],
  ],
  [
    'two filters of one name',
    withFilters({ ...routerFilter, typed_config: empty('envoy.extensions.filters.http.cors.v3.Cors') }, routerFilter),
    [`${manager}.http_filters[1].name: another filter has the name "envoy.filters.http.router" too`],
  ],
  [
    'no streams',
    listenerMessage(
      'l',
      connectionManager({ ...inline, http2_protocol_options: { max_concurrent_streams: { value: 0 } } }),
    ),
    [`${manager}.http2_protocol_options.max_concurrent_streams: must be from 1 to 2147483647`],
  ],
  [
    'a problem in routes inside the listener',
    listenerMessage('l', connectionManager({ route_config: { virtual_hosts: [{ name: 'v' }] } })),
    [`${manager}.route_config.virtual_hosts[0].domains: must not be empty`],
  ],
  [
    'TLS without a certificate',
    {
      name: 'l',
      address,
      filter_chains: [{ filters: [connectionManager(inline)], transport_socket: tls({}) }],
    },
    [
      'filter_chains[0].transport_socket.typed_config.common_tls_context.tls_certificates: a server needs a certificate',
    ],
  ],
  [
    'client certificates without roots',
    {
      name: 'l',
      address,
      filter_chains: [
        {
          filters: [connectionManager(inline)],
          transport_socket: tls({ tls_certificates: [certificate] }, { require_client_certificate: { value: true } }),
        },
      ],
    },
    [
      'filter_chains[0].transport_socket.typed_config.common_tls_context.validation_context: require_client_certificate and names of clients need a trusted_ca',
    ],
  ],
];

for (const [what, message, expected] of problems) {
  test(`listener, ${what}: refused, naming the field`, (t) => {
    t.deepEqual(errorsOf('listener', message), expected);
  });
}

test('a connection manager that cannot be read is named by its place', (t) => {
  const typeName = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const filter = { name: 'hcm', typed_config: { type_url: `x/${typeName}`, value: Buffer.from([0xff]) } };
  const result = decode('listener', listenerMessage('l', filter));
  t.regex(
    result.kind === 'invalid' ? (result.errors[0] ?? '') : '',
    /^filter_chains\[0\]\.filters\[0\]\.typed_config: not a/,
  );
});
