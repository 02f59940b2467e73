// Filter chains of one port, through a whole data plane: TLS and clear text side by side, names, and what changes while
// connections are open.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import test from 'ava';
import { anyConnection, type FilterChainMatch } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain, Listener } from '../../xds/model/listener.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { DownstreamTls } from '../../xds/model/tls.ts';
import { closed } from '../support/closed.ts';
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts';
import { call } from '../support/http2-call.ts';
import { listener, route, routeConfiguration } from '../support/resources.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');
const tls: DownstreamTls = {
  certificateChainPem: pem('server'),
  privateKeyPem: pem('server-key'),
  trustedCaPem: null,
  requireClientCertificate: false,
};

const plain = listener('l', 'inbound', 'none');

/** A chain whose every call is answered with its name. */
function chain(name: string, match: Partial<FilterChainMatch>, own: DownstreamTls | null = null): FilterChain {
  const config = routeConfiguration(name, { '*': [route({ kind: 'direct-response', status: 403, body: name })] });
  const { http } = plain.filterChains[0]!;
  return {
    name,
    match: { ...anyConnection, ...match },
    tls: own,
    http: { ...http, routes: { kind: 'inline', config } },
  };
}

function withChains(filterChains: readonly FilterChain[], over: Partial<Listener> = {}): ServingResource {
  return { type: 'listener', value: { ...plain, filterChains, ...over } };
}

async function sessionTo(plane: TestDataPlane, options: http2.SecureClientSessionOptions | null = null) {
  const port = await plane.port('l');
  return options === null
    ? http2.connect(`http://127.0.0.1:${port}`)
    : http2.connect(`https://127.0.0.1:${port}`, { ca: pem('ca'), checkServerIdentity: () => undefined, ...options });
}

async function chainOf(session: http2.ClientHttp2Session): Promise<string> {
  const { headers } = await call(session);
  return String(headers['grpc-message']);
}

test('TLS and clear text on one port, and a chain for a name', async (t) => {
  const plane = startDataPlane([
    withChains([
      chain('clear', { transportProtocol: 'raw_buffer' }),
      chain('tls', { transportProtocol: 'tls' }, tls),
      chain('named', { serverNames: ['*.shop.example'] }, tls),
    ]),
  ]);
  for (const [name, options] of [
    ['clear', null],
    ['tls', {}],
    ['tls', { servername: 'other.example' }],
    ['named', { servername: 'a.shop.example' }],
  ] as const) {
    const session = await sessionTo(plane, options);
    t.is(await chainOf(session), name);
    session.destroy();
  }
  plane.stop();
});

test('a connection that no chain is for is closed, and so is one whose chain can’t be carried out', async (t) => {
  const unusable = {
    name: 'tcp',
    match: { ...anyConnection, transportProtocol: 'raw_buffer' as const },
    reason: 'tcp_proxy',
  };
  for (const unusableChains of [[], [unusable]]) {
    const plane = startDataPlane([withChains([chain('tls', { transportProtocol: 'tls' }, tls)], { unusableChains })]);
    const socket = net.connect(await plane.port('l'), '127.0.0.1');
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await closed(socket);
    t.is(socket.bytesRead, 0);
    plane.stop();
  }
});

test('open connections meet the chains of the next version, and drain where none is for them any more', async (t) => {
  const plane = startDataPlane([withChains([chain('first', { sourceType: 'local' })])]);
  const session = await sessionTo(plane);
  t.is(await chainOf(session), 'first');
  plane.apply([withChains([chain('other', {}), chain('second', { sourceType: 'local' })])]);
  t.is(await chainOf(session), 'second');
  const goaway = once(session, 'goaway');
  plane.apply([withChains([chain('elsewhere', { sourceType: 'external' })])]);
  const [code] = await goaway;
  t.is(code, http2.constants.NGHTTP2_NO_ERROR);
  session.destroy();
  plane.stop();
});

test('a version whose certificates can’t be read is told, and the last good one serves on', async (t) => {
  const plane = startDataPlane([withChains([chain('good', {}, tls)])]);
  const before = await sessionTo(plane, {});
  t.is(await chainOf(before), 'good');
  plane.apply([withChains([chain('bad', {}, { ...tls, privateKeyPem: 'no key' })])]);
  t.truthy((await plane.up('listener-failed')).reason);
  t.is(await chainOf(before), 'good');
  const after = await sessionTo(plane, {});
  t.is(await chainOf(after), 'good');
  before.destroy();
  after.destroy();
  plane.stop();
});

test('a client that says nothing while its first bytes are awaited holds nobody up, and may go', async (t) => {
  const plane = startDataPlane([withChains([chain('clear', {}), chain('tls', { transportProtocol: 'tls' }, tls)])]);
  const silent = net.connect(await plane.port('l'), '127.0.0.1');
  await once(silent, 'connect');
  const session = await sessionTo(plane);
  t.is(await chainOf(session), 'clear');
  silent.end();
  await closed(silent);
  session.destroy();
  plane.stop();
});

test('a hello that comes byte by byte is understood', async (t) => {
  const plane = startDataPlane([withChains([chain('clear', {}), chain('named', { serverNames: ['a.test'] }, tls)])]);
  const port = await plane.port('l');
  const relay = net.createServer((from) => {
    const to = net.connect(port, '127.0.0.1');
    to.setNoDelay(true);
    from.on('data', async (chunk: Buffer) => {
      from.pause();
      for (const byte of chunk) await new Promise<void>((sent) => to.write(Buffer.of(byte), () => setImmediate(sent)));
      from.resume();
    });
    to.pipe(from);
    for (const end of [from, to]) end.on('error', () => {});
    from.on('close', () => to.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const session = http2.connect(`https://127.0.0.1:${(relay.address() as net.AddressInfo).port}`, {
    ca: pem('ca'),
    servername: 'a.test',
    checkServerIdentity: () => undefined,
  });
  t.is(await chainOf(session), 'named');
  session.destroy();
  relay.close();
  plane.stop();
});
