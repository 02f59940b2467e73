// Things that happen at once, or to a connection that is gone. Numbers are cases of the HTTP/2 checklist.
import test, { type ExecutionContext } from 'ava';
import { type Connection, connect, ErrorCode, type Stream } from '../../agent/http2/index.ts';
import {
  data,
  flag,
  goAway,
  H2Peer,
  headers,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { ConnectionLog, dial, echo, environment, requestFields, StreamLog, serve } from './connection-fixture.ts';

const { endStream } = flag;
const ok = [[':status', '200']] as const;

interface Dialed {
  readonly peer: H2Peer;
  readonly connection: Connection;
  readonly log: ConnectionLog;
  /** A call whose request has ended, or one that goes on. */
  readonly call: (endsRequest?: boolean) => StreamLog;
}

/** A client of ours before a raw server that has said nothing. */
async function dialPeer(t: ExecutionContext): Promise<Dialed> {
  const { port, next, close } = await H2Peer.listen();
  t.teardown(close);
  const { connection, log, environment: env } = await dial(t, port);
  const peer = await next();
  t.teardown(() => peer.socket.destroy());
  const call = (endsRequest = true): StreamLog => {
    const streamLog = new StreamLog();
    streamLog.stream = connection.openStream(streamLog);
    streamLog.stream.sendHeaders(env.shapes.block(requestFields), endsRequest);
    return streamLog;
  };
  return { peer, connection, log, call };
}

test('(57) informational responses without end reset their stream, and no other', async (t) => {
  const { peer, connection, call } = await dialPeer(t);
  peer.send(settings(), settingsAck());
  const [flooded, other] = [call(), call()];
  const early = headers(1, [[':status', '103']]);
  peer.send(...Array.from({ length: 16 }, () => early));
  await peer.roundTrip();
  t.is(flooded.reset, undefined);
  peer.send(early);
  await flooded.until(() => flooded.reset !== undefined);
  t.like(flooded.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local' });
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.PROTOCOL_ERROR);
  t.is(connection.stats.limitsHit['maxInformationalResponses'], 1);
  peer.send(headers(3, ok, endStream));
  await other.until(() => other.ended);
});

test("(104) a head is measured as the server does, and a client's own limit binds nobody (6.5.2)", async (t) => {
  const { peer, connection } = await dialPeer(t);
  const { shapes } = environment('client');
  const block = shapes.block([...requestFields, ['x-fixed', 'a'.repeat(100)]]);
  const bytes = [...block.entries()].reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  t.is(connection.oversizeOf(block), null, 'no limit was set');
  for (const [maxBytes, oversize] of [
    [bytes, null],
    [bytes - 1, { bytes, maxBytes: bytes - 1 }],
    [100 * bytes, null],
  ] as const) {
    peer.send(settings([0x6, maxBytes]));
    await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
    t.deepEqual(connection.oversizeOf(block), oversize);
  }
  t.is(connection.stats.limitsHit['maxHeaderListBytes'], 1);
  const { port, environment: env, log } = await serve(t);
  log.onNewStream = echo(env);
  const frugal = await H2Peer.ready(port, [0x6, 1]);
  frugal.send(headers(1, request(), endStream));
  await frugal.expect('HEADERS', 1, (frame) => frame.endStream);
  frugal.socket.destroy();
});

test('(128) a response, a GOAWAY and the end of the connection in one chunk: each call ends once, and rightly', async (t) => {
  const { peer, log, call } = await dialPeer(t);
  peer.send(settings(), settingsAck());
  const calls = [call(), call(), call()];
  await peer.expect('HEADERS', 5);
  peer.send(headers(1, ok), data(1, 'whole', endStream), goAway(3, 0, 'bye'));
  peer.socket.end();
  t.like(await log.closed, {
    by: 'peer',
    reason: 'the peer said GOAWAY NO_ERROR "bye", then: the peer closed the connection',
  });
  const [first, second, third] = calls;
  t.is(first!.body.toString(), 'whole');
  t.is(first!.reset, undefined);
  t.like(second!.reset, { by: 'connection', unprocessed: false }, 'it may have been processed');
  t.like(third!.reset, { unprocessed: true });
  t.deepEqual(
    calls.map(({ events }) => events.filter(({ kind }) => kind === 'reset').length),
    [0, 1, 1],
  );
});

test('(128) a GOAWAY that crosses a close of our own ends the connection once', async (t) => {
  const { peer, connection, log } = await dialPeer(t);
  peer.send(settings(), settingsAck(), goAway(0, 0));
  connection.destroy(ErrorCode.NO_ERROR, 'not needed');
  await log.closed;
  t.is(log.ends.length, 1);
});

test('(128) a reset in the chunk of its HEADERS, even behind the preface, opens and ends one stream and is not answered', async (t) => {
  const { port, log } = await serve(t);
  const peer = await H2Peer.connect(port);
  t.teardown(() => peer.socket.destroy());
  peer.send(preface, settings(), settingsAck(), headers(1, request()), rstStream(1, ErrorCode.CANCEL));
  const stream = await log.stream(0);
  await stream.until(() => stream.reset !== undefined);
  peer.send(headers(3, request()), data(3, 'x'), rstStream(3, ErrorCode.CANCEL), windowUpdate(3, 1));
  await peer.roundTrip();
  t.deepEqual(
    log.streams.map(({ events }) => events.map(({ kind }) => kind)),
    [
      ['headers', 'reset'],
      ['headers', 'data', 'reset'],
    ],
  );
  t.is(peer.count('RST_STREAM'), 0);
});

test('(128) a call that is cancelled before the server has said anything is reset, and one without headers leaves no trace', async (t) => {
  const { peer, connection, call } = await dialPeer(t);
  call().stream!.reset(ErrorCode.CANCEL);
  connection.openStream(new StreamLog()).reset(ErrorCode.CANCEL);
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.CANCEL);
  peer.send(settings(), settingsAck());
  await peer.roundTrip();
  t.is(peer.count('RST_STREAM'), 1);
  t.is(connection.activeStreams, 0);
});

test('(128) whatever is wrong with stream 0, RST_STREAM never names it', async (t) => {
  for (const wrong of [
    data(0, 'x'),
    headers(0, request()),
    windowUpdate(0, 0),
    rstStream(0, 8),
    windowUpdate(0, 0x7fff_ffff),
  ]) {
    const { port } = await serve(t);
    const peer = await H2Peer.ready(port);
    peer.send(wrong);
    await peer.expect('GOAWAY');
    await peer.closed;
    t.is(peer.count('RST_STREAM'), 0);
    peer.socket.destroy();
  }
});

// ---- (129) a client that closes its side -------------------------------------------------------------------------

test('(129) where it is allowed, a client that closes its side behind its requests still gets the whole answers', async (t) => {
  const { port, environment: env, log } = await serve(t, { halfClosedGraceMs: 5000 });
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  peer.socket.allowHalfOpen = true;
  peer.send(headers(1, request(), endStream), headers(3, request()), data(3, 'half a req'));
  const [whole, half] = [await log.stream(0), await log.stream(1)];
  peer.socket.end();
  await half.until(() => half.reset !== undefined);
  t.like(half.reset, { by: 'peer', unprocessed: false }, 'what has not come whole never will');
  const head = env.shapes.block([[':status', '200']]);
  whole.stream!.sendHeaders(head, false);
  whole.stream!.sendData(Buffer.alloc(50_000, 'x'), 0, 50_000, true);
  await peer.expect('DATA', 1, (frame) => frame.endStream);
  t.is(peer.body(1).length, 50_000);
  await peer.closed;
  t.like(await log.closed, { by: 'local', reason: 'drained' });
  t.is(whole.reset, undefined);
});

test('(129) the grace of such a client ends, and one without calls has none', async (t) => {
  const { port, log } = await serve(t, { halfClosedGraceMs: 20 });
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, request(), endStream));
  const call = await log.stream(0);
  peer.socket.end();
  await call.until(() => call.reset !== undefined);
  t.like(call.reset, { by: 'connection' });
  t.like(await log.closed, { reason: 'time to drain is over' });
  const idle = await serve(t, { halfClosedGraceMs: 1e6 });
  const other = await H2Peer.ready(idle.port);
  other.socket.end();
  t.like(await idle.log.closed, { by: 'peer', reason: 'the peer closed the connection' });
});

// ---- (130) ends of every kind, in every state --------------------------------------------------------------------

/** All that an owner might still do with what is gone. */
function useAll(t: ExecutionContext, connection: Connection, streams: readonly Stream[]): void {
  const { shapes } = environment('client');
  const bytes = Buffer.alloc(10);
  for (const stream of streams) {
    stream.sendHeaders(shapes.block(requestFields), false);
    stream.sendData(bytes, 0, bytes.length, true);
    stream.credit(10);
    stream.reset(ErrorCode.CANCEL);
  }
  connection.ping(() => t.fail('no answer can come'));
  connection.drain(10);
  connection.destroy(ErrorCode.CANCEL, 'once more');
  t.is(connection.room, 0);
}

type How = 'FIN' | 'RST' | 'destroy';
const hows: readonly How[] = ['FIN', 'RST', 'destroy'];
const states = ['silent', 'open', 'in a call', 'under load', 'draining'] as const;

function end(how: How, peer: H2Peer, connection: Connection): void {
  if (how === 'FIN') peer.socket.end();
  else if (how === 'RST') peer.socket.resetAndDestroy();
  else connection.destroy(ErrorCode.INTERNAL_ERROR, 'destroyed');
}

for (const how of hows) {
  for (const state of states) {
    test(`(130) a client whose connection ends by ${how} while it is ${state} may still be used, and closes once`, async (t) => {
      const { peer, connection, log, call } = await dialPeer(t);
      if (state !== 'silent') {
        peer.send(settings(), settingsAck());
        await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
      }
      const streams: StreamLog[] = [];
      if (state === 'in a call' || state === 'draining') streams.push(call(), call(false));
      if (state === 'under load') {
        const bulk = call(false);
        bulk.stream!.sendData(Buffer.alloc(5_000_000), 0, 5_000_000, true);
        streams.push(bulk);
        peer.socket.pause();
      }
      if (state === 'draining') connection.drain(0);
      end(how, peer, connection);
      // Written while the end is on its way: EPIPE or ECONNRESET comes to a socket that was told to write.
      for (const { stream } of streams) stream!.sendData(Buffer.alloc(100_000), 0, 100_000, false);
      useAll(t, connection, []);
      peer.socket.resume();
      await log.closed;
      useAll(
        t,
        connection,
        streams.map(({ stream }) => stream!),
      );
      t.is(log.ends.length, 1);
      for (const { events } of streams) t.true(events.filter(({ kind }) => kind === 'reset').length <= 1);
    });

    if (state === 'silent') continue;
    test(`(130) a server whose client ends by ${how} while it is ${state} may still be used, and closes once`, async (t) => {
      const { port, log, connection: accepted } = await serve(t);
      const peer = await H2Peer.ready(port);
      t.teardown(() => peer.socket.destroy());
      const connection = await accepted;
      const streams: StreamLog[] = [];
      if (state !== 'open') {
        peer.send(headers(1, request()), headers(3, request(), endStream));
        streams.push(await log.stream(0), await log.stream(1));
      }
      if (state === 'under load') peer.socket.pause();
      if (state === 'draining') connection.drain(0);
      const { shapes } = environment('server');
      for (const { stream } of streams) {
        stream!.sendHeaders(shapes.block([[':status', '200']]), false);
        stream!.sendData(Buffer.alloc(5_000_000), 0, state === 'under load' ? 5_000_000 : 10, false);
      }
      end(how, peer, connection);
      for (const { stream } of streams) stream!.sendData(Buffer.alloc(100_000), 0, 100_000, true);
      peer.socket.resume();
      await log.closed;
      useAll(
        t,
        connection,
        streams.map(({ stream }) => stream!),
      );
      t.is(log.ends.length, 1);
      for (const { events } of streams) t.is(events.filter(({ kind }) => kind === 'reset').length, 1);
    });
  }
}

test('(130) a connect that is refused, or given up, may still be used', async (t) => {
  const { port, close } = await H2Peer.listen();
  close();
  for (const isGivenUp of [false, true]) {
    const log = new ConnectionLog();
    const connection = connect({ host: '127.0.0.1', port }, null, environment('client'), log, {
      connectTimeoutMs: 5000,
    });
    if (isGivenUp) connection.destroy(ErrorCode.CANCEL, 'given up');
    useAll(t, connection, []);
    t.false((await log.closed).connected);
    useAll(t, connection, []);
    t.is(log.ends.length, 1);
  }
});
