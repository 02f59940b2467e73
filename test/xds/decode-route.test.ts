// RouteConfiguration -> model: what is taken, and what is taken and not carried out (xds.md section 1.4,
// envoy-behaviours.md sections 1 to 3).
import test from 'ava';
import { forwardTo, unchanged } from '../../xds/model/route.ts';
import { decode, errorsOf, modelOf, warningsOf } from './decoding.ts';

function withHosts(...virtualHosts: object[]): object {
  return { name: 'r', virtual_hosts: virtualHosts };
}

function withRoute(route: object): object {
  return withHosts({ name: 'v', domains: ['*'], routes: [route] });
}

const match = { prefix: '/' };
const action = { cluster: 'c' };

test('a route configuration with each kind of match and action', (t) => {
  const value = modelOf('route', {
    name: 'r',
    ignore_port_in_host_matching: true,
    virtual_hosts: [
      {
        name: 'v',
        domains: ['Shop.example.com', '*.example.com', 'example.*', '*'],
        routes: [
          {
            name: 'weighted',
            match: {
              prefix: '/shop.Shop/',
              case_sensitive: { value: false },
              grpc: {},
              runtime_fraction: { default_value: { numerator: 5, denominator: 'TEN_THOUSAND' } },
            },
            route: {
              weighted_clusters: {
                clusters: [
                  { name: 'v1', weight: { value: 90 } },
                  { name: 'v2', weight: { value: 10 } },
                  { name: 'off', weight: { value: 0 } },
                ],
              },
              timeout: { seconds: 1, nanos: 500_000_001 },
              host_rewrite_literal: 'shop.internal',
              max_stream_duration: { max_stream_duration: { seconds: 9 }, grpc_timeout_header_max: { seconds: 0 } },
            },
          },
          { match: { path: '/a/B' }, direct_response: { status: 503, body: { inline_string: 'closed' } } },
          { match: { safe_regex: { regex: '/re/(a|b)' } }, non_forwarding_action: {} },
          { match: { path_separated_prefix: '/psp' }, route: { cluster: 'c', timeout: { seconds: 0 } } },
        ],
      },
    ],
  });
  const plain = {
    caseSensitive: true,
    headers: [],
    queryParameters: [],
    grpcOnly: false,
    runtimeFraction: null,
  };
  t.deepEqual(value, {
    name: 'r',
    ignorePortInHostMatching: true,
    ...unchanged,
    mostSpecificMutationsWin: false,
    virtualHosts: [
      {
        name: 'v',
        domains: ['Shop.example.com', '*.example.com', 'example.*', '*'],
        ...unchanged,
        routes: [
          {
            name: 'weighted',
            ...unchanged,
            match: {
              ...plain,
              path: { kind: 'prefix', value: '/shop.Shop/' },
              caseSensitive: false,
              grpcOnly: true,
              runtimeFraction: { numerator: 5, denominator: 10_000 },
            },
            action: forwardTo(
              [
                { name: 'v1', weight: 90 },
                { name: 'v2', weight: 10 },
              ],
              {
                timeoutMs: 1501,
                maxStreamDurationMs: 9000,
                grpcTimeoutMaxMs: 0,
                hostRewrite: { kind: 'literal', value: 'shop.internal' },
              },
            ),
          },
          {
            name: '',
            match: { ...plain, path: { kind: 'exact', value: '/a/B' } },
            action: { kind: 'direct-response', status: 503, body: 'closed' },
            ...unchanged,
          },
          {
            name: '',
            match: { ...plain, path: { kind: 'regex', value: '/re/(a|b)' } },
            action: { kind: 'non-forwarding' },
            ...unchanged,
          },
          {
            name: '',
            match: { ...plain, path: { kind: 'separated-prefix', value: '/psp' } },
            action: forwardTo([{ name: 'c', weight: 1 }]),
            ...unchanged,
          },
        ],
      },
    ],
  });
});

test('header matchers of each form, the old ones too, and host as the authority', (t) => {
  const headers = [
    { name: 'X-A', string_match: { exact: 'a', ignore_case: true } },
    { name: 'b', string_match: { safe_regex: { regex: '^b+$' } } },
    { name: 'c', exact_match: '' },
    { name: 'd', prefix_match: 'd', invert_match: true },
    { name: 'e', suffix_match: 'e', treat_missing_header_as_empty: true },
    { name: 'f', contains_match: 'f' },
    { name: 'g', safe_regex_match: { regex: 'g' } },
    { name: 'h', range_match: { start: -1, end: 10 } },
    { name: 'i', present_match: false },
    { name: 'Host' },
    { name: ':method', present_match: true },
  ];
  const parameters = [
    { name: 'q', string_match: { prefix: 'p' } },
    { name: 'z', present_match: false },
  ];
  const value = modelOf(
    'route',
    withRoute({ match: { ...match, headers, query_parameters: parameters }, route: action }),
  );
  const decoded = value.virtualHosts[0]?.routes[0]?.match;
  t.deepEqual(
    decoded?.headers.map((header) => ({ ...header, ...header.match, match: undefined })),
    [
      { name: 'x-a', kind: 'exact', value: 'a', ignoreCase: true },
      { name: 'b', kind: 'regex', value: '^b+$' },
      { name: 'c', kind: 'exact', value: '', ignoreCase: false },
      { name: 'd', kind: 'prefix', value: 'd', ignoreCase: false, invert: true },
      { name: 'e', kind: 'suffix', value: 'e', ignoreCase: false, treatMissingAsEmpty: true },
      { name: 'f', kind: 'contains', value: 'f', ignoreCase: false },
      { name: 'g', kind: 'regex', value: 'g' },
      { name: 'h', kind: 'range', start: -1, end: 10 },
      { name: 'i', kind: 'present', value: false },
      { name: ':authority', kind: 'present', value: true },
      { name: ':method', kind: 'present', value: true },
    ].map((header) => ({ invert: false, treatMissingAsEmpty: false, match: undefined, ...header })) as never,
  );
  t.deepEqual(decoded?.queryParameters, [
    { name: 'q', match: { kind: 'prefix', value: 'p', ignoreCase: false } },
    { name: 'z', match: { kind: 'present', value: false } },
  ]);
});

const host = { name: 'v', domains: ['*'] };

test('an action that is not carried out is accepted, and its reason is in the model', (t) => {
  const message = withHosts({
    ...host,
    routes: [
      { match, route: { cluster_specifier_plugin: 'p' } },
      { match, route: { ...action, path_rewrite_policy: { name: 'template' } } },
      { match, filter_action: {} },
      { match, direct_response: { status: 200, body: { filename: '/etc/motd' } } },
    ],
  });
  const actions = modelOf('route', message).virtualHosts[0]?.routes.map((route) => route.action);
  const reasons = [
    'route.cluster_specifier_plugin: cluster specifier plugins are not supported',
    'route.path_rewrite_policy: paths are not rewritten so',
    'filter_action: actions of filters are not supported',
    'direct_response.body.filename: files are not read here',
  ].map((reason, index) => `virtual_hosts[0].routes[${index}].${reason}`);
  t.deepEqual(
    actions,
    reasons.map((reason) => ({ kind: 'unsupported' as const, reason })),
  );
  t.deepEqual(warningsOf('route', message), reasons);
  t.deepEqual(errorsOf('route', message, 'reject'), reasons, 'under reject the same are errors');
  const ignored = decode('route', message, { unsupported: 'ignore' });
  t.deepEqual(ignored.kind === 'valid' && ignored.warnings, [], 'under ignore nothing is said');
});

test('a condition that is not tested makes the route go, not match more', (t) => {
  const message = withHosts({
    ...host,
    routes: [
      { match: { ...match, tls_context: {} }, route: action },
      { match: { ...match, dynamic_metadata: [{}] }, route: action },
      { match: { connect_matcher: {} }, route: action },
      { match: { path_match_policy: {} }, route: action },
      { name: 'last', match, route: action },
    ],
  });
  t.deepEqual(
    modelOf('route', message).virtualHosts[0]?.routes.map(({ name }) => name),
    ['last'],
  );
  t.is(warningsOf('route', message).length, 4);
});

test('when calls are retried: by words, with the defaults of Envoy, and by the virtual host where the route says nothing', (t) => {
  const policyOf = (route: object, ofHost: object | null = null) => {
    const value = modelOf('route', withHosts({ ...host, retry_policy: ofHost, routes: [{ match, route }] }));
    const { action: taken } = value.virtualHosts[0]!.routes[0]!;
    return taken.kind === 'forward' ? taken.retry : undefined;
  };
  const backoff = { initialBackoffMs: 25, maxBackoffMs: 250, backoffMultiplier: 2 };
  // What Istio sends with each outbound route.
  const istio = {
    retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
    num_retries: { value: 2 },
    retriable_status_codes: [503],
  };
  t.deepEqual(policyOf({ ...action, retry_policy: istio }), {
    maxAttempts: 3,
    ...backoff,
    statuses: [14, 1],
    httpStatuses: [503],
    unanswered: ['unconnected', 'refused'],
  });
  const all = policyOf({ ...action, retry_policy: { retry_on: '5xx' } });
  t.is(all?.maxAttempts, 2);
  t.deepEqual(all?.unanswered, ['unconnected', 'refused', 'reset']);
  t.true(all?.httpStatuses.includes(500) && all.httpStatuses.includes(599));
  t.deepEqual(policyOf(action, { retry_on: 'internal', retry_back_off: { base_interval: { nanos: 5_000_000 } } }), {
    maxAttempts: 2,
    initialBackoffMs: 5,
    maxBackoffMs: 50,
    backoffMultiplier: 2,
    statuses: [13],
    httpStatuses: [],
    unanswered: [],
  });
  for (const none of [
    { retry_on: '' },
    { retry_on: 'constructor,toString,__proto__' },
    { retry_on: 'reset', num_retries: { value: 0 } },
  ]) {
    t.is(policyOf({ ...action, retry_policy: none }, { retry_on: 'reset' }), null);
  }
});

test('fields that change a call and are not carried out are each named', (t) => {
  const message = {
    ...withHosts({
      ...host,
      retry_policy: { per_try_timeout: { seconds: 1 } },
      routes: [
        {
          match,
          request_headers_to_add: [{ header: { key: 'a', value: '%START_TIME%' } }],
          route: {
            ...action,
            retry_policy: {
              retry_on: 'unavailable, reset-before-request,envoy-ratelimited',
              retry_host_predicate: [{ name: 'previous' }],
              retriable_headers: [{ name: 'x' }],
            },
            hash_policy: [{}, { filter_state: { key: 'x' } }, { cookie: { name: 'c', ttl: {} } }],
            request_mirror_policies: [{}],
            idle_timeout: { seconds: 3 },
            priority: 'HIGH',
          },
        },
      ],
    }),
  };
  t.deepEqual(warningsOf('route', message), [
    'virtual_hosts[0].retry_policy.per_try_timeout: attempts have no time of their own',
    'virtual_hosts[0].routes[0].route.request_mirror_policies: calls are not mirrored',
    'virtual_hosts[0].routes[0].route.priority: all calls share one set of limits',
    'virtual_hosts[0].routes[0].route.idle_timeout: idle calls are not ended',
    'virtual_hosts[0].routes[0].route.retry_policy.retry_on: not looked at: reset-before-request, envoy-ratelimited',
    'virtual_hosts[0].routes[0].route.retry_policy.retry_host_predicate: endpoints are chosen as ever',
    'virtual_hosts[0].routes[0].route.retry_policy.retriable_headers: headers are not looked at',
    'virtual_hosts[0].routes[0].route.hash_policy[0]: no policy that we know is set',
    'virtual_hosts[0].routes[0].route.hash_policy[1].filter_state.key: only "io.grpc.channel_id" is supported',
    'virtual_hosts[0].routes[0].route.hash_policy[2].cookie.ttl: a cookie that is absent is not made',
    'virtual_hosts[0].routes[0].request_headers_to_add[0].header.value: %START_TIME% is not supported, so the field is left as it is',
  ]);
});

test('what changes nothing for a gRPC call is accepted without a word', (t) => {
  const message = withRoute({
    match,
    metadata: {},
    route: { ...action, max_grpc_timeout: { seconds: 1 }, upgrade_configs: [{ upgrade_type: 'websocket' }] },
  });
  t.deepEqual(warningsOf('route', message), []);
});
