// The end of an agent in a pod: who can still call, and when (sidecars.md sections 5 and 7).
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import test from 'ava';
import { drainInPod, drainWithin } from '../../agent/drain.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { loopbackTls } from '../support/loopback-tls.ts';
import { cluster, endpoints, forward, listener, plainMesh, route, routeConfiguration } from '../support/resources.ts';

test('of a pod’s 30 s, 5 are for the news of its end to spread, and calls have until shortly before the last', (t) => {
  t.deepEqual(drainInPod(30, false), { lagMs: 4750, graceMs: 28_500, order: 'inbound-first' });
  t.deepEqual(drainInPod(60, false), { lagMs: 5000, graceMs: 58_500, order: 'inbound-first' });
  t.deepEqual(drainInPod(1, false), { lagMs: 0, graceMs: 0, order: 'inbound-first' });
});

test('where the application has ended first, nobody is waited for but the calls themselves', (t) => {
  t.deepEqual(drainInPod(30, true), drainWithin(28_500));
});

test('a grace of more than 24 days is one of 24: for more, Node’s timers would fire at once', (t) => {
  const plans = [drainWithin(Number.POSITIVE_INFINITY), drainInPod(10_000_000, false)];
  for (const { graceMs } of plans) t.is(graceMs, 24 * 86_400_000);
});

test('inbound ends first: the application can call until its callers are done and it has closed its connections', async (t) => {
  const echo = await startEchoServer();
  const plane = startDataPlane([
    { type: 'endpoints', value: endpoints('echo', [echo.port]) },
    { type: 'cluster', value: cluster('echo') },
    { type: 'route', value: routeConfiguration('all', { '*': [route(forward('echo'))] }) },
    { type: 'listener', value: listener('in', 'inbound', 'all') },
    { type: 'listener', value: listener('out', 'outbound', 'all') },
  ]);
  t.teardown(async () => {
    plane.stop();
    await echo.stop();
  });
  const [inPort, outPort] = [await plane.port('in'), await plane.port('out')];
  const caller = new EchoClient(inPort, 'app');
  const app = new EchoClient(outPort, 'others');
  const message = Buffer.from('hello');
  t.deepEqual((await app.unary(message)).reply, message);
  const last = caller.bidi();
  const replies = last[Symbol.asyncIterator]();
  last.write(message);
  t.deepEqual((await replies.next()).value, message);

  plane.plane.receive({ kind: 'drain', plan: { lagMs: 100, graceMs: 20_000, order: 'inbound-first' } });
  const late = new EchoClient(inPort, 'app');
  t.deepEqual((await late.unary(message)).reply, message, 'the news has not spread yet');
  late.close();
  while (await accepts(inPort));
  t.true(await accepts(outPort));
  t.deepEqual((await app.unary(message)).reply, message, 'its callers are not done yet');

  last.end();
  t.true((await replies.next()).done);
  caller.close();
  t.deepEqual((await app.unary(message)).reply, message, 'it has not closed its connections yet');
  t.false(plane.ups.some(({ kind }) => kind === 'drained'));
  app.close();
  t.is((await plane.up('drained')).callsCut, 0);
});

test('a client in the middle of its TLS handshake is told to go as well, and the drain waits for it', async (t) => {
  const own = listener('in', 'inbound', 'all');
  const filterChains = own.filterChains.map((chain) => ({ ...chain, tls: loopbackTls }));
  const plane = startDataPlane([{ type: 'listener', value: { ...own, filterChains } }]);
  t.teardown(() => plane.stop());
  const socket = net.connect(await plane.port('in'), '127.0.0.1');
  await once(socket, 'connect');
  // The next one is accepted behind it.
  const other = net.connect(await plane.port('in'), '127.0.0.1');
  await once(other, 'connect');
  await setImmediate();
  plane.plane.receive({ kind: 'drain', plan: drainWithin(20_000) });
  await setImmediate();
  t.false(plane.ups.some(({ kind }) => kind === 'drained'));
  other.destroy();
  const session = http2.connect('https://127.0.0.1', {
    createConnection: () => tls.connect({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false }),
  });
  const [code] = await once(session, 'goaway');
  t.is(code, 0);
  t.is((await plane.up('drained')).callsCut, 0);
});

test('configuration that comes during the drain opens no listener', async (t) => {
  const echo = await startEchoServer();
  const resources = plainMesh('echo', 'outbound', [echo.port]);
  const plane = startDataPlane(resources);
  t.teardown(async () => {
    plane.stop();
    await echo.stop();
  });
  const client = new EchoClient(await plane.port('echo'), 'echo');
  const call = client.bidi();
  const replies = call[Symbol.asyncIterator]();
  call.write(Buffer.from('hello'));
  await replies.next();
  plane.plane.receive({ kind: 'drain', plan: drainWithin(20_000) });
  plane.apply(plainMesh('late', 'outbound', [echo.port]));
  call.write(Buffer.from('again'));
  t.is(String((await replies.next()).value), 'again');
  call.end();
  t.true((await replies.next()).done);
  client.close();
  t.is((await plane.up('drained')).callsCut, 0);
  t.false(plane.ups.some((up) => up.kind === 'listener-bound' && up.name === 'late'));
});

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
