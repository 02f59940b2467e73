// Which route takes a call, and what it decides. Numbers are those of reference envoy-behaviours.
import test from 'ava';
import type { PathMatch } from '../../xds/model/route.ts';
import { call, clusterOf, exact, forward, header, regex, route, table, tableOf, virtualHost } from './routes.ts';

/** Which of these paths a rule takes. */
function taken(path: PathMatch, paths: string[], caseSensitive = true): string[] {
  const of = tableOf([route('yes', { path, caseSensitive })]);
  const fixed = paths.filter((each) => clusterOf(of, call({ path: each })) === 'yes');
  const holes = paths.filter((each) => clusterOf(of, call({ path: each, holes: [':path'] })) === 'yes');
  return fixed.join() === holes.join() ? fixed : [`${fixed} when fixed, ${holes} as a hole`];
}

test('the first route that matches wins', (t) => {
  const of = tableOf([
    route('second', { path: { kind: 'exact', value: '/b' } }),
    route('first', { path: { kind: 'prefix', value: '/' } }),
    route('never', { path: { kind: 'exact', value: '/a' } }),
  ]);
  t.is(clusterOf(of, call({ path: '/a' })), 'first');
  t.is(clusterOf(of, call({ path: '/b' })), 'second');
});

test('paths are matched without their query, byte by byte (2.1)', (t) => {
  t.deepEqual(taken({ kind: 'exact', value: '/a' }, ['/a', '/a?x=/b', '/a/', '/%61', '//a', '/A']), ['/a', '/a?x=/b']);
  t.deepEqual(taken({ kind: 'prefix', value: '/a' }, ['/a', '/ab?c', '/b?/a', '//a']), ['/a', '/ab?c']);
  t.deepEqual(taken({ kind: 'prefix', value: '/q?a' }, ['/q?a', '/q?ab']), []);
  t.deepEqual(taken({ kind: 'regex', value: '/q' }, ['/q?a', '/q']), ['/q?a', '/q']);
});

test('case is ignored where the route says so, in ASCII', (t) => {
  t.deepEqual(taken({ kind: 'exact', value: '/Ab' }, ['/aB', '/Ab', '/abc'], false), ['/aB', '/Ab']);
  t.deepEqual(taken({ kind: 'prefix', value: '/AB' }, ['/abc', '/b'], false), ['/abc']);
  t.deepEqual(taken({ kind: 'separated-prefix', value: '/AB' }, ['/ab/c', '/abc'], false), ['/ab/c']);
});

test('a path with a fragment is INTERNAL, before routing (2.2)', (t) => {
  const of = tableOf([route('any')]);
  for (const holes of [[], [':path']]) {
    for (let time = 0; time < 3; time++) {
      t.like(of.direct(call({ path: '/a#b', holes })), { kind: 'reject', status: 13 });
    }
  }
});

test('a regex has to match the whole path, also with alternatives at the top (2.3)', (t) => {
  t.deepEqual(taken(regex('/re/a|/re/b'), ['/re/a', '/re/b', '/re/ab']), ['/re/a', '/re/b']);
});

test('the dialect of regexes is RE2 (2.3)', (t) => {
  t.deepEqual(taken(regex('\\A/(?P<n>[[:alpha:]]+)\\Q.(\\E\\pL(?s:.)\\z'), ['/ab.(xy', '/ab.(x', '/1.(xy']), [
    '/ab.(xy',
  ]);
  t.deepEqual(taken(regex('(?i)/PKG\\..*'), ['/pkg.S/M', '/pkgxS']), ['/pkg.S/M']);
});

test('a regex that would run for years in a backtracking engine costs no more than any other', (t) => {
  t.deepEqual(taken(regex('/(a+)+b'), [`/${'a'.repeat(4_000)}`, '/ab']), ['/ab']);
});

test('a path of more than 4,096 bytes matches no regex', (t) => {
  const [long, longer] = [`/${'a'.repeat(4_095)}`, `/${'a'.repeat(4_096)}`];
  t.deepEqual(taken(regex('/a+'), [long, longer]), [long]);
});

test('path_separated_prefix takes the path itself and what lies below it (2.4)', (t) => {
  t.deepEqual(taken({ kind: 'separated-prefix', value: '/psp' }, ['/psp', '/psp/', '/psp?x', '/pspx', '/ps']), [
    '/psp',
    '/psp/',
    '/psp?x',
  ]);
});

test('a call that no route takes is UNIMPLEMENTED, and the message says where a route was looked for (2.5)', (t) => {
  const of = tableOf([route('a', { path: { kind: 'exact', value: '/a' } })]);
  for (const holes of [[], [':path']]) {
    for (let time = 0; time < 3; time++) {
      t.like(of.direct(call({ path: '/b', holes })), {
        kind: 'reject',
        status: 12,
        flag: 'NR',
        message:
          'no route for "/b" of authority "orders": ' +
          'none matches in virtual host all of route configuration shop-routes',
      });
    }
  }
});

test('of query parameters the first of a name counts, with its case and its percent signs (2.6)', (t) => {
  const of = tableOf([route('yes', { queryParameters: [{ name: 'v', match: exact('1') }] })]);
  const paths = ['/?v=1', '/?x&v=1&v=2', '/?v=2&v=1', '/?V=1', '/?%76=1', '/?v=%31', '/?v', '/', '/?w=v=1'];
  t.deepEqual(
    paths.filter((path) => clusterOf(of, call({ path })) === 'yes'),
    ['/?v=1', '/?x&v=1&v=2'],
  );
});

test('a query parameter can be asked to be there, or not to be (2.6)', (t) => {
  const paths = ['/?v', '/?v=', '/?v=1', '/?w', '/'];
  const takes = (value: boolean): string[] => {
    const of = tableOf([route('yes', { queryParameters: [{ name: 'v', match: { kind: 'present', value } }] })]);
    return paths.filter((path) => clusterOf(of, call({ path })) === 'yes');
  };
  t.deepEqual(takes(true), ['/?v', '/?v=', '/?v=1']);
  t.deepEqual(takes(false), ['/?w', '/']);
});

test('the gRPC matcher takes application/grpc and its subtypes alone (3.6)', (t) => {
  const of = tableOf([route('yes', { grpcOnly: true })]);
  const types = [
    'application/grpc',
    'application/grpc+proto',
    'application/grpc;charset=utf-8',
    'application/grpc-web',
  ];
  for (const holes of [[], ['content-type']]) {
    t.deepEqual(
      types.filter((contentType) => clusterOf(of, call({ contentType, holes })) === 'yes'),
      types.slice(0, 2),
    );
  }
});

test('a route takes its fraction of the calls, the next one the others', (t) => {
  let draw = 0;
  const of = tableOf(
    [route('canary', { runtimeFraction: { numerator: 2_500, denominator: 10_000 } }), route('stable')],
    () => draw,
  );
  const counts: Record<string, number> = {};
  for (let at = 0; at < 1_000; at++) {
    draw = at / 1_000;
    const cluster = clusterOf(of, call());
    counts[cluster] = (counts[cluster] ?? 0) + 1;
  }
  t.deepEqual(counts, { canary: 250, stable: 750 });
});

test('weighted clusters share the calls by weight; one of weight 0 gets none', (t) => {
  let draw = 0;
  const of = tableOf([route('', {}, { action: forward(['a', 90], ['none', 0], ['b', 10]) })], () => draw);
  const counts: Record<string, number> = {};
  for (let at = 0; at < 1_000; at++) {
    draw = at / 1_000;
    const cluster = clusterOf(of, call());
    counts[cluster] = (counts[cluster] ?? 0) + 1;
  }
  t.deepEqual(counts, { a: 900, b: 100 });
});

test('the policy of the route goes with its decision', (t) => {
  const policy = { timeoutMs: 5, maxStreamDurationMs: 6, grpcTimeoutMaxMs: 7 };
  const decision = tableOf([route('a', {}, { action: { ...forward('a'), ...policy } })]).direct(call());
  t.deepEqual(decision, {
    kind: 'forward',
    cluster: 'a',
    policy: { ...policy, hash: null, retry: null, rewrite: null, filterOverrides: null, unknownClusterStatus: 14 },
  });
});

test('a direct response is a gRPC status, its body the message (6.1, 6.2)', (t) => {
  const statusOf = (httpStatus: number): number => {
    const action = { kind: 'direct-response', status: httpStatus, body: 'closed for today' } as const;
    const decision = tableOf([route('', {}, { action })]).direct(call());
    t.like(decision, { kind: 'reject', message: 'closed for today' });
    return decision.kind === 'reject' ? decision.status : -1;
  };
  t.deepEqual([400, 401, 403, 404, 429, 502, 503, 504].map(statusOf), [13, 16, 7, 12, 14, 14, 14, 14]);
  t.deepEqual([200, 204, 500, 418].map(statusOf), [2, 2, 2, 2]);
});

test('a non-forwarding action keeps the call in this process (gRFC A36)', (t) => {
  t.is(clusterOf(tableOf([route('', {}, { action: { kind: 'non-forwarding' } })]), call()), 'local');
});

test('an action that is not carried out fails its own calls alone, naming the field', (t) => {
  const of = tableOf([
    route(
      '',
      { path: { kind: 'exact', value: '/a' } },
      { name: 'old', action: { kind: 'unsupported', reason: 'route.cluster_header' } },
    ),
    route('b'),
  ]);
  t.like(of.direct(call({ path: '/a' })), {
    kind: 'reject',
    status: 14,
    message:
      'route configuration shop-routes, virtual host all, route 1 ("old") ' +
      "can't be carried out: route.cluster_header",
  });
  t.is(clusterOf(of, call({ path: '/b' })), 'b');
});

test('a new table decides at once, for shapes that the old one has planned', (t) => {
  const old = tableOf([route('old')]);
  t.is(clusterOf(old, call()), 'old');
  const next = tableOf([route('new')]);
  t.is(clusterOf(next, call()), 'new');
  t.is(clusterOf(old, call()), 'old');
});

test('tables without end: each decides by itself, for a shape that they all plan', (t) => {
  const head = call({ authority: 'churn' });
  for (let at = 0; at < 100; at++) t.is(clusterOf(tableOf([route(`c${at}`)]), head), `c${at}`);
});

test('paths without end are decided rightly, however often their cache starts anew', (t) => {
  const of = tableOf([route('even', { path: regex('/p[0-9]*[02468]') }), route('odd')]);
  for (let at = 0; at < 5_000; at++) {
    const decision = of.direct(call({ path: `/p${at}`, holes: [':path'] }));
    if (decision.kind !== 'forward' || decision.cluster !== (at % 2 === 0 ? 'even' : 'odd')) t.fail(`/p${at}`);
  }
  t.pass();
});

test('a thousand exact routes are found by hash, in the order of the configuration', (t) => {
  const routes = Array.from({ length: 1_000 }, (_, at) =>
    route(`c${at}`, { path: { kind: 'exact', value: `/s/m${at}` } }),
  );
  const canary = route('canary', {
    path: { kind: 'exact', value: '/s/m7' },
    headers: [header('x-canary', exact('1'))],
  });
  const of = table([virtualHost('all', ['*'], [canary, ...routes, route('rest')])]);
  t.is(clusterOf(of, call({ path: '/s/m7' })), 'c7');
  t.is(clusterOf(of, call({ path: '/s/m7', fields: [['x-canary', '1']] })), 'canary');
  t.is(clusterOf(of, call({ path: '/s/m999', holes: [':path'] })), 'c999');
  t.is(clusterOf(of, call({ path: '/s/m1000' })), 'rest');
});

test('the decision for a planned shape is the same object each time: nothing is allocated for it', (t) => {
  const of = tableOf([route('a', { path: { kind: 'exact', value: '/a' }, headers: [header('x-plan', exact('1'))] })]);
  const head = call({ path: '/a', fields: [['x-plan', '1']] });
  t.is(of.direct(head), of.direct(head));
});
