// What is queued for a peer that does not take it (D5, C7 of the attack classes): bounded at once behind shut windows,
// in time otherwise, and over all connections. Readers are never cut.

import { createServer } from 'node:net';
import test from 'ava';
import { accept, ErrorCode } from '../../agent/http2/index.ts';
import { flag, H2Peer, headers, request, settings, windowUpdate } from '../support/h2-peer.ts';
import { ConnectionLog, dial, environment, requestFields, serve, type TestServer } from './connection-fixture.ts';

const body = Buffer.alloc(65_536, 1);
const calls = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => headers(2 * i + 1, request(), flag.endStream)));

/** Each call is answered with 64 KiB. */
function answerAll(server: TestServer): void {
  const head = server.environment.shapes.block([[':status', '200']]);
  server.log.onNewStream = (log) => {
    log.onEvent = (stream, event) => {
      if (event.kind !== 'headers') return;
      stream.sendHeaders(head, false);
      stream.sendData(body, 0, body.length, true);
    };
  };
}

const resets = (peer: H2Peer): number => peer.count('RST_STREAM');

test('(D5) behind windows of 0 the longest waiting streams are shed at once when too much is unread', async (t) => {
  const server = await serve(t, { maxUnreadBytes: 10 * body.length });
  answerAll(server);
  const peer = await H2Peer.ready(server.port, [0x4, 0]);
  t.teardown(() => peer.socket.destroy());
  peer.send(calls(30));
  await peer.roundTrip();
  t.is(resets(peer), 20);
  t.deepEqual(
    [...new Set(peer.received.filter(({ type }) => type === 'RST_STREAM').map(({ code }) => code))],
    [ErrorCode.ENHANCE_YOUR_CALM],
  );
  t.is((await server.connection).stats.limitsHit['maxUnreadBytes'], 20);
  t.like((await server.log.stream(0)).reset, { by: 'shed' });
  t.is((await server.log.stream(29)).reset, undefined);
  peer.send(windowUpdate(0, 100 * body.length), settings([0x4, body.length]));
  await peer.expect('DATA', 59, ({ endStream }) => endStream);
  t.is(peer.body(59).length, body.length);
});

test('(D5) what is queued is judged in its own turn, also where nothing is written in it', async (t) => {
  const server = await serve(t, { maxUnreadBytes: 10 * body.length });
  const head = server.environment.shapes.block([[':status', '200']]);
  const peer = await H2Peer.ready(server.port, [0x4, 0]);
  t.teardown(() => peer.socket.destroy());
  server.log.onNewStream = (log) => {
    log.onEvent = (stream) => stream.sendHeaders(head, false);
  };
  peer.send(calls(30));
  await peer.roundTrip();
  for (const { stream } of server.log.streams) stream!.sendData(body, 0, body.length, true);
  await peer.expect('RST_STREAM');
  t.like(server.log.streams[0]!.reset, { by: 'shed' });
});

test('(D5) a window of 1 byte makes no reader', async (t) => {
  const server = await serve(t, { maxUnreadBytes: 10 * body.length });
  answerAll(server);
  const peer = await H2Peer.ready(server.port, [0x4, 1]);
  t.teardown(() => peer.socket.destroy());
  peer.send(calls(30));
  await peer.roundTrip();
  t.is(resets(peer), 20);
});

test('(D5) streams that are read in small windows are not shed, however many wait for theirs', async (t) => {
  const server = await serve(t, { maxUnreadBytes: 65_536 });
  answerAll(server);
  const peer = await H2Peer.ready(server.port, [0x4, 8192]);
  t.teardown(() => peer.socket.destroy());
  peer.send(windowUpdate(0, 100 * body.length), calls(100));
  await peer.expect('DATA', 199);
  await peer.roundTrip();
  t.is(resets(peer), 0);
});

test('(D5) a connection whose window is shut for the time of grace keeps what it may queue', async (t) => {
  const server = await serve(t, { maxQueuedBytes: 10 * body.length, queueGraceMs: 20 });
  answerAll(server);
  const peer = await H2Peer.ready(server.port, [0x4, 1_000_000]);
  t.teardown(() => peer.socket.destroy());
  peer.send(calls(10));
  await peer.roundTrip();
  t.is(resets(peer), 0);
  const more = Array.from({ length: 5 }, (_, i) => headers(2 * i + 21, request(), flag.endStream));
  peer.send(Buffer.concat(more));
  await peer.expect('RST_STREAM');
  await peer.roundTrip();
  t.true((await server.connection).stats.limitsHit['maxQueuedBytes']! >= 3);
  const { activeStreams } = await server.connection;
  t.true(activeStreams >= 9 && activeStreams <= 11, `${activeStreams} streams are left`);
});

test.serial(
  '1,000 answers of 64 KiB on one connection that reads are all delivered, though they wait for long',
  async (t) => {
    const server = await serve(t, { queueGraceMs: 500 });
    const head = server.environment.shapes.block([[':status', '200']]);
    server.log.onNewStream = () => {
      if (server.log.streams.length < 1000) return;
      // Behind the turn in which the last one came, so that none is refused.
      setImmediate(() => {
        for (const { stream } of server.log.streams) {
          stream!.sendHeaders(head, false);
          stream!.sendData(body, 0, body.length, true);
        }
      });
    };
    const peer = await H2Peer.ready(server.port, [0x4, 65_535]);
    t.teardown(() => peer.socket.destroy());
    let left = 1000;
    const done = new Promise<void>((resolve) => {
      peer.onFrame = ({ type, streamId, payload, endStream }) => {
        if (type !== 'DATA' || payload.length === 0) return;
        peer.send(windowUpdate(0, payload.length), ...(endStream ? [] : [windowUpdate(streamId, payload.length)]));
        if (endStream && --left === 0) resolve();
      };
    });
    peer.send(calls(1000));
    await done;
    t.is(resets(peer), 0);
  },
);

test.serial(
  '(D5) a stream that draws a byte now and then is shed after the stall time, its neighbour is not',
  async (t) => {
    const server = await serve(t, { streamStallTimeoutMs: 500, queueGraceMs: 20 });
    answerAll(server);
    const peer = await H2Peer.ready(server.port, [0x4, 100]);
    t.teardown(() => peer.socket.destroy());
    peer.onFrame = ({ type, streamId }) => {
      if (type === 'DATA' && streamId === 1) peer.send(windowUpdate(1, 16_384));
    };
    peer.send(windowUpdate(0, 100 * body.length), calls(2));
    const drip = setInterval(() => peer.send(windowUpdate(3, 1)), 5);
    t.teardown(() => clearInterval(drip));
    t.is((await peer.expect('RST_STREAM')).streamId, 3);
    await peer.expect('DATA', 1, ({ endStream }) => endStream);
    t.is((await server.connection).stats.limitsHit['streamStallTimeoutMs'], 1);
  },
);

test('(D5) an endpoint that keeps its window shut does not pin the requests of many clients', async (t) => {
  const hostile = await H2Peer.listen();
  t.teardown(() => hostile.close());
  const { connection, environment: env } = await dial(t, hostile.port, { maxUnreadBytes: 10 * body.length });
  const peer = await hostile.next();
  t.teardown(() => peer.socket.destroy());
  peer.send(settings([0x4, 0], [0x3, 1000]));
  await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
  const ends: string[] = [];
  const block = env.shapes.block(requestFields);
  for (let i = 0; i < 15; i++) {
    const stream = connection.openStream({
      onHeaders() {},
      onData() {},
      onSent() {},
      onReset: (_stream, code, by) => ends.push(`${code} ${by}`),
    });
    stream.sendHeaders(block, false);
    stream.sendData(body, 0, body.length, true);
  }
  await peer.expect('RST_STREAM');
  await peer.roundTrip();
  t.deepEqual(ends, Array(5).fill(`${ErrorCode.CANCEL} shed`));
});

test('(D5) when all connections of a data plane hold too much, the longest queue is cut', async (t) => {
  const env = environment('server', { maxPlaneQueuedBytes: 20 * body.length });
  const log = new ConnectionLog();
  const server = createServer((socket) => accept(socket, env, log));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const head = env.shapes.block([[':status', '200']]);
  log.onNewStream = (streamLog) => {
    streamLog.onEvent = (stream, event) => {
      if (event.kind !== 'headers') return;
      stream.sendHeaders(head, false);
      stream.sendData(body, 0, body.length, true);
    };
  };
  const [small, large] = await Promise.all([H2Peer.ready(port, [0x4, 0]), H2Peer.ready(port, [0x4, 0])]);
  t.teardown(() => {
    small.socket.destroy();
    large.socket.destroy();
  });
  large.send(calls(18));
  await large.roundTrip();
  small.send(calls(4));
  await small.roundTrip();
  await large.roundTrip();
  t.deepEqual([resets(small), resets(large)], [0, 9]);
  t.is(env.flusher.queues.bytes, 13 * body.length);
  large.socket.destroy();
  small.send(calls(0));
  await small.roundTrip();
});

test('(B6) when what is kept for all calls is too much, who keeps most has streams reset until it is not', async (t) => {
  const server = await serve(t, { maxPlaneQueuedBytes: 2_000_000, maxQueuedBytes: 1e9 });
  server.log.onNewStream = (log) => {
    log.onEvent = (stream, event) => {
      if (event.kind === 'headers') stream.connection.keep(300_000);
      else if (event.kind === 'reset') stream.connection.keep(-300_000);
    };
  };
  const [modest, greedy] = await Promise.all([H2Peer.ready(server.port), H2Peer.ready(server.port)]);
  t.teardown(() => [modest, greedy].map(({ socket }) => socket.destroy()));
  modest.send(headers(1, request(), flag.endStream));
  await modest.roundTrip();
  greedy.send(calls(20));
  await greedy.roundTrip();
  t.is(modest.count('RST_STREAM'), 0);
  const left = 20 - resets(greedy);
  t.true(left >= 1 && left <= 5, `${left} streams are left`);
  t.is((await server.log.stream(20)).stream!.connection.stats.limitsHit['maxPlaneQueuedBytes'], 20 - left);
});

test('what was queued in small pieces leaves in full frames, and in its order', async (t) => {
  const server = await serve(t);
  const head = server.environment.shapes.block([[':status', '200']]);
  const whole = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  server.log.onNewStream = (log) => {
    log.onEvent = (stream, event) => {
      if (event.kind !== 'headers') return;
      stream.sendHeaders(head, false);
      for (let at = 0; at < whole.length; at += 333) {
        const end = Math.min(at + 333, whole.length);
        stream.sendData(whole, at, end, end === whole.length);
      }
    };
  };
  const peer = await H2Peer.ready(server.port, [0x4, 0]);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, request(), flag.endStream), windowUpdate(0, whole.length));
  await peer.roundTrip();
  peer.send(windowUpdate(1, whole.length));
  await peer.expect('DATA', 1, ({ endStream }) => endStream);
  t.deepEqual(peer.body(1), whole);
  const lengths = peer.received.filter(({ type }) => type === 'DATA').map(({ payload }) => payload.length);
  t.deepEqual(lengths, [...Array.from({ length: 6 }, () => 16_384), whole.length - 6 * 16_384]);
});
