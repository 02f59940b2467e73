// The compiled table answers what a linear scan over the configuration answers, whatever the configuration, the call,
// and which of the call's fields are holes of its shape; at first sight of the shape, when it is planned, and after.
import test from 'ava';
import fc from 'fast-check';
import { compileRouteTable } from '../../agent/director/route-table.ts';
import type { HeaderMatcher } from '../../xds/model/matcher.ts';
import {
  forwardTo,
  type Route,
  type RouteAction,
  type RouteConfiguration,
  type RouteMatch,
  unchanged,
} from '../../xds/model/route.ts';
import { type PlainCall, scanRoutes } from './linear-scan.ts';
import { callsOfShape, deps } from './routes.ts';

// Few words, so that rules and calls meet often.
const word = fc.constantFrom('a', 'b', 'A', 'ab', '');
const path = fc.constantFrom('/', '/a', '/a/b', '/A/b', '/ab', '/a/', '/b', '/a/c');
const regex = fc.constantFrom('a', 'a|b', '[ab]+', '.*', 'a.*|/a.*', '/[^/]*');
const name = fc.constantFrom('x', 'y', 'x-request-id', 'x-bin', 'content-type', 'host', ':authority', ':method');

const stringMatch = fc.oneof(
  fc.record({
    kind: fc.constantFrom('exact', 'prefix', 'suffix', 'contains'),
    value: fc.oneof(word, fc.constantFrom('application/grpc', 'POST')),
    ignoreCase: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('regex' as const), value: regex }),
);
const presence = fc.record({ kind: fc.constant('present' as const), value: fc.boolean() });
const range = fc.record({
  kind: fc.constant('range' as const),
  start: fc.integer({ min: -3, max: 3 }),
  end: fc.nat(5),
});

const headerMatcher: fc.Arbitrary<HeaderMatcher> = fc.record({
  name,
  match: fc.oneof({ weight: 3, arbitrary: stringMatch }, presence, range),
  invert: fc.boolean(),
  treatMissingAsEmpty: fc.boolean(),
});

const routeMatch: fc.Arbitrary<RouteMatch> = fc.record({
  path: fc.oneof(
    fc.record({ kind: fc.constantFrom('prefix', 'exact', 'separated-prefix'), value: path }),
    fc.record({ kind: fc.constant('regex' as const), value: regex }),
  ),
  caseSensitive: fc.boolean(),
  headers: fc.array(headerMatcher, { maxLength: 2 }),
  queryParameters: fc.array(fc.record({ name: word, match: fc.oneof(stringMatch, presence) }), { maxLength: 1 }),
  grpcOnly: fc.boolean(),
  runtimeFraction: fc.option(fc.record({ numerator: fc.nat(100), denominator: fc.constant(100) }), { freq: 3 }),
});

/** The place in the configuration is made the cluster's name, so that every route answers differently. */
function actionOf(kind: number, place: string): RouteAction {
  if (kind === 0) return { kind: 'direct-response', status: 403, body: '' };
  if (kind === 1) return { kind: 'non-forwarding' };
  if (kind === 2) return { kind: 'unsupported', reason: 'route.redirect' };
  const clusters = Array.from({ length: kind > 6 ? 3 : 1 }, (_, at) => ({
    name: `${place}.${at}`,
    weight: at === 1 ? 0 : 1 + at,
  }));
  return forwardTo(clusters);
}

const domain = fc.constantFrom('a', 'a.b', '*.b', '*b', 'a.*', 'a*', '*', 'c.a.b', 'A.B:1', '*:1', 'a.b:*');

const config: fc.Arbitrary<RouteConfiguration> = fc
  .record({
    hosts: fc.array(fc.array(fc.record({ match: routeMatch, kind: fc.nat(9) }), { maxLength: 8 }), { maxLength: 4 }),
    domains: fc.uniqueArray(domain, { selector: (text) => text.toLowerCase() }),
    ignorePort: fc.boolean(),
  })
  .map(({ hosts, domains, ignorePort }) => ({
    name: 'any',
    ignorePortInHostMatching: ignorePort,
    ...unchanged,
    mostSpecificMutationsWin: false,
    virtualHosts: hosts.map((routes, host) => ({
      name: `host ${host}`,
      ...unchanged,
      domains: domains.filter((_, at) => at % hosts.length === host),
      routes: routes.map(
        ({ match, kind }, at): Route => ({ name: '', match, action: actionOf(kind, `${host}.${at}`), ...unchanged }),
      ),
    })),
  }));

type PlainFields = [name: string, value: string][];

function plainCall(path: string, authority: string, fields: PlainFields): PlainCall {
  return { path, authority, fields: [[':method', 'POST'], [':path', path], ...fields] };
}

const target = fc.record({
  path: fc
    .tuple(path, fc.constantFrom('', '', '?', '?a', '?a=b', '?b=a&a=ab&a=a', '#a'))
    .map((parts) => parts.join('')),
  authority: fc.constantFrom('a', 'a.b', 'c.b', 'A.b', 'a.b:1', 'b', 'c.a.b', 'd', 'd:1'),
});
const value = fc.oneof(word, fc.constantFrom('1', '-2', '+3', '04'));
const contentType = fc.constantFrom(
  'application/grpc',
  'application/grpc+proto',
  'application/grpc;a=b',
  'application/grpc-web',
  'a',
);
const field: fc.Arbitrary<[string, string]> = fc.tuple(fc.constantFrom('x', 'y', 'x-request-id', 'x-bin'), value);

/** Calls of one shape: they differ in its holes alone, which are fields that each has once. */
const callGroup: fc.Arbitrary<{ holes: string[]; calls: PlainCall[] }> = fc
  .record({
    first: target,
    type: fc.option(contentType),
    fields: fc.array(field, { maxLength: 4 }),
    mayBeHole: fc.uniqueArray(fc.constantFrom(':path', ':authority', 'content-type', 'x', 'y')),
    others: fc.array(fc.record({ target, contentType, x: value, y: value }), { maxLength: 4 }),
  })
  .map(({ first, type, fields, mayBeHole, others }) => {
    const all: PlainFields = [...(type === null ? [] : [['content-type', type] as [string, string]]), ...fields];
    const isOnce = (name: string): boolean => all.filter(([of]) => of === name).length === 1;
    const holes: string[] = mayBeHole.filter((name) => name.startsWith(':') || isOnce(name));
    const variants = others.map((other) => {
      const values: Record<string, string> = { 'content-type': other.contentType, x: other.x, y: other.y };
      return plainCall(
        holes.includes(':path') ? other.target.path : first.path,
        holes.includes(':authority') ? other.target.authority : first.authority,
        all.map(([name, old]) => [name, holes.includes(name) ? values[name]! : old]),
      );
    });
    return { holes, calls: [plainCall(first.path, first.authority, all), ...variants] };
  });

function withAuthority({ authority, fields }: PlainCall): PlainCall['fields'] {
  return [...fields, [':authority', authority]];
}

test('the compiled table answers like a linear scan', (t) => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      config,
      fc.array(callGroup, { minLength: 1, maxLength: 3 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (of, groups, random) => {
        const table = compileRouteTable(of, { random: () => random, ...deps });
        for (const { holes, calls } of groups) {
          const makeCall = callsOfShape(withAuthority(calls[0]!), holes);
          // Three times over: at first sight of the shape, when it is planned, and after.
          for (const plain of [...calls, ...calls, ...calls]) {
            const head = makeCall(withAuthority(plain));
            const decision = table.direct(head);
            const answer =
              decision.kind === 'forward'
                ? decision.cluster
                : decision.kind === 'reject'
                  ? decision.status
                  : decision.kind;
            t.is(answer, scanRoutes(of, plain, random), JSON.stringify({ plain, holes }));
            const kind = typeof answer === 'number' || answer === 'local' ? String(answer) : 'forward';
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
        }
      },
    ),
    { seed: 7, numRuns: 3_000, interruptAfterTimeLimit: 3_000 },
  );
  // The configurations reach every kind of answer, so the comparison means something.
  for (const kind of ['forward', 'local', '7', '12', '13', '14'])
    t.true((seen.get(kind) ?? 0) > 20, `${kind}: ${seen.get(kind)}`);
});
