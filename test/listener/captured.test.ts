// Redirected connections, told where they were meant to go as the kernel would: which listener serves them, and which of
// its chains (envoy-behaviours of original destinations; sidecars.md section 3).
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import test from 'ava';
import type { SocketAddress } from '../../xds/model/address.ts';
import { anyConnection, type FilterChainMatch } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain, Listener } from '../../xds/model/listener.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { type CapturingPlane, startCapturingPlane } from '../support/capturing-plane.ts';
import { closed } from '../support/closed.ts';
import { call } from '../support/http2-call.ts';
import { listener, route, routeConfiguration } from '../support/resources.ts';

/** A chain whose every call is answered with its name. */
function chain(name: string, match: Partial<FilterChainMatch> | null = null): FilterChain {
  const config = routeConfiguration(name, { '*': [route({ kind: 'direct-response', status: 403, body: name })] });
  const { http } = listener('l', 'outbound', 'none').filterChains[0]!;
  const own = match === null ? null : { ...anyConnection, ...match };
  return { name, match: own, tls: null, http: { ...http, routes: { kind: 'inline', config } } };
}

function named(name: string, over: Partial<Listener>, ...chains: readonly FilterChain[]): ServingResource {
  const filterChains = chains.length === 0 ? [chain(name)] : chains;
  return { type: 'listener', value: { ...listener(name, 'outbound', 'none'), filterChains, ...over } };
}

const captured = (host: string, port: number): ServingResource =>
  named(`${host}_${port}`, { address: { host, port }, bindsNoPort: true });

async function chainOf(plane: CapturingPlane, meant: SocketAddress | null): Promise<string> {
  const session = http2.connect('http://mesh', { createConnection: () => plane.connect(meant) });
  try {
    const { headers } = await call(session);
    return String(headers['grpc-message']);
  } finally {
    session.destroy();
  }
}

const at = (host: string, port: number): SocketAddress => ({ host, port });

test('use_original_dst: the listener of the very address serves, else that of all addresses, else the capturing one', async (t) => {
  const plane = await startCapturingPlane(t, [
    captured('10.0.0.9', 80),
    captured('0.0.0.0', 80),
    captured('::', 81),
    captured('fd00::9', 80),
    named('all', { capture: 'hand-on' }),
  ]);
  for (const [host, port, expected] of [
    ['10.0.0.9', 80, '10.0.0.9_80'],
    ['10.0.0.8', 80, '0.0.0.0_80'],
    ['10.0.0.8', 81, '::_81'],
    ['fd00::9', 80, 'fd00::9_80'],
    ['fd00::8', 80, 'all'],
    ['fd00::8', 81, '::_81'],
    ['10.0.0.9', 82, 'all'],
  ] as const) {
    t.is(await chainOf(plane, at(host, port)), expected, `${host} ${port}`);
  }
  t.is(await chainOf(plane, null), 'all', 'one of which the kernel knows nothing');
});

test('a listener that does not hand on matches its chains by the address that was meant', async (t) => {
  const plane = await startCapturingPlane(t, [
    captured('10.0.0.9', 80),
    named(
      'all',
      { capture: 'match' },
      chain('port 80', { destinationPort: 80 }),
      chain('network', { destinationRanges: [{ address: '10.1.0.0', bits: 16 }] }),
      chain('h2c', { applicationProtocols: ['h2c'], transportProtocol: 'raw_buffer' }),
    ),
  ]);
  t.is(await chainOf(plane, at('10.0.0.9', 80)), 'port 80');
  t.is(await chainOf(plane, at('10.1.2.3', 81)), 'network');
  t.is(await chainOf(plane, at('10.2.2.3', 81)), 'h2c');
});

test('a captured connection that no chain is for is closed, counted and told', async (t) => {
  const plane = await startCapturingPlane(t, [
    named('all', { capture: 'match' }, chain('port 80', { destinationPort: 80 })),
  ]);
  const socket = plane.connect(at('10.0.0.9', 81));
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await closed(socket);
  t.is(socket.bytesRead, 0);
  const { fields } = await plane.plane.up('log', ({ message }) => message === 'a connection was not passed on');
  t.like(fields, { listener: 'all', destination: '10.0.0.9:81', reason: 'no filter chain is for it' });
  t.like(plane.counted(), { 'outrigger_redirected_connections_total outbound failed': 1 });
});

test('a connection that was meant for the capturing listener itself is refused, counted and told', async (t) => {
  const plane = await startCapturingPlane(t, [named('all', { capture: 'hand-on' })]);
  const itself = at('127.0.0.1', await plane.plane.port('all'));
  await closed(plane.connect(itself));
  const { fields } = await plane.plane.up('log', ({ message }) => message === 'a redirected connection was refused');
  t.like(fields, {
    listener: 'all',
    destination: `127.0.0.1:${itself.port}`,
    reason: 'it was meant for this listener itself',
  });
  t.like(plane.counted(), { 'outrigger_redirected_connections_total outbound failed': 1 });
});

test('a captured listener that changes or goes takes its open connections along', async (t) => {
  const plane = await startCapturingPlane(t, [captured('0.0.0.0', 80), named('all', { capture: 'hand-on' })]);
  const session = http2.connect('http://mesh', { createConnection: () => plane.connect(at('10.0.0.9', 80)) });
  const answer = async () => String((await call(session)).headers['grpc-message']);
  t.is(await answer(), '0.0.0.0_80');
  plane.plane.apply([named('0.0.0.0_80', { address: at('0.0.0.0', 80), bindsNoPort: true }, chain('second'))]);
  t.is(await answer(), 'second');
  const goaway = once(session, 'goaway');
  plane.plane.apply([], [{ type: 'listener', name: '0.0.0.0_80' }]);
  t.is((await goaway)[0], http2.constants.NGHTTP2_NO_ERROR);
  session.destroy();
  t.is(await chainOf(plane, at('10.0.0.9', 80)), 'all');
});

test('a silent client is closed after listener_filters_timeout', async (t) => {
  const detection = { timeoutMs: 50, servesSilent: false };
  const plane = await startCapturingPlane(t, [named('all', { capture: 'match', detection })]);
  // What it was meant for stays open and is silent too.
  const server = net.createServer((socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const socket = plane.connect(at('127.0.0.1', port));
  await closed(socket);
  const { fields } = await plane.plane.up('log', ({ message }) => message === 'a connection was not passed on');
  t.is(fields['reason'], 'the client was silent for too long');
  server.close();
});
