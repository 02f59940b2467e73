// Which connections a filter chain is for -> model, and what of it is refused (xds.md section 1.2).
import test from 'ava';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';
import { connectionManager, routeMessage, socketAddress } from './messages.ts';

const inline = { route_config: routeMessage('inline', ['c']) };
const empty = (typeName: string) => ({ type_url: `type.googleapis.com/${typeName}`, value: Buffer.alloc(0) });
const address = socketAddress('127.0.0.1', 8080);

test('what a filter chain asks of a connection, in each of its fields', (t) => {
  const chain = (filter_chain_match: object | null) => ({ filter_chain_match, filters: [connectionManager(inline)] });
  const matchOf = (message: object | null) =>
    modelOf('listener', { name: 'l', address, filter_chains: [chain(message)] }).filterChains[0]?.match;
  const range = { address_prefix: '240.0.0.0', prefix_len: { value: 8 } };
  const model = { address: '240.0.0.0', bits: 8 };
  t.is(matchOf(null), null);
  t.deepEqual(
    matchOf({
      destination_port: { value: 8080 },
      prefix_ranges: [range],
      server_names: ['Shop.test', '*.example'],
      transport_protocol: 'tls',
      application_protocols: ['istio', 'h2'],
      direct_source_prefix_ranges: [range],
      source_type: 'SAME_IP_OR_LOOPBACK',
      source_prefix_ranges: [{ address_prefix: '::' }],
      source_ports: [1, 2],
    }),
    {
      destinationPort: 8080,
      destinationRanges: [model],
      serverNames: ['shop.test', '*.example'],
      transportProtocol: 'tls',
      applicationProtocols: ['istio', 'h2'],
      directSourceRanges: [model],
      sourceType: 'local',
      sourceRanges: [{ address: '::', bits: 0 }],
      sourcePorts: [1, 2],
    },
  );
  const quic = { name: 'l', address, filter_chains: [chain({ transport_protocol: 'quic' })] };
  t.is(modelOf('listener', quic).filterChains[0]?.match?.transportProtocol, 'other');
  t.deepEqual(warningsOf('listener', quic), [
    'filter_chains[0].filter_chain_match.transport_protocol: "quic" is matched by no connection',
  ]);
});

test('a filter chain match that makes no sense is refused by its path', (t) => {
  const errors = (filter_chain_match: object) =>
    errorsOf('listener', {
      name: 'l',
      address,
      filter_chains: [{ filter_chain_match, filters: [connectionManager(inline)] }],
    });
  const at = 'filter_chains[0].filter_chain_match';
  t.deepEqual(errors({ destination_port: { value: 0 } }), [`${at}.destination_port: 0 is not a port`]);
  t.deepEqual(errors({ prefix_ranges: [{ address_prefix: 'x' }] }), [
    `${at}.prefix_ranges[0].address_prefix: "x" is not an IP address`,
  ]);
  t.deepEqual(errors({ server_names: ['a.*'] }), [
    `${at}.server_names[0]: "a.*" is no server name, nor "*." and the end of one`,
  ]);
});

test('a chain that cannot be carried out stays known, so that what is meant for it reaches no other', (t) => {
  const tcp = { name: 'tcp', typed_config: empty('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy') };
  const message = {
    name: 'l',
    address,
    filter_chains: [
      { name: 'tcp', filter_chain_match: { destination_port: { value: 9 } }, filters: [tcp] },
      { name: 'http', filters: [connectionManager(inline)] },
    ],
  };
  const { filterChains, unusableChains } = modelOf('listener', message);
  t.deepEqual(
    filterChains.map(({ name }) => name),
    ['http'],
  );
  const text = '"tcp" (envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy) is no HTTP connection manager';
  const reason = `filter_chains[0].filters[0]: ${text}: the chain serves no connection`;
  t.like(unusableChains[0], { name: 'tcp', match: { destinationPort: 9 }, reason });
  t.deepEqual(warningsOf('listener', message), [reason]);
});
