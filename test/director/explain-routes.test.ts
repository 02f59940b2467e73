// What `outrigger explain` says: the answer to "why did my call go there?".
import test from 'ava';
import { call, exact, forward, header, route, table, tableOf, virtualHost } from './routes.ts';

test('each route before the one that takes the call is said, with the reason why it did not', (t) => {
  const of = table([
    virtualHost(
      'orders',
      ['*.example'],
      [
        route('a', { path: { kind: 'exact', value: '/a' } }, { name: 'first' }),
        route('b', { headers: [header('x-canary', exact('yes'))] }),
        route('c', { queryParameters: [{ name: 'v', match: exact('2') }] }),
        route('', {}, { action: forward(['v1', 90], ['v2', 10]) }),
        route('never'),
      ],
    ),
  ]);
  t.deepEqual(of.explain(call({ authority: 'shop.example', fields: [['x-canary', 'no']] })), [
    'route configuration shop-routes',
    'authority "shop.example": virtual host orders, by its domain "*.example"',
    'route 1 ("first"): not taken, the path must be "/a"',
    'route 2: not taken, the call must have x-canary, which must be "yes"; x-canary is "no"',
    'route 3: not taken, the path must have a query parameter "v", which must be "2"',
    'route 4: taken, forwarded to cluster v1 (90 of 100) or cluster v2 (10 of 100)',
  ]);
});

test('a route that takes a fraction is said with it, and then what the other calls meet', (t) => {
  const of = tableOf([
    route('a', { runtimeFraction: { numerator: 5, denominator: 100 } }),
    route('', {}, { action: { kind: 'direct-response', status: 503, body: '' } }),
  ]);
  t.deepEqual(of.explain(call()).slice(2), [
    'route 1: taken by 5 of 100 calls, forwarded to cluster a',
    'route 2: taken, answered directly, by HTTP status 503',
  ]);
});

test('an authority or a path that nothing takes is said to be UNIMPLEMENTED', (t) => {
  t.deepEqual(
    table([])
      .explain(call({ authority: 'b' }))
      .slice(1),
    ['no virtual host has a domain for authority "b": the call is UNIMPLEMENTED'],
  );
  const of = tableOf([route('a', { path: { kind: 'separated-prefix', value: '/a' } })]);
  t.deepEqual(of.explain(call({ path: '/b' })).slice(2), [
    'route 1: not taken, the path must be "/a" or lie below it',
    'no route takes the call: it is UNIMPLEMENTED',
  ]);
});

test('absent fields and binary metadata are called that', (t) => {
  const of = tableOf([
    route('a', { headers: [header('x', exact('1'))] }),
    route('b', { headers: [header('x-bin', { kind: 'present', value: true })] }),
    route('c', { grpcOnly: true }),
  ]);
  const lines = of.explain(call({ fields: [['x-bin', 'YQ']], contentType: 'text/plain' }));
  t.deepEqual(lines.slice(2, 5), [
    'route 1: not taken, the call must have x, which must be "1"; x is absent',
    "route 2: not taken, the call must have x-bin; x-bin is binary metadata, which can't be matched on",
    'route 3: not taken, the call must be gRPC by its content-type; content-type is "text/plain"',
  ]);
});

test('of thousands of routes that do not take the call the first hundred are said', (t) => {
  const routes = Array.from({ length: 5_000 }, (_, at) => route('a', { path: { kind: 'exact', value: `/${at}` } }));
  const lines = tableOf([...routes, route('last')]).explain(call({ path: '/x' }));
  t.true(lines.length < 110);
  t.is(lines.at(-2), '4900 more routes: not taken');
  t.is(lines.at(-1), 'route 5001: taken, forwarded to cluster last');
});

test('what is explained is what is done', (t) => {
  const of = tableOf([route('a', { path: { kind: 'prefix', value: '/shop.Orders/P' } }), route('b')]);
  for (const path of ['/shop.Orders/Place', '/shop.Orders/List']) {
    const decision = of.direct(call({ path }));
    t.true(decision.kind === 'forward' && of.explain(call({ path })).at(-1)!.endsWith(`cluster ${decision.cluster}`));
  }
});
