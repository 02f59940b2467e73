// Envoy and the agent, given the same access control by one control plane, let the same calls pass.
import http2 from 'node:http2';
import test from 'ava';
import fc from 'fast-check';
import type { CallRule, HttpFilter, RbacRules } from '../../xds/model/http-filter.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { forwardTo, type Route, unchanged } from '../../xds/model/route.ts';
import { call, startHttp2Endpoint } from '../support/http2-call.ts';
import { cluster, endpoints, listener, route } from '../support/resources.ts';
import { besideEnvoy } from './beside-envoy.ts';

const text = (value: string, kind: 'exact' | 'prefix' | 'suffix' | 'contains' = 'exact', ignoreCase = false) =>
  ({ kind, value, ignoreCase }) as const;

const headerRule = (value: string, over: object = {}): CallRule => ({
  kind: 'header',
  matcher: { name: 'x-user', match: text(value), invert: false, treatMissingAsEmpty: false, ...over },
});

const rule: fc.Arbitrary<CallRule> = fc.constantFrom<CallRule[]>(
  { kind: 'any' },
  { kind: 'path', match: text('/shop.Orders/Place') },
  { kind: 'path', match: text('/shop.', 'prefix') },
  { kind: 'path', match: text('place', 'suffix', true) },
  { kind: 'path', match: { kind: 'regex', value: '/[a-z]+\\..*' } },
  headerRule('ada'),
  headerRule('ada', { invert: true }),
  headerRule('', { treatMissingAsEmpty: true }),
);

const permission = fc.oneof(
  rule,
  fc.constantFrom<CallRule[]>(
    { kind: 'destination-ip', range: { address: '127.0.0.0', bits: 8 } },
    { kind: 'destination-ip', range: { address: '10.0.0.0', bits: 8 } },
    { kind: 'destination-port', first: 1, end: 65_536 },
    { kind: 'destination-port', first: 1, end: 1_024 },
    { kind: 'server-name', match: text('', 'exact') },
  ),
);

const principal = fc.oneof(
  rule,
  fc.constantFrom<CallRule[]>(
    { kind: 'source-ip', range: { address: '127.0.0.1', bits: 32 } },
    { kind: 'source-ip', range: { address: '::', bits: 0 } },
    { kind: 'authenticated', match: null },
    { kind: 'authenticated', match: text('') },
  ),
);

function nested(leaf: fc.Arbitrary<CallRule>): fc.Arbitrary<CallRule> {
  const list = fc.array(leaf, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    leaf,
    leaf.map((one): CallRule => ({ kind: 'not', rule: one })),
    list.map((rules): CallRule => ({ kind: 'all-of', rules })),
    list.map((rules): CallRule => ({ kind: 'any-of', rules })),
  );
}

const rules: fc.Arbitrary<RbacRules> = fc.record({
  action: fc.constantFrom('allow', 'deny'),
  policies: fc
    .array(fc.record({ permission: nested(permission), principal: nested(principal) }), { maxLength: 2 })
    .map((policies) => policies.map((policy, at) => ({ name: `policy ${at}`, ...policy }))),
});

/** One route for each set of rules, which the route gives the filter. */
function snapshot(port: number, all: readonly RbacRules[]): ServingResource[] {
  const routes = all.map(
    (own, at): Route => ({
      ...route(forwardTo([{ name: 'echo', weight: 1 }])),
      match: {
        ...route(forwardTo([])).match,
        headers: [{ name: 'x-rules', match: text(`${at}`), invert: false, treatMissingAsEmpty: false }],
      },
      filterOverrides: { rbac: own },
    }),
  );
  const filters: HttpFilter[] = [{ kind: 'rbac', name: 'rbac', rules: { action: 'allow', policies: [] } }];
  const plain = listener('inbound', 'inbound', 'mesh');
  const [chain] = plain.filterChains;
  return [
    { type: 'cluster', value: cluster('echo') },
    { type: 'endpoints', value: endpoints('echo', [port]) },
    {
      type: 'route',
      value: {
        name: 'mesh',
        virtualHosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [...routes, route(forwardTo([{ name: 'echo', weight: 1 }]))],
            ...unchanged,
          },
        ],
        ignorePortInHostMatching: false,
        mostSpecificMutationsWin: false,
        ...unchanged,
      },
    },
    { type: 'listener', value: { ...plain, filterChains: [{ ...chain!, http: { ...chain!.http, filters } }] } },
  ];
}

async function answers(port: number, calls: readonly http2.OutgoingHttpHeaders[]): Promise<string[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const seen = await Promise.all(calls.map((headers) => call(session, headers)));
  session.destroy();
  return seen.map(({ headers }) => `${headers[':status']} ${headers['grpc-status']} ${headers['grpc-message'] ?? ''}`);
}

test('rules drawn at random let the same calls pass in Envoy and in the agent', async (t) => {
  const server = await startHttp2Endpoint((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
  });
  const all = fc.sample(rules, { numRuns: 150, seed: 5 });
  const resources = snapshot(server.port, all);
  t.teardown(() => server.stop());
  const sides = await besideEnvoy(t, resources);
  if (sides === null) return;
  const paths = ['/shop.Orders/Place', '/shop.Orders/PLACE?q=/shop.Orders/Place', '/cart.Cart/Add'];
  const users = [{}, { 'x-user': 'ada' }, { 'x-user': ['bob', 'ada'] }, { 'x-user': '' }];
  // One more than there are rules: then the filter's own count.
  const calls = [...all, null].flatMap((_, at) =>
    paths.flatMap((path) => users.map((user) => ({ ':path': path, 'x-rules': `${at}`, ...user }))),
  );
  const byEnvoy = await answers(sides.envoyPort('inbound'), calls);
  const byAgent = await answers(await sides.agentPort('inbound'), calls);
  const differences = calls.flatMap((of, at) =>
    byEnvoy[at] === byAgent[at]
      ? []
      : [JSON.stringify({ of, rules: all[Number(of['x-rules'])], envoy: byEnvoy[at], agent: byAgent[at] })],
  );
  t.deepEqual(differences.slice(0, 3), [], `${differences.length} of ${calls.length} differ`);
  t.true(byAgent.includes('200 7 RBAC: access denied'));
  t.true(byAgent.includes('200 0 '));
});
