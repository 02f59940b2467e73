// Many streams of one connection given up at once, which an endpoint that counts resets would take for an attack (A7 of
// the attack classes, and section 6 of the checklist, the reset budget).
import test, { type ExecutionContext } from 'ava';
import type { Http2Limits } from '../../agent/http2/index.ts';
import { data, flag, H2Peer, headers, rstStream, settings, settingsAck } from '../support/h2-peer.ts';
import { dial, requestFields, StreamLog } from './connection-fixture.ts';

const cancel = 8;
const ok: [string, string][] = [[':status', '200']];

/** A client of ours with so many streams open, in order, and the raw server they are on. */
async function openMany(t: ExecutionContext, count: number, limits: Partial<Http2Limits> = {}) {
  const { port, next, close } = await H2Peer.listen();
  t.teardown(close);
  let clock = 0;
  const { connection, log, environment } = await dial(t, port, limits, { now: () => clock });
  const peer = await next();
  t.teardown(() => peer.socket.destroy());
  peer.send(settings(), settingsAck());
  await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
  const block = environment.shapes.block(requestFields);
  const streams = Array.from({ length: count }, () => {
    const streamLog = new StreamLog();
    streamLog.stream = connection.openStream(streamLog);
    streamLog.stream.sendHeaders(block, true);
    return streamLog;
  });
  await peer.expect('HEADERS', 2 * count - 1);
  return { connection, log, environment, peer, streams, setClock: (ms: number) => (clock = ms) };
}

test('(A7) of 400 streams that are given up at once 150 are reset, and the one that is left comes to its end', async (t) => {
  const { connection, log, peer, streams } = await openMany(t, 401);
  const [left, ...givenUp] = streams;
  for (const { stream } of givenUp) stream!.reset(cancel);
  t.deepEqual([connection.activeStreams, connection.room], [1, 0]);
  await peer.expect('GOAWAY');
  t.is(peer.count('RST_STREAM'), 150);
  t.is(connection.stats.limitsHit['resetsBeforeRotation'], 1);
  // The server does not know: it answers some, ends others itself, and none of that is held against it.
  for (let id = 303; id < 803; id += 2) {
    const rounds = Array.from({ length: 60 }, () => data(id, 'x'));
    peer.send(headers(id, ok), ...rounds, id % 4 === 3 ? data(id, '', flag.endStream) : rstStream(id, cancel));
  }
  peer.send(headers(1, ok), data(1, 'answer', flag.endStream));
  await left!.until(() => left!.ended);
  t.is(left!.body.toString(), 'answer');
  t.true(
    givenUp.every(({ events }) => events.length === 0),
    'nobody hears of what was given up',
  );
  t.like(await log.closed, { reason: 'drained' });
  t.is(peer.count('RST_STREAM'), 150);
});

test('(A7) beside a call that goes on, the others are reset as time goes by, never more than 150 in the window', async (t) => {
  const limits = { rotationWindowMs: 30 };
  const { environment, peer, streams, setClock } = await openMany(t, 401, limits);
  for (const { stream } of streams.slice(1)) stream!.reset(cancel);
  await peer.expect('RST_STREAM', 303 - 2);
  t.is(peer.count('RST_STREAM'), 150);
  setClock(31);
  await peer.expect('RST_STREAM', 601);
  t.is(peer.count('RST_STREAM'), 300);
  setClock(62);
  await peer.expect('RST_STREAM', 801);
  t.is(peer.count('RST_STREAM'), 400);
  t.deepEqual(
    environment.logs.filter(({ level }) => level === 'error'),
    [],
  );
});

test('a server that goes on sending on streams that were given up pays for it', async (t) => {
  const { connection, log, peer, streams } = await openMany(t, 200, {
    controlFrameBurst: 100,
    controlFramesPerSecond: 0,
  });
  for (const { stream } of streams.slice(1)) stream!.reset(cancel);
  await peer.expect('GOAWAY');
  peer.send(headers(399, ok), ...Array.from({ length: 1000 }, () => data(399, 'x')));
  t.like(await log.closed, { by: 'local', reason: 'controlFrameBurst exceeded' });
  t.is(connection.stats.limitsHit['controlFrameBurst'], 1);
});
