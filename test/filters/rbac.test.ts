// Access control (gRFC A41, xds.md section 1.3), rule by rule.
import test from 'ava';
import type { CallFacts } from '../../agent/director/call-facts.ts';
import { CallFilters } from '../../agent/filters/filter-chain.ts';
import type { CallRule, RbacPolicy, RbacRules } from '../../xds/model/http-filter.ts';
import { call, exact, header } from '../director/routes.ts';

const caller: CallFacts = {
  peer: '10.0.0.7:5000',
  isSecure: true,
  peerSans: ['DNS:shop.test', 'URI:spiffe://mesh/shop'],
  peerSubject: 'CN=shop,O=mesh',
  peerFingerprint: '',
  serverName: 'orders.test',
  localAddress: '127.0.0.1:15006',
  cluster: '',
  endpointAddress: '',
  endpointHostname: '',
};

const any: CallRule = { kind: 'any' };
const unknown: CallRule = { kind: 'unknown', reason: 'metadata' };
const not = (rule: CallRule): CallRule => ({ kind: 'not', rule });
const anyOf = (...rules: CallRule[]): CallRule => ({ kind: 'any-of', rules });
const allOf = (...rules: CallRule[]): CallRule => ({ kind: 'all-of', rules });
const path = (value: string): CallRule => ({ kind: 'path', match: exact(value) });

function policy(permission: CallRule, principal: CallRule = any, name = 'p'): RbacPolicy {
  return { name, permission, principal };
}

function passes(rules: RbacRules | null, head = call(), facts: Partial<CallFacts> = {}): boolean {
  const filters = CallFilters.compile([{ kind: 'rbac', name: 'rbac', rules }]);
  return filters!.check(head, { ...caller, ...facts }, null) === null;
}

function holds(rule: CallRule, head = call(), facts: Partial<CallFacts> = {}): boolean {
  return passes({ action: 'allow', policies: [policy(rule)] }, head, facts);
}

test('no rules let everything pass; DENY without policies does, ALLOW without policies nothing (control-planes.md 2.13)', (t) => {
  t.true(passes(null));
  t.true(passes({ action: 'deny', policies: [] }));
  t.false(passes({ action: 'allow', policies: [] }));
});

test('a policy matches where its permission and its principal do; any policy of several decides', (t) => {
  const here = path('/shop.Orders/Place');
  const elsewhere = path('/shop.Orders/Cancel');
  const known: CallRule = { kind: 'authenticated', match: null };
  t.true(passes({ action: 'allow', policies: [policy(elsewhere), policy(here, known)] }));
  t.false(passes({ action: 'allow', policies: [policy(elsewhere), policy(here, not(known))] }));
  t.false(passes({ action: 'deny', policies: [policy(elsewhere), policy(here, known)] }));
  t.true(passes({ action: 'deny', policies: [policy(elsewhere), policy(here, not(known))] }));
});

test('a text that is too long for a regex slips past no rule, whatever it asks and whatever the policy does', (t) => {
  const regex = { kind: 'regex', value: '/shop.*' } as const;
  const long = `/shop${'a'.repeat(5000)}`;
  const head = call({ path: long, fields: [['x-user', long]] });
  const facts = { serverName: long, peerSans: [`URI:${long}`] };
  const rules: Record<string, CallRule> = {
    path: { kind: 'path', match: regex },
    header: { kind: 'header', matcher: header('x-user', regex) },
    authority: { kind: 'header', matcher: header(':authority', regex) },
    sni: { kind: 'server-name', match: regex },
    name: { kind: 'authenticated', match: regex },
  };
  for (const [what, rule] of Object.entries(rules)) {
    const of = what === 'authority' ? call({ authority: long }) : head;
    for (const one of [rule, not(rule)]) {
      t.false(passes({ action: 'deny', policies: [policy(one)] }, of, facts), `DENY ${what}`);
      t.false(passes({ action: 'allow', policies: [policy(one)] }, of, facts), `ALLOW ${what}`);
    }
  }
});

test('the path is looked at without its query, as the router does', (t) => {
  t.true(holds(path('/shop.Orders/Place'), call({ path: '/shop.Orders/Place?a=b' })));
  t.false(holds(path('/shop.Orders/Place?a=b'), call({ path: '/shop.Orders/Place?a=b' })));
});

test('headers are matched as routes match them', (t) => {
  const matcher = header('x-role', exact('admin'));
  t.true(holds({ kind: 'header', matcher }, call({ fields: [['x-role', 'admin']] })));
  t.true(holds({ kind: 'header', matcher }, call({ fields: [['x-role', 'admin']], holes: ['x-role'] })));
  t.false(holds({ kind: 'header', matcher }));
});

test('addresses lie in ranges, IPv4 in IPv6 clothes too; a range of one family takes none of the other', (t) => {
  const from = (address: string, bits: number): CallRule => ({ kind: 'source-ip', range: { address, bits } });
  t.true(holds(from('10.0.0.0', 8)));
  t.false(holds(from('10.0.1.0', 24)));
  t.true(holds(from('10.0.0.0', 8), call(), { peer: '[::ffff:10.1.2.3]:1' }));
  t.true(holds(from('2001:db8::', 32), call(), { peer: '[2001:db8::7]:1' }));
  t.false(holds(from('2001:db8::', 32)));
  t.false(holds(from('0.0.0.0', 0), call(), { peer: '[2001:db8::7]:1' }));
  t.false(holds(from('::', 0)));
  t.true(holds({ kind: 'destination-ip', range: { address: '127.0.0.0', bits: 8 } }));
});

test('the port where a call arrived and the name that was asked for in TLS', (t) => {
  t.true(holds({ kind: 'destination-port', first: 15_006, end: 15_007 }));
  t.false(holds({ kind: 'destination-port', first: 15_007, end: 65_536 }));
  t.true(holds({ kind: 'server-name', match: exact('orders.test') }));
});

test('an authenticated caller is known by its URIs, else by its DNS names, else by its subject', (t) => {
  const named = (value: string): CallRule => ({ kind: 'authenticated', match: exact(value) });
  t.true(holds(named('spiffe://mesh/shop')));
  t.false(holds(named('shop.test')));
  t.true(holds(named('shop.test'), call(), { peerSans: ['DNS:other.test', 'DNS:shop.test'] }));
  t.true(holds(named('CN=shop,O=mesh'), call(), { peerSans: [] }));
  const anonymous = { peerSubject: null, peerSans: [] };
  t.false(holds({ kind: 'authenticated', match: null }, call(), anonymous));
  t.false(holds(named(''), call(), anonymous));
});

test('rules combine: all of, any of, not', (t) => {
  t.true(holds(allOf(any, not(path('/x')))));
  t.false(holds(allOf(any, path('/x'))));
  t.true(holds(anyOf(path('/x'), any)));
  t.false(holds(anyOf(path('/x'), not(any))));
});

test('what can’t be evaluated lets nothing pass, however it is turned', (t) => {
  for (const rule of [unknown, not(unknown), allOf(any, unknown), anyOf(path('/x'), unknown), not(not(unknown))]) {
    t.false(passes({ action: 'allow', policies: [policy(rule)] }), JSON.stringify(rule));
    t.false(passes({ action: 'deny', policies: [policy(rule)] }), JSON.stringify(rule));
  }
  // Where the rest settles it, it settles it.
  t.true(holds(anyOf(unknown, any)));
  t.true(passes({ action: 'deny', policies: [policy(allOf(unknown, path('/x')))] }));
});

test('a route may give a filter other rules, or none; what it says of other filters does not matter', (t) => {
  const nobody: RbacRules = { action: 'allow', policies: [] };
  const everybody: RbacRules = { action: 'allow', policies: [policy(any)] };
  const filters = CallFilters.compile([{ kind: 'rbac', name: 'rbac', rules: nobody }])!;
  t.truthy(filters.check(call(), caller, null));
  t.is(filters.check(call(), caller, { rbac: everybody }), null);
  t.is(filters.check(call(), caller, { rbac: null }), null);
  t.truthy(filters.check(call(), caller, { other: everybody }));
  t.truthy(filters.check(call(), caller, JSON.parse('{"__proto__": null}')));
});

test('the reason names filter and policy, for the log', (t) => {
  const denies: RbacRules = { action: 'deny', policies: [policy(any, any, 'no-one')] };
  const filters = CallFilters.compile([
    { kind: 'rbac', name: 'open', rules: null },
    { kind: 'rbac', name: 'shut', rules: denies },
  ]);
  t.is(filters?.check(call(), caller, null)?.reason, 'filter shut: policy "no-one" denies it');
});
