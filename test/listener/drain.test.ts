// The end of an agent in a pod: who can still call, and when (sidecars.md sections 5 and 7).
import net from 'node:net';
import test from 'ava';
import { drainInPod, drainWithin } from '../../agent/drain.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';

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

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
