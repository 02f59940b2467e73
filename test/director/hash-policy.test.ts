// What hash policies make of a call (gRFC A42; the numbers in brackets are those of reference envoy-behaviours).
import test from 'ava';
import { hashText } from '../../agent/balancer/hash.ts';
import { compileHashPolicies } from '../../agent/director/hash-policy.ts';
import type { HashPolicy } from '../../xds/model/route.ts';
import { call } from './routes.ts';

type Unended<T> = T extends unknown ? Omit<T, 'terminal'> & { readonly terminal?: boolean } : never;

function hashOf(policies: readonly Unended<HashPolicy>[], head = call(), peer = '10.0.0.7:5000'): bigint | null {
  const hash = compileHashPolicies(policies.map((policy) => ({ terminal: false, ...policy }) as HashPolicy));
  return hash!.of(head, peer);
}

const user = { kind: 'header', name: 'x-user', rewrite: null } as const;

test('a route without policies has no hash', (t) => {
  t.is(compileHashPolicies([]), null);
});

test('a header gives its value, fixed or a hole; one that is absent gives nothing (10.2)', (t) => {
  const fields = [['x-user', 'ada']] as const;
  t.is(hashOf([user], call({ fields })), hashText('ada'));
  t.is(hashOf([user], call({ fields, holes: ['x-user'] })), hashText('ada'));
  t.is(hashOf([user]), null);
  t.is(hashOf([{ ...user, name: ':authority' }], call({ authority: 'shop' })), hashText('shop'));
});

test('repeated headers don’t depend on order, and are not the joined text (10.3)', (t) => {
  const of = (...values: string[]) => hashOf([user], call({ fields: values.map((value) => ['x-user', value]) }));
  t.is(of('a', 'b'), of('b', 'a'));
  t.not(of('a', 'b'), of('a,b'));
});

test('binary metadata is never hashed', (t) => {
  t.is(hashOf([{ ...user, name: 'x-bin' }], call({ fields: [['x-bin', 'AA']] })), null);
});

test('a rewrite replaces what it finds, with groups, before the value is hashed', (t) => {
  const rewrite = { regex: '^/users/(\\w+)/.*', replacement: 'user-\\1' };
  const of = (value: string) => hashOf([{ ...user, rewrite }], call({ fields: [['x-user', value]] }));
  t.is(of('/users/ada/orders'), hashText('user-ada'));
  t.is(of('/carts/ada'), hashText('/carts/ada'));
});

test('cookies, query parameters, the caller’s address and its connection', (t) => {
  const cookies = call({ fields: [['cookie', 'a=1; sid="xyz"; b=2']] });
  t.is(hashOf([{ kind: 'cookie', name: 'sid' }], cookies), hashText('xyz'));
  t.is(hashOf([{ kind: 'cookie', name: 'none' }], cookies), null);
  const query = call({ path: '/shop.Orders/Place?user=ada&user=bob' });
  t.is(hashOf([{ kind: 'query-parameter', name: 'user' }], query), hashText('ada'));
  t.is(hashOf([{ kind: 'source-ip' }]), hashText('10.0.0.7'));
  t.is(hashOf([{ kind: 'source-ip' }], call(), '[::1]:5000'), hashText('::1'));
  t.not(hashOf([{ kind: 'connection' }]), hashOf([{ kind: 'connection' }], call(), '10.0.0.7:5001'));
});

test('policies combine in order; a terminal one ends the list once anything was found (10.4)', (t) => {
  const both = call({
    fields: [
      ['x-user', 'ada'],
      ['x-shop', 'tea'],
    ],
  });
  const shop = { ...user, name: 'x-shop' };
  const absent = { ...user, name: 'x-absent' };
  t.not(hashOf([user, shop], both), hashOf([shop, user], both));
  t.is(hashOf([{ ...user, terminal: true }, shop], both), hashText('ada'));
  t.is(hashOf([{ ...absent, terminal: true }, shop], both), hashText('tea'));
  t.is(hashOf([user, { ...absent, terminal: true }, shop], both), hashText('ada'));
  // Two policies that find the same don't undo each other.
  t.not(hashOf([user, user], both), 0n);
});
