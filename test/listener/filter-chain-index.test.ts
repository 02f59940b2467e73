// Which filter chain a connection meets (envoy.config.listener.v3.FilterChainMatch, gRFC A36).
import test from 'ava';
import { type ConnectionFacts, chooseFilterChain, needsHello } from '../../agent/listener/filter-chain-index.ts';
import { anyConnection, type FilterChainMatch } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain, UnusableChain } from '../../xds/model/listener.ts';
import { listener } from '../support/resources.ts';

const [template] = listener('l', 'inbound', 'r').filterChains;

function chain(name: string, match: Partial<FilterChainMatch> | null): FilterChain {
  return { ...template!, name, match: match === null ? null : { ...anyConnection, ...match } };
}

const facts: ConnectionFacts = {
  localHost: '10.0.0.1',
  localPort: 8080,
  remoteHost: '10.1.2.3',
  remotePort: 5000,
  hello: { isTls: true, serverName: 'a.shop.example', applicationProtocols: ['h2', 'http/1.1'] },
};

function nameOf(chains: readonly FilterChain[], over: Partial<ConnectionFacts> = {}, last: FilterChain | null = null) {
  const of = { filterChains: chains, unusableChains: [], defaultFilterChain: last };
  return chooseFilterChain(of, { ...facts, ...over })?.name ?? null;
}

test('a chain that asks nothing serves everything, and the default what no other is for', (t) => {
  t.is(nameOf([chain('all', null)]), 'all');
  t.is(nameOf([chain('port', { destinationPort: 1 })]), null);
  t.is(nameOf([chain('port', { destinationPort: 1 })], {}, chain('default', null)), 'default');
  t.is(nameOf([chain('empty', {})], {}, chain('default', null)), 'empty');
});

test('the longest range wins, of the right family only', (t) => {
  const range = (address: string, bits: number) => [{ address, bits }];
  for (const field of ['destinationRanges', 'sourceRanges', 'directSourceRanges'] as const) {
    const over = field === 'destinationRanges' ? {} : { localHost: '10.9.9.9', remoteHost: '10.0.0.1' };
    const chains = [
      chain('wide', { [field]: range('10.0.0.0', 8) }),
      chain('narrow', { [field]: range('10.0.0.0', 24) }),
      chain('other', { [field]: range('11.0.0.0', 30) }),
      chain('six', { [field]: range('::', 0) }),
    ];
    t.is(nameOf(chains, over), 'narrow');
  }
});

test('an exact server name wins over the longest ending, and both over none', (t) => {
  const chains = [
    chain('none', {}),
    chain('example', { serverNames: ['*.example'] }),
    chain('shop', { serverNames: ['other', '*.shop.example'] }),
    chain('exact', { serverNames: ['a.shop.example'] }),
  ];
  const asking = (serverName: string) => nameOf(chains, { hello: { ...facts.hello!, serverName } });
  t.is(asking('a.shop.example'), 'exact');
  t.is(asking('b.shop.example'), 'shop');
  t.is(asking('b.c.shop.example'), 'shop');
  t.is(asking('shop.example'), 'example');
  t.is(asking('example'), 'none');
  t.is(asking(''), 'none');
});

test('transport and application protocols, where a client offers several', (t) => {
  const chains = [
    chain('tls', { transportProtocol: 'tls' }),
    chain('tls h2', { transportProtocol: 'tls', applicationProtocols: ['istio', 'h2'] }),
    chain('clear', { transportProtocol: 'raw_buffer' }),
    chain('nobody', { transportProtocol: 'other' }),
  ];
  t.is(nameOf(chains), 'tls h2');
  t.is(nameOf(chains, { hello: { isTls: true, serverName: '', applicationProtocols: ['http/1.1'] } }), 'tls');
  t.is(nameOf(chains, { hello: { isTls: false, serverName: '', applicationProtocols: ['h2c'] } }), 'clear');
});

test('where a connection comes from, and its port', (t) => {
  const chains = [
    chain('local', { sourceType: 'local' }),
    chain('external', { sourceType: 'external' }),
    chain('port', { sourceType: 'external', sourcePorts: [4, 5000] }),
  ];
  t.is(nameOf(chains), 'port');
  t.is(nameOf(chains, { remotePort: 1 }), 'external');
  for (const remoteHost of ['127.0.0.9', '::1', '10.0.0.1']) t.is(nameOf(chains, { remoteHost }), 'local');
});

test('criteria are looked at in order, and a chain that won one gets no second try for another', (t) => {
  const chains = [
    chain('port, wrong name', { destinationPort: 8080, serverNames: ['elsewhere'] }),
    chain('name alone', { serverNames: ['a.shop.example'] }),
  ];
  t.is(nameOf(chains, {}, chain('default', null)), 'default');
});

test('a connection for a chain that can’t be carried out meets it, not a less specific one', (t) => {
  const unusable: UnusableChain = {
    name: 'tcp',
    match: { ...anyConnection, destinationPort: 8080 },
    reason: 'tcp_proxy',
  };
  const of = { filterChains: [chain('all', {})], unusableChains: [unusable], defaultFilterChain: null };
  t.is(chooseFilterChain(of, facts), unusable);
  t.is(chooseFilterChain(of, { ...facts, localPort: 1 })?.name, 'all');
});

test('a client’s first bytes are looked at only where they decide something', (t) => {
  const of = (...filterChains: FilterChain[]) => ({ filterChains, unusableChains: [], defaultFilterChain: null });
  t.false(needsHello(of(chain('a', null), chain('b', { destinationPort: 1 }))));
  t.true(needsHello(of(chain('a', null), chain('b', { serverNames: ['x'] }))));
  t.true(needsHello(of(chain('a', { transportProtocol: 'tls' }))));
  const tls = { certificateChainPem: '', privateKeyPem: '', trustedCaPem: null, requireClientCertificate: false };
  t.true(needsHello(of(chain('a', null), { ...chain('b', { destinationPort: 1 }), tls })));
  t.false(needsHello(of({ ...chain('b', null), tls })));
});
