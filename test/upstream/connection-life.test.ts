// What configuration says of the life of connections, carried out on both sides of a data plane (http2.md section 2, cases
// 92, 124 and 125).
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import type { ConnectionLife } from '../../xds/model/connection-life.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { flag, goAway, H2Peer, headers, ping, request, settings, settingsAck } from '../support/h2-peer.ts';
import { call } from '../support/http2-call.ts';
import { cluster, endpoints, listener, plainMesh } from '../support/resources.ts';

const noLife: ConnectionLife = { keepalive: null, idleTimeoutMs: null, maxDurationMs: null };
const answer = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-status', '0'],
] as const;

/** A mesh of one raw endpoint and a client of node:http2. */
async function raw(t: ExecutionContext, life: ConnectionLife) {
  const endpoint = await H2Peer.listen();
  const mesh = plainMesh('echo', 'outbound', [endpoint.port]);
  const plane = startDataPlane([...mesh, { type: 'cluster', value: { ...cluster('echo'), connectionLife: life } }]);
  const session = http2.connect(`http://127.0.0.1:${await plane.port('echo')}`);
  session.on('error', () => {});
  t.teardown(() => {
    session.destroy();
    plane.stop();
    endpoint.close();
  });
  const next = async (): Promise<H2Peer> => {
    const peer = await endpoint.next();
    t.teardown(() => peer.socket.destroy());
    peer.send(settings(), settingsAck());
    return peer;
  };
  return { address: `127.0.0.1:${endpoint.port}`, plane, session, next };
}

const asked = ({ isAck }: { readonly isAck: boolean }): boolean => !isAck;

test('case 92: an endpoint that says too_many_pings is pinged half as often, and log and call say so', async (t) => {
  const life = { ...noLife, keepalive: { intervalMs: 40, timeoutMs: 5000 } };
  const { address, plane, session, next } = await raw(t, life);
  const lost = call(session);
  const strict = await next();
  await strict.expect('HEADERS', 1);
  await strict.expect('PING', 0, asked);
  strict.send(goAway(1, 11, 'too_many_pings'));
  strict.socket.end();
  const { headers: failed } = await lost;
  t.is(failed['grpc-status'], '14');
  const message = decodeURIComponent(String(failed['grpc-message']));
  t.true(message.includes(address) && message.includes('ENHANCE_YOUR_CALM "too_many_pings"'), message);
  t.like(await plane.up('log', ({ message: line }) => line.includes('too many pings')), {
    level: 'warn',
    fields: { endpoint: address, keepaliveTimeMs: 80 },
  });
  const served = call(session);
  const patient = await next();
  await patient.expect('HEADERS', 1);
  const lastByteMs = performance.now();
  patient.send(headers(1, answer, flag.endStream));
  t.is((await served).headers['grpc-status'], '0');
  await patient.expect('PING', 0, asked);
  t.true(performance.now() - lastByteMs >= 70, 'the next connection waits twice as long');
});

test('case 124: calls on a connection whose endpoint fell silent are UNAVAILABLE, and the message says how it was found', async (t) => {
  const { address, session, next } = await raw(t, { ...noLife, keepalive: { intervalMs: 20, timeoutMs: 20 } });
  const calls = [call(session), call(session)];
  const silent = await next();
  await silent.expect('PING', 0, asked);
  for (const { headers: failed } of await Promise.all(calls)) {
    t.is(failed['grpc-status'], '14');
    t.is(
      decodeURIComponent(String(failed['grpc-message'])),
      `echo: the connection to ${address} ended before it answered: keepalive: nothing came within 20 ms of a PING`,
    );
  }
  // The endpoint is not given up: the next call connects anew.
  const again = call(session);
  const alive = await next();
  alive.onFrame = (frame) => {
    if (frame.type === 'PING' && !frame.isAck) alive.send(ping(frame.payload.toString('latin1'), flag.ack));
  };
  await alive.expect('HEADERS', 1);
  alive.send(headers(1, answer, flag.endStream));
  t.is((await again).headers['grpc-status'], '0');
});

/** The next connection that carries a call, which is answered: one that is too old before its call has come carries none. */
async function carrier(next: () => Promise<H2Peer>): Promise<H2Peer> {
  for (;;) {
    const peer = await next();
    const hasCall = await peer.expect('HEADERS', 1).then(
      () => true,
      () => false,
    );
    if (!hasCall) continue;
    peer.send(headers(1, answer, flag.endStream));
    return peer;
  }
}

test('case 125: connections to an endpoint end by max_connection_duration and idle_timeout, and calls go on', async (t) => {
  for (const life of [
    { ...noLife, maxDurationMs: 30 },
    { ...noLife, idleTimeoutMs: 30 },
  ]) {
    const { session, next } = await raw(t, life);
    for (let i = 0; i < 2; i++) {
      const [seen, peer] = await Promise.all([call(session), carrier(next)]);
      t.is(seen.headers['grpc-status'], '0');
      await peer.expect('GOAWAY');
      await peer.closed;
    }
  }
});

test('case 125: a connection of a client ends by the max_connection_duration of its listener, and a change is for new ones', async (t) => {
  const listening = (life: ConnectionLife, maxConcurrentStreams: number): ServingResource => {
    const value = listener('echo', 'outbound', 'echo-routes');
    const [chain] = value.filterChains;
    const http = { ...chain!.http, maxConcurrentStreams, connectionLife: life };
    return { type: 'listener', value: { ...value, filterChains: [{ ...chain!, http }] } };
  };
  const plane = startDataPlane([...plainMesh('echo', 'outbound', []).slice(0, 3), listening(noLife, 7)]);
  const port = await plane.port('echo');
  const old = await H2Peer.ready(port);
  plane.apply([listening({ ...noLife, maxDurationMs: 30 }, 8)]);
  const young = await H2Peer.ready(port);
  const leave = await young.expect('GOAWAY');
  t.is(leave.payload.toString('latin1', 8), 'max_age');
  const { payload } = await young.expect('PING', 0, asked);
  young.send(headers(1, request(), flag.endStream), ping(payload.toString('latin1'), flag.ack));
  const { fields } = await young.expect('HEADERS', 1);
  t.is(new Map(fields).get('grpc-status'), '14', 'it is served until the second GOAWAY');
  await young.closed;
  await old.roundTrip();
  t.is(old.count('GOAWAY'), 0);
  const limits = [old, young].map(
    ({ received }) => received[0]!.payload.toString('hex').match(/^(?:.{12})*?0003(.{8})/)?.[1],
  );
  t.deepEqual(limits, ['00000007', '00000008'], 'max_concurrent_streams');
  old.socket.destroy();
  plane.stop();
});

test('clusters that want another life of their connections share none, and those that want the same do', async (t) => {
  const endpoint = await H2Peer.listen();
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = http2.connect(`http://127.0.0.1:${await plane.port('echo')}`);
  session.on('error', () => {});
  const first = call(session);
  const peer = await endpoint.next();
  peer.send(settings(), settingsAck());
  await peer.expect('HEADERS', 1);
  plane.apply([
    { type: 'cluster', value: { ...cluster('echo'), connectionLife: { ...noLife, idleTimeoutMs: 60_000 } } },
    { type: 'endpoints', value: endpoints('echo', [endpoint.port]) },
  ]);
  const second = call(session);
  const other = await endpoint.next();
  other.send(settings(), settingsAck());
  await other.expect('HEADERS', 1);
  for (const each of [peer, other]) each.send(headers(1, answer, flag.endStream));
  for (const seen of [first, second]) t.is((await seen).headers['grpc-status'], '0');
  await peer.closed;
  t.is(other.count('GOAWAY'), 0);
  session.destroy();
  plane.stop();
  endpoint.close();
  other.socket.destroy();
});

test('connections that are leaving, each with a call that goes on, keep no new one from being opened', async (t) => {
  const { session, next } = await raw(t, noLife);
  // A pool has 128 connections at most.
  for (let i = 0; i < 130; i++) {
    void call(session);
    const peer = await next();
    await peer.expect('HEADERS', 1);
    peer.send(goAway(1, 0, ''));
  }
  const served = call(session);
  const last = await next();
  await last.expect('HEADERS', 1);
  last.send(headers(1, answer, flag.endStream));
  t.is((await served).headers['grpc-status'], '0');
});
