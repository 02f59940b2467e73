// Header changes, rewrites of path and authority, and redirects -> model, and what of them is refused
// (xds.md section 1.4; envoy-behaviours.md sections 4 and 5).
import test from 'ava';
import { type RouteAction, unchanged } from '../../xds/model/route.ts';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';

function withRoute(route: object, config: object = {}): object {
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...route }];
  return { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes }], ...config };
}

function actionOf(route: object): RouteAction | undefined {
  return modelOf('route', withRoute(route)).virtualHosts[0]?.routes[0]?.action;
}

const at = 'virtual_hosts[0].routes[0]';

function option(key: string, value: string, rest: object = {}): object {
  return { header: { key, value }, ...rest };
}

test('headers to add and remove stand at each level, weighted clusters among them', (t) => {
  const level = { request_headers_to_remove: ['X-Gone'], response_headers_to_add: [option('x-b', 'b')] };
  const mutations = {
    requestRemove: ['x-gone'],
    requestAdd: [],
    responseRemove: [],
    responseAdd: [{ name: 'x-b', value: ['b'], action: 'append' as const, keepEmpty: false }],
  };
  const cluster = { name: 'c', weight: { value: 1 }, host_rewrite_literal: 'h', ...level };
  const config = modelOf('route', {
    name: 'r',
    virtual_hosts: [
      {
        name: 'v',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { weighted_clusters: { clusters: [cluster] } }, ...level }],
        ...level,
      },
    ],
    ...level,
    most_specific_header_mutations_wins: true,
  });
  t.true(config.mostSpecificMutationsWin);
  const [host] = config.virtualHosts;
  const action = host?.routes[0]?.action;
  t.deepEqual([config.mutations, host?.mutations, host?.routes[0]?.mutations], [mutations, mutations, mutations]);
  t.deepEqual(action?.kind === 'forward' && action.clusters, [
    { name: 'c', weight: 1, ...unchanged, mutations, hostRewrite: 'h' },
  ]);
});

test('each way to add a field, the older one too (3.7)', (t) => {
  const options = [
    option('a', '1'),
    option('b', '1', { append: { value: true } }),
    option('c', '1', { append: { value: false } }),
    option('d', '1', { append_action: 'ADD_IF_ABSENT' }),
    option('e', '1', { append_action: 'OVERWRITE_IF_EXISTS_OR_ADD', keep_empty_value: true }),
    option('f', '1', { append_action: 'OVERWRITE_IF_EXISTS' }),
    { header: { key: 'g', raw_value: Buffer.from('raw') } },
  ];
  const route = modelOf('route', withRoute({ request_headers_to_add: options })).virtualHosts[0]?.routes[0];
  t.deepEqual(
    route?.mutations?.requestAdd.map(({ name, action, keepEmpty, value }) => [name, action, keepEmpty, value.join('')]),
    [
      ['a', 'append', false, '1'],
      ['b', 'append', false, '1'],
      ['c', 'overwrite', false, '1'],
      ['d', 'add-if-absent', false, '1'],
      ['e', 'overwrite', true, '1'],
      ['f', 'overwrite-if-present', false, '1'],
      ['g', 'append', false, 'raw'],
    ],
  );
});

test('format strings: fields with an alternative and a length, facts of the call, percent signs (4.4)', (t) => {
  const value = '100 %% of %REQ(X-A?:authority):3%, %RESP(server)%%PROTOCOL%';
  const route = modelOf('route', withRoute({ response_headers_to_add: [option('a', value)] })).virtualHosts[0]
    ?.routes[0];
  t.deepEqual(route?.mutations?.responseAdd[0]?.value, [
    '100 % of ',
    { kind: 'request-field', name: 'x-a', alternative: ':authority', maxLength: 3 },
    ', ',
    { kind: 'response-field', name: 'server', alternative: null, maxLength: null },
    { kind: 'protocol' },
  ]);
});

test('a format with a command that is not carried out leaves its field as it is, and says so', (t) => {
  const message = withRoute({ request_headers_to_add: [option('a', '%START_TIME%'), option('b', 'b')] });
  const route = modelOf('route', message).virtualHosts[0]?.routes[0];
  t.deepEqual(
    route?.mutations?.requestAdd.map(({ name }) => name),
    ['b'],
  );
  t.deepEqual(warningsOf('route', message), [
    `${at}.request_headers_to_add[0].header.value: %START_TIME% is not supported, so the field is left as it is`,
  ]);
});

test('what may not be changed, is no field, or no format, is refused by its path', (t) => {
  const message = withRoute({
    request_headers_to_add: [
      option(':path', '/x'),
      option('host', 'h'),
      option('no name', 'v'),
      option('connection', 'close'),
      option('a', 'line\nbreak'),
      option('b', '%REQ(x'),
      {},
    ],
    response_headers_to_remove: [':status'],
  });
  t.deepEqual(
    errorsOf('route', message),
    [
      `${at}.response_headers_to_remove[0]: ":status" may not be changed in this way`,
      `${at}.request_headers_to_add[0].header.key: ":path" may not be changed in this way`,
      `${at}.request_headers_to_add[1].header.key: "host" may not be changed in this way`,
      `${at}.request_headers_to_add[2].header.key: "no name" is not the name of a field`,
      `${at}.request_headers_to_add[3].header.key: "connection" has no place in HTTP/2 (RFC 9113 section 8.2.2)`,
      `${at}.request_headers_to_add[4].header.value: not the value of a field (RFC 9113 section 8.2.1)`,
      `${at}.request_headers_to_add[5].header.value: no command at "%REQ(x"`,
      `${at}.request_headers_to_add[6].header: required`,
    ].sort((a, b) => errorsOf('route', message).indexOf(a) - errorsOf('route', message).indexOf(b)),
  );
});

test('path and authority are rewritten in each of their ways', (t) => {
  const forward = (fields: object) => {
    const action = actionOf({ route: { cluster: 'c', ...fields } });
    return action?.kind === 'forward' ? [action.pathRewrite, action.hostRewrite, action.appendForwardedHost] : action;
  };
  const regex = { pattern: { regex: '^/(a)' }, substitution: '/\\1' };
  const model = { kind: 'regex', regex: '^/(a)', replacement: '/\\1' };
  t.deepEqual(forward({ prefix_rewrite: '/b' }), [{ kind: 'prefix', value: '/b' }, null, false]);
  t.deepEqual(forward({ regex_rewrite: regex, append_x_forwarded_host: true }), [model, null, true]);
  t.deepEqual(forward({ host_rewrite_literal: 'h' }), [null, { kind: 'literal', value: 'h' }, false]);
  t.deepEqual(forward({ auto_host_rewrite: { value: true } }), [null, { kind: 'endpoint' }, false]);
  t.deepEqual(forward({ auto_host_rewrite: { value: false } }), [null, null, false]);
  t.deepEqual(forward({ host_rewrite_header: 'X-Host' }), [null, { kind: 'header', name: 'x-host' }, false]);
  t.deepEqual(forward({ host_rewrite_path_regex: regex }), [null, { ...model, kind: 'path-regex' }, false]);
});

test('a cluster may be named by a header, and the status of one that is not known be chosen', (t) => {
  t.like(actionOf({ route: { cluster_header: 'X-Cluster', cluster_not_found_response_code: 'NOT_FOUND' } }), {
    clusters: { field: 'x-cluster' },
    clusterNotFoundStatus: 404,
  });
});

test('redirects in each of their parts', (t) => {
  t.deepEqual(actionOf({ route: undefined, redirect: {} }), {
    kind: 'redirect',
    status: 301,
    scheme: null,
    host: null,
    port: null,
    path: null,
    stripQuery: false,
  });
  const redirect = {
    https_redirect: true,
    host_redirect: 'new.example',
    port_redirect: 8443,
    path_redirect: '/moved',
    response_code: 'PERMANENT_REDIRECT',
    strip_query: true,
  };
  t.deepEqual(actionOf({ route: undefined, redirect }), {
    kind: 'redirect',
    status: 308,
    scheme: 'https',
    host: 'new.example',
    port: 8443,
    path: { kind: 'whole', value: '/moved' },
    stripQuery: true,
  });
  t.like(actionOf({ route: undefined, redirect: { scheme_redirect: 'grpc', prefix_rewrite: '/v2' } }), {
    scheme: 'grpc',
    path: { kind: 'prefix', value: '/v2' },
  });
});

test('rewrites that make no sense are refused by their path', (t) => {
  const errors = (fields: object) => errorsOf('route', withRoute({ route: { cluster: 'c', ...fields } }));
  const regex = (pattern: string, substitution: string) => ({ pattern: { regex: pattern }, substitution });
  t.deepEqual(errors({ prefix_rewrite: '/a b' }), [
    `${at}.route.prefix_rewrite: holds a character that may not stand in a path or an authority`,
  ]);
  t.deepEqual(errors({ regex_rewrite: regex('(a)', '\\2') }), [
    `${at}.route.regex_rewrite.substitution: \\2: the expression has 1 groups`,
  ]);
  t.deepEqual(errors({ regex_rewrite: regex('a', 'x\\y') }), [
    `${at}.route.regex_rewrite.substitution: a backslash must be followed by a digit or a backslash`,
  ]);
  t.regex(errors({ regex_rewrite: regex('(', '') })[0] ?? '', /regex_rewrite\.pattern\.regex: not a valid RE2/);
  t.deepEqual(errors({ prefix_rewrite: '/a', regex_rewrite: regex('a', 'b') }), [
    `${at}.route.prefix_rewrite: not allowed together with regex_rewrite`,
  ]);
  t.deepEqual(errorsOf('route', withRoute({ route: undefined, redirect: { port_redirect: 70_000 } })), [
    `${at}.redirect.port_redirect: 70000 is not a port`,
  ]);
});
