// What a route makes of the heads that pass it. The numbers in brackets are those of reference envoy-behaviours.
import test from 'ava';
import type { CallFacts } from '../../agent/director/call-facts.ts';
import type { Decision } from '../../agent/director/decision.ts';
import { compileRouteTable } from '../../agent/director/route-table.ts';
import type { HeaderBlock } from '../../agent/http2/index.ts';
import type { HeaderAddition, HeaderFormat, HeaderMutations } from '../../xds/model/header-mutations.ts';
import {
  forwardTo,
  type Route,
  type RouteConfiguration,
  unchanged,
  type WeightedCluster,
} from '../../xds/model/route.ts';
import { call, deps, route, shapes, tableOf, virtualHost } from './routes.ts';

const facts: CallFacts = {
  peer: '10.0.0.7:5000',
  isSecure: true,
  peerSans: ['DNS:a.test', 'URI:spiffe://mesh/a', 'URI:spiffe://mesh/b'],
  peerSubject: 'CN=a',
  peerFingerprint: 'ab12',
  serverName: '',
  localAddress: '127.0.0.1:15001',
  cluster: 'orders',
  endpointAddress: '10.0.0.9:80',
  endpointHostname: 'orders-1.internal',
};

const none: HeaderMutations = { requestRemove: [], requestAdd: [], responseRemove: [], responseAdd: [] };

function add(name: string, value: string | HeaderFormat, over: Partial<HeaderAddition> = {}): HeaderAddition {
  return { name, value: typeof value === 'string' ? [value] : value, action: 'append', keepEmpty: false, ...over };
}

const requestField = (name: string, alternative: string | null = null, maxLength: number | null = null) =>
  ({ kind: 'request-field', name, alternative, maxLength }) as const;

type Fields = readonly (readonly [name: string, value: string])[];

function rewriteOf(decision: Decision) {
  const rewrite =
    decision.kind === 'forward'
      ? decision.policy.rewrite
      : decision.kind === 'reject'
        ? (decision.route?.rewrite ?? null)
        : null;
  if (rewrite === null) throw new Error('nothing is rewritten');
  return rewrite;
}

/** The regular fields and `:authority`, `:path` where they are named, that go upstream. */
function upstream(of: Route, fields: Fields = [], over: Parameters<typeof call>[0] = {}): [string, string][] {
  const head = call({ ...over, fields });
  return rest(rewriteOf(tableOf([of]).direct(head)).request(head.block, facts));
}

function rest(block: HeaderBlock): [string, string][] {
  const plain = new Set([':method', ':scheme', ':path', ':authority', ':status', 'content-type']);
  // Fields of one name in their order; the others stand in no order that means anything.
  const fields = block.entries().filter(([name]) => !plain.has(name));
  return fields.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function forwarding(over: Parameters<typeof forwardTo>[1]): Route {
  return route('c', {}, { action: forwardTo([{ name: 'c', weight: 1 }], over) });
}

function changing(mutations: Partial<HeaderMutations>): Route {
  return route('c', {}, { mutations: { ...none, ...mutations } });
}

test('a route that changes nothing passes heads as they are', (t) => {
  const decision = tableOf([route('c')]).direct(call());
  t.is(decision.kind === 'forward' && decision.policy.rewrite, null);
});

for (const [mostSpecificMutationsWin, order] of [
  [false, ['client', 'weighted', 'route', 'vhost', 'config']],
  [true, ['client', 'weighted', 'config', 'vhost', 'route']],
] as const) {
  test(`levels add in the order ${order.join(', ')} (4.1, 4.2)`, (t) => {
    const level = (name: string): HeaderMutations => ({
      ...none,
      requestAdd: [add('x', name)],
      responseAdd: [add('y', name)],
    });
    const weighted: WeightedCluster = {
      name: 'c',
      weight: 1,
      ...unchanged,
      mutations: level('weighted'),
      hostRewrite: null,
    };
    const own = route('c', {}, { action: { ...forwardTo([]), clusters: [weighted] }, mutations: level('route') });
    const config: RouteConfiguration = {
      name: 'r',
      virtualHosts: [{ ...virtualHost('all', ['*'], [own]), mutations: level('vhost') }],
      ignorePortInHostMatching: false,
      ...unchanged,
      mutations: level('config'),
      mostSpecificMutationsWin,
    };
    const head = call({ fields: [['x', 'client']] });
    const rewrite = rewriteOf(compileRouteTable(config, { random: () => 0, ...deps }).direct(head));
    t.deepEqual(rewrite.request(head.block, facts).values('x'), order);
    const answer = shapes.block([
      [':status', '200'],
      ['y', 'client'],
    ]);
    t.deepEqual(rewrite.response(answer, head.block, facts).values('y'), order);
  });
}

test('an outer level removes what an inner one added: removal comes first at each (4.1)', (t) => {
  const outer = { ...none, requestRemove: ['x'], requestAdd: [add('x', 'outer')] };
  const config: RouteConfiguration = {
    name: 'r',
    virtualHosts: [{ ...virtualHost('all', ['*'], [changing({ requestAdd: [add('x', 'inner')] })]), mutations: outer }],
    ignorePortInHostMatching: false,
    ...unchanged,
    mostSpecificMutationsWin: false,
  };
  const head = call({ fields: [['x', 'client']] });
  const rewrite = rewriteOf(compileRouteTable(config, { random: () => 0, ...deps }).direct(head));
  t.deepEqual(rewrite.request(head.block, facts).values('x'), ['outer']);
});

test('a field is appended, added only where none is, or overwritten, only where one is', (t) => {
  const of = changing({
    requestAdd: [
      add('a', 'new'),
      add('b', 'new', { action: 'add-if-absent' }),
      add('c', 'new', { action: 'overwrite' }),
      add('d', 'new', { action: 'overwrite-if-present' }),
    ],
  });
  const all: Fields = ['a', 'b', 'c', 'd'].map((name) => [name, 'old']);
  t.deepEqual(upstream(of, all), [
    ['a', 'old'],
    ['a', 'new'],
    ['b', 'old'],
    ['c', 'new'],
    ['d', 'new'],
  ]);
  t.deepEqual(upstream(of), [
    ['a', 'new'],
    ['b', 'new'],
    ['c', 'new'],
  ]);
});

test('within a level a later overwrite takes the place of an earlier addition', (t) => {
  const of = changing({
    requestAdd: [
      add('a', '1'),
      add('a', '2', { action: 'overwrite' }),
      add('a', '3'),
      add('b', '1'),
      add('b', '2', { action: 'overwrite-if-present' }),
      add('c', '1'),
      add('c', '2', { action: 'add-if-absent' }),
    ],
  });
  t.deepEqual(upstream(of, [['a', 'old']]), [
    ['a', '2'],
    ['a', '3'],
    ['b', '2'],
    ['c', '1'],
  ]);
});

test('formats read the first value of a field, another where it is absent, and cut it (4.4)', (t) => {
  const of = changing({
    requestAdd: [
      add('a', ['[', requestField('x-user'), ']']),
      add('b', [requestField('x-none', ':path')]),
      add('c', [requestField('x-user', null, 2)]),
      add('d', ['[', requestField('x-none'), ']']),
    ],
  });
  const expected = [
    ['a', '[ada]'],
    ['b', '/shop.Orders/Place'],
    ['c', 'ad'],
    ['d', '[]'],
  ];
  const fields: Fields = [
    ['x-user', 'ada'],
    ['x-user', 'bob'],
  ];
  t.deepEqual(
    upstream(of, fields).filter(([name]) => name !== 'x-user'),
    expected,
  );
});

test('a field that ends up empty is left out, unless it is to be kept (4.4)', (t) => {
  const of = changing({
    requestAdd: [
      add('a', [requestField('x-a')], { action: 'overwrite' }),
      add('b', [requestField('x-b')], { keepEmpty: true }),
      add('c', ''),
      add('d', '', { keepEmpty: true }),
      add('e', [requestField('x-e')]),
    ],
  });
  t.deepEqual(
    upstream(of, [
      ['a', 'old'],
      ['x-e', 'e'],
    ]),
    [
      ['a', 'old'],
      ['b', ''],
      ['d', ''],
      ['e', 'e'],
      ['x-e', 'e'],
    ],
  );
  t.deepEqual(upstream(of, [['x-a', 'a']]), [
    ['a', 'a'],
    ['b', ''],
    ['d', ''],
    ['x-a', 'a'],
  ]);
});

test('formats know who calls, where the call goes and by which route', (t) => {
  const kinds = [
    'downstream-address',
    'downstream-ip',
    'downstream-uri-san',
    'downstream-dns-san',
    'upstream-address',
    'cluster',
    'route',
    'protocol',
  ] as const;
  const of = route(
    'c',
    {},
    { name: 'canary', mutations: { ...none, requestAdd: kinds.map((kind) => add(`x-${kind}`, [{ kind }])) } },
  );
  t.deepEqual(Object.fromEntries(upstream(of)), {
    'x-downstream-address': '10.0.0.7:5000',
    'x-downstream-ip': '10.0.0.7',
    'x-downstream-uri-san': 'spiffe://mesh/a,spiffe://mesh/b',
    'x-downstream-dns-san': 'a.test',
    'x-upstream-address': '10.0.0.9:80',
    'x-cluster': 'orders',
    'x-route': 'canary',
    'x-protocol': 'HTTP/2',
  });
});

test('answers are changed too, and see what the route made of the request (4.3, 4.5)', (t) => {
  const of = changing({
    requestAdd: [add('x-user', 'new', { action: 'overwrite' })],
    responseRemove: ['server'],
    responseAdd: [
      add('x-said', [
        requestField('x-user'),
        ' ',
        { kind: 'response-field', name: 'x-version', alternative: null, maxLength: null },
      ]),
      add('x-code', [{ kind: 'response-code' }]),
    ],
  });
  const head = call({ fields: [['x-user', 'old']] });
  const rewrite = rewriteOf(tableOf([of]).direct(head));
  const answer = shapes.block([
    [':status', '200'],
    ['server', 's'],
    ['x-version', '7'],
  ]);
  t.deepEqual(rest(rewrite.response(answer, head.block, facts)), [
    ['x-code', '200'],
    ['x-said', 'new 7'],
    ['x-version', '7'],
  ]);
});

test('direct responses and redirects of a route are changed too (4.5)', (t) => {
  const mutations = { ...none, responseAdd: [add('x-by', 'route')] };
  for (const action of [
    { kind: 'direct-response', status: 200, body: '' },
    { kind: 'redirect', status: 302, scheme: null, host: 'h', port: null, path: null, stripQuery: false },
  ] as const) {
    const head = call();
    const rewrite = rewriteOf(tableOf([route('', {}, { action, mutations })]).direct(head));
    t.deepEqual(rest(rewrite.response(shapes.block([[':status', '200']]), head.block, facts)), [['x-by', 'route']]);
  }
});

function pathOf(of: Route, path: string): string {
  const head = call({ path });
  return (
    rewriteOf(tableOf([of]).direct(head))
      .request(head.block, facts)
      .value(':path') ?? ''
  );
}

test('a prefix is replaced by its length, the whole path of any other match; the query stays (5.1)', (t) => {
  const pathRewrite = { kind: 'prefix', value: '/new' } as const;
  const of = (match: Route['match']['path'], caseSensitive = true) => {
    const own = forwarding({ pathRewrite });
    return { ...own, match: { ...own.match, path: match, caseSensitive } };
  };
  t.is(pathOf(of({ kind: 'prefix', value: '/old' }), '/old/x?q=/old'), '/new/x?q=/old');
  t.is(pathOf(of({ kind: 'prefix', value: '/old' }, false), '/OLD/x'), '/new/x');
  t.is(pathOf(of({ kind: 'separated-prefix', value: '/old' }), '/old/x'), '/new/x');
  t.is(pathOf(of({ kind: 'exact', value: '/old/x' }), '/old/x?q'), '/new?q');
  t.is(pathOf(of({ kind: 'regex', value: '/o.*' }), '/old/x'), '/new');
});

test('a regex rewrite replaces every occurrence in the path, never in the query (5.2)', (t) => {
  const of = forwarding({ pathRewrite: { kind: 'regex', regex: '(a)(b)?', replacement: '<\\0\\2\\\\>' } });
  t.is(pathOf(of, '/ab/a?ab'), '/<abb\\>/<a\\>?ab');
});

function authorityOf(of: Route, fields: Fields = [], path = '/shop.Orders/Place'): string[] {
  const head = call({ fields, path, authority: 'old:80' });
  const block = rewriteOf(tableOf([of]).direct(head)).request(head.block, facts);
  return [block.value(':authority') ?? '', ...block.values('x-forwarded-host')];
}

test('the authority is rewritten in each of its ways (5.3, 5.4)', (t) => {
  const literal = { kind: 'literal', value: 'new' } as const;
  t.deepEqual(authorityOf(forwarding({ hostRewrite: literal })), ['new']);
  t.deepEqual(authorityOf(forwarding({ hostRewrite: literal, appendForwardedHost: true })), ['new', 'old:80']);
  t.deepEqual(authorityOf(forwarding({ hostRewrite: { kind: 'endpoint' } })), ['orders-1.internal']);
  const header = forwarding({ hostRewrite: { kind: 'header', name: 'x-host' } });
  t.deepEqual(authorityOf(header, [['x-host', 'new']]), ['new']);
  t.deepEqual(authorityOf(header), ['old:80']);
  const byPath = forwarding({ hostRewrite: { kind: 'path-regex', regex: '^/([^/]+)/.*$', replacement: '\\1' } });
  t.deepEqual(authorityOf(byPath, [], '/tenant/x?q'), ['tenant']);
  t.deepEqual(authorityOf(byPath, [], '/tenant'), ['/tenant']);
});

test('the authority of a weighted cluster counts only where its route has none (4.6)', (t) => {
  const clusters: WeightedCluster[] = [{ name: 'c', weight: 1, ...unchanged, hostRewrite: 'cluster' }];
  const of = (over: Parameters<typeof forwardTo>[1]) =>
    route('c', {}, { action: { ...forwardTo([], over), clusters } });
  t.deepEqual(authorityOf(of({})), ['cluster']);
  t.deepEqual(authorityOf(of({ hostRewrite: { kind: 'literal', value: 'route' } })), ['route']);
});

test('a redirect is UNKNOWN for gRPC, with a location made of what came and what is new (5.5)', (t) => {
  const locationOf = (over: object, authority = 'm:80', path = '/a/b?q=1') => {
    const action = {
      kind: 'redirect',
      status: 301,
      scheme: null,
      host: null,
      port: null,
      path: null,
      stripQuery: false,
    } as const;
    const decision = tableOf([
      route('', { path: { kind: 'prefix', value: '/a' } }, { action: { ...action, ...over } }),
    ]).direct(call({ authority, path }));
    t.like(decision, { kind: 'reject', status: 2, http: { status: 301 } });
    return decision.kind === 'reject' ? decision.http?.fields : null;
  };
  const location = (text: string) => [['location', text]];
  t.deepEqual(locationOf({ host: 'new' }), location('http://new/a/b?q=1'));
  t.deepEqual(locationOf({ scheme: 'https' }), location('https://m/a/b?q=1'));
  t.deepEqual(locationOf({ scheme: 'https' }, 'm:8080'), location('https://m:8080/a/b?q=1'));
  t.deepEqual(locationOf({ port: 81, stripQuery: true }), location('http://m:81/a/b'));
  t.deepEqual(locationOf({ path: { kind: 'whole', value: '/n?x' } }), location('http://m:80/n?x'));
  t.deepEqual(locationOf({ path: { kind: 'prefix', value: '/n' } }), location('http://m:80/n/b?q=1'));
  t.deepEqual(
    locationOf({ path: { kind: 'regex', regex: 'b', replacement: 'c' } }, '[::1]:80'),
    location('http://[::1]:80/a/c?q=1'),
  );
});

test('a field may name the cluster; absent or empty it names none (6.3)', (t) => {
  const of = route(
    '',
    {},
    { action: { ...forwardTo([], { clusterNotFoundStatus: 404 }), clusters: { field: 'x-cluster' } } },
  );
  const direct = (fields: Fields) => tableOf([of]).direct(call({ fields }));
  t.like(
    direct([
      ['x-cluster', 'a'],
      ['x-cluster', 'b'],
    ]),
    { kind: 'forward', cluster: 'a', policy: { unknownClusterStatus: 12 } },
  );
  t.like(direct([]), { kind: 'reject', status: 12, flag: 'NC' });
  t.like(direct([['x-cluster', '']]), { kind: 'reject', status: 12 });
});
