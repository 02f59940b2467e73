// (E3) Connections are refused when they are accepted, beyond what a listener or one address may have.
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { ListenerLimits } from '../../agent/listener/connection-cap.ts';
import { ListenerSet } from '../../agent/listener/listener-set.ts';
import type { DownstreamTls } from '../../xds/model/tls.ts';
import { environment } from '../http2/connection-fixture.ts';
import { H2Peer, preface, settings } from '../support/h2-peer.ts';
import { listener } from '../support/resources.ts';

interface Listening {
  readonly port: number;
  readonly refused: [limit: string, peer: string][];
  /** A connection from that address, open and answered with SETTINGS; `null`: it was closed without a byte. */
  open(localAddress: string): Promise<Socket | null>;
}

async function listen(
  t: ExecutionContext,
  limits: ListenerLimits,
  tls: DownstreamTls | null = null,
): Promise<Listening> {
  const refused: [string, string][] = [];
  let bound: (port: number) => void = () => {};
  const port = new Promise<number>((resolve) => {
    bound = resolve;
  });
  const set = new ListenerSet({
    environment: environment('server'),
    reusePort: false,
    limits,
    onRefused: (limit, peer) => refused.push([limit, peer]),
    drainMs: 0,
    createContext: () => null,
    accept: () => ({ onHeaders() {}, onData() {}, onReset() {}, onSent() {} }),
    onBound: (_name, _host, at) => bound(at),
    onFailed: (_name, reason) => t.fail(reason),
    onClosed: () => {},
  });
  const resource = listener('app', 'inbound', 'routes');
  set.upsert({ ...resource, filterChains: resource.filterChains.map((chain) => ({ ...chain, tls })) });
  t.teardown(() => set.close());
  const at = await port;
  return {
    port: at,
    refused,
    open: async (localAddress) => {
      const socket = connect({ host: '127.0.0.1', port: at, localAddress });
      t.teardown(() => socket.destroy());
      const peer = new H2Peer(socket);
      peer.send(preface, settings());
      return peer.expect('SETTINGS', 0).then(
        () => socket,
        () => null,
      );
    },
  };
}

test('(E3) one address may not have more than its share of a listener, and closing one makes room', async (t) => {
  const { open, refused } = await listen(t, { maxConnections: 10, maxConnectionsPerAddress: 2 });
  const first = await open('127.0.0.1');
  t.truthy(await open('127.0.0.1'));
  t.is(await open('127.0.0.1'), null);
  t.is(refused.length, 1);
  t.is(refused[0]![0], 'maxConnectionsPerAddress');
  t.regex(refused[0]![1], /^127\.0\.0\.1:\d+$/);
  t.truthy(await open('127.0.0.2'), 'others are let in');
  first!.destroy();
  // The close is seen in its own time; until then the next one is refused as well.
  let again: Socket | null = null;
  while (again === null) again = await open('127.0.0.1');
  t.is(await open('127.0.0.1'), null);
});

test('(E3) a listener takes no more connections than it may have, and those that are open go on', async (t) => {
  const { open, refused } = await listen(t, { maxConnections: 3, maxConnectionsPerAddress: 3 });
  const opened = [await open('127.0.0.1'), await open('127.0.0.2'), await open('127.0.0.3')];
  t.is(await open('127.0.0.4'), null);
  t.is(refused[0]![0], 'maxConnections');
  t.true(opened.every((socket) => socket !== null && !socket.destroyed));
});

test('(E3) what clients leave behind is given back, whether they left before their first byte or after', async (t) => {
  const { open, port } = await listen(t, { maxConnections: 2, maxConnectionsPerAddress: 1 });
  for (let i = 0; i < 20; i++) {
    const silent = connect({ host: '127.0.0.1', port });
    silent.on('error', () => {});
    silent.once('connect', () => silent.destroy());
    await new Promise((resolve) => silent.once('close', resolve));
    // Its close is seen in its own time.
    let socket: Socket | null = null;
    while (socket === null) socket = await open('127.0.0.1');
    socket.destroy();
  }
  t.pass();
});

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

test('(E3) TLS handshakes count from their beginning, and those that fail or are left are given back', async (t) => {
  const tls: DownstreamTls = {
    certificateChainPem: pem('server'),
    privateKeyPem: pem('server-key'),
    trustedCaPem: null,
    requireClientCertificate: false,
  };
  const { port, refused } = await listen(t, { maxConnections: 9, maxConnectionsPerAddress: 1 }, tls);
  const handshake = (): Promise<boolean> =>
    new Promise((resolve) => {
      const secure = connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false });
      secure.on('error', () => resolve(false));
      secure.once('secureConnect', () => {
        secure.destroy();
        resolve(true);
      });
    });
  const silent = connect({ host: '127.0.0.1', port });
  silent.on('error', () => {});
  await new Promise((resolve) => silent.once('connect', resolve));
  while (refused.length === 0) t.false(await handshake(), 'the silent one has the only place');
  silent.destroy();
  for (let i = 0; i < 3; i++) {
    while (!(await handshake()));
    const nonsense = connect({ host: '127.0.0.1', port });
    nonsense.on('error', () => {});
    nonsense.end('GET / HTTP/1.1');
    await new Promise((resolve) => nonsense.once('close', resolve));
  }
  t.pass();
});
