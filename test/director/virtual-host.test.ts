// Which virtual host takes an authority. Numbers are those of reference envoy-behaviours, section 1.
import test from 'ava';
import { call, clusterOf, table, virtualHost } from './routes.ts';

/** The virtual host that takes each authority, among hosts named like their only domain. */
function hostsOf(domains: string[], authorities: string[], ignorePort = false): string[] {
  const of = table(
    domains.map((domain) => virtualHost(domain, [domain])),
    { ignorePort },
  );
  return authorities.map((authority) => clusterOf(of, call({ authority })));
}

test('an exact domain comes before the longest suffix, that before the longest prefix, that before the star (1.1)', (t) => {
  const domains = ['*', 'a.*', 'a.b.*', '*.c', '*.b.c', 'a.b.c'];
  t.deepEqual(hostsOf(domains, ['a.b.c', 'x.b.c', 'x.y.c', 'a.b.x', 'a.x', 'other', 'a.x.c']), [
    'a.b.c',
    '*.b.c',
    '*.c',
    'a.b.*',
    'a.*',
    '*',
    '*.c',
  ]);
});

test('case matters neither in domains nor in authorities (1.1)', (t) => {
  t.deepEqual(hostsOf(['Orders.Example', '*.SHOP'], ['oRDERS.eXAMPLE', 'A.Shop']), ['Orders.Example', '*.SHOP']);
});

test('a wildcard stands for at least one character, and for any number of labels (1.2)', (t) => {
  t.deepEqual(hostsOf(['*.example.com', 'example.*'], ['example.com', '.example.com', 'a.b.example.com', 'example.']), [
    'example.*',
    'reject',
    '*.example.com',
    'reject',
  ]);
});

test('the star needs no dot (1.3)', (t) => {
  const domains = ['*example.com', '*-x.example.com', 'sh*', '*:8080', 'example.com:*'];
  const authorities = ['myexample.com', 'a-x.example.com', 'shop', 'other:8080', 'example.com:99'];
  t.deepEqual(hostsOf(domains, authorities), domains);
});

test('the port and a trailing dot are part of the text (1.4)', (t) => {
  t.deepEqual(hostsOf(['example.com', 'example.*'], ['example.com', 'example.com:443', 'example.com.']), [
    'example.com',
    'example.*',
    'example.*',
  ]);
});

test("ignore_port_in_host_matching ignores the call's port and never a domain's (1.5)", (t) => {
  t.deepEqual(
    hostsOf(['example.com', 'g:80', '[::1]'], ['example.com:443', 'g:80', 'g', '[::1]:50051', '[::1]', 'h:x'], true),
    ['example.com', 'reject', 'reject', '[::1]', '[::1]', 'reject'],
  );
});

test('a call without a virtual host is UNIMPLEMENTED, and the message names authority, path and configuration', (t) => {
  const of = table([virtualHost('a', ['a'])]);
  for (let time = 0; time < 3; time++) {
    t.like(of.direct(call({ authority: 'b:1' })), {
      kind: 'reject',
      status: 12,
      flag: 'NR',
      message:
        'no route for "/shop.Orders/Place" of authority "b:1": ' +
        'route configuration shop-routes has no virtual host for this authority',
    });
  }
});

test('an authority of any length makes a short message', (t) => {
  const decision = table([]).direct(call({ authority: 'x'.repeat(50_000), path: `/${'y'.repeat(5_000)}` }));
  t.true(decision.kind === 'reject' && decision.message.length < 500);
});

test('domains that are not ASCII are compared by their UTF-8 bytes', (t) => {
  const authorities = ['bücher.EXAMPLE', 'BÜCHER.example'].map((text) => Buffer.from(text, 'utf8').toString('latin1'));
  t.deepEqual(hostsOf(['Bücher.example'], authorities), ['Bücher.example', 'reject']);
});
