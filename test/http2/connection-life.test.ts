// How long a connection lives: keepalive both ways, pings that are too many, age, idleness, and the last stream id.
// Numbers are cases of the HTTP/2 checklist.
import { existsSync, readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { type Connection, type ConnectionEnd, ErrorCode, type Http2Limits } from '../../agent/http2/index.ts';
import {
  data,
  flag,
  H2Peer,
  headers,
  ping,
  type ReceivedFrame,
  request,
  settings,
  settingsAck,
} from '../support/h2-peer.ts';
import { type ConnectionLog, dial, echo, environment, requestFields, StreamLog, serve } from './connection-fixture.ts';

const max31 = 0x7fff_ffff;
/** What grpc-go measures the bandwidth-delay product with. */
const bdpPing = Buffer.from([2, 4, 16, 16, 9, 14, 7, 7]).toString('latin1');
const ok = [[':status', '200']] as const;

const lastStreamOf = ({ payload }: ReceivedFrame): number => payload.readUInt32BE(0);
const debugOf = ({ payload }: ReceivedFrame): string => payload.toString('latin1', 8);

interface Dialed {
  readonly peer: H2Peer;
  readonly connection: Connection;
  readonly log: ConnectionLog;
  readonly call: () => StreamLog;
}

/** A client of ours, SETTINGS exchanged with a raw server. */
async function dialPeer(t: ExecutionContext, limits: Partial<Http2Limits>): Promise<Dialed> {
  const { port, next, close } = await H2Peer.listen();
  t.teardown(close);
  const { connection, log, environment: env } = await dial(t, port, limits);
  const peer = await next();
  t.teardown(() => peer.socket.destroy());
  peer.send(settings(), settingsAck());
  await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
  const call = (): StreamLog => {
    const streamLog = new StreamLog();
    streamLog.stream = connection.openStream(streamLog);
    streamLog.stream.sendHeaders(env.shapes.block(requestFields), true);
    return streamLog;
  };
  return { peer, connection, log, call };
}

/** A raw client that has exchanged SETTINGS. */
async function ready(t: ExecutionContext, port: number): Promise<H2Peer> {
  const peer = await H2Peer.ready(port);
  t.teardown(() => peer.socket.destroy());
  return peer;
}

// ---- pings of a client -------------------------------------------------------------------------------------------

test('(121) pings that measure the bandwidth while messages flow are answered at once and are no abuse', async (t) => {
  const { port, environment: env, log, connection } = await serve(t, { maxPingStrikes: 2 });
  log.onNewStream = echo(env);
  const peer = await ready(t, port);
  for (let id = 1; id < 41; id += 2) {
    peer.send(headers(id, request()), data(id, 'a message', flag.endStream));
    await peer.expect('DATA', id);
    peer.send(ping(bdpPing));
    await peer.expect('PING', 0, ({ isAck, payload }) => isAck && payload.toString('latin1') === bdpPing);
  }
  t.is((await connection).state, 'open');
  t.is(peer.count('GOAWAY'), 0);
});

test('(122) more pings than strikes, with nothing sent in between, are too_many_pings', async (t) => {
  const { port, log, connection } = await serve(t, { maxPingStrikes: 2 });
  const peer = await ready(t, port);
  for (let i = 0; i < 3; i++) await peer.roundTrip();
  t.is(peer.count('GOAWAY'), 0, 'the first ping and two strikes');
  peer.send(ping('too many'));
  const leave = await peer.expect('GOAWAY');
  t.is(leave.code, ErrorCode.ENHANCE_YOUR_CALM);
  t.is(debugOf(leave), 'too_many_pings');
  t.like(await log.closed, { by: 'local', reason: 'too_many_pings' });
  t.is((await connection).stats.limitsHit['maxPingStrikes'], 1);
});

test('(122) what the server sends forgives the strikes', async (t) => {
  const { port, environment: env, log } = await serve(t, { maxPingStrikes: 2 });
  log.onNewStream = echo(env);
  const peer = await ready(t, port);
  for (let id = 1; id < 9; id += 2) {
    for (let i = 0; i < 2; i++) await peer.roundTrip();
    peer.send(headers(id, request(), flag.endStream));
    await peer.expect('HEADERS', id, ({ endStream }) => endStream);
  }
  t.is(peer.count('GOAWAY'), 0);
});

test('(123) a client may ping every 10 s as long as it likes, without a single call', async (t) => {
  let clock = 0;
  const { port } = await serve(t, {}, { now: () => clock });
  const peer = await ready(t, port);
  for (let i = 0; i < 300; i++) {
    clock += 10_000;
    await peer.roundTrip();
  }
  t.is(peer.count('GOAWAY'), 0);
  for (let i = 0; i < 100; i++) {
    clock += 5000;
    await peer.roundTrip();
  }
  clock += 5000;
  peer.send(ping('too many'));
  t.is(debugOf(await peer.expect('GOAWAY')), 'too_many_pings');
});

test('a server that pings often is answered, and is no abuse for its client', async (t) => {
  const { peer, connection } = await dialPeer(t, { maxPingStrikes: 2 });
  for (let i = 0; i < 20; i++) await peer.roundTrip();
  t.is(connection.state, 'open');
});

// ---- our own pings -----------------------------------------------------------------------------------------------

const impatient: Partial<Http2Limits> = { keepaliveTimeMs: 20, keepaliveTimeoutMs: 20 };

for (const role of ['client', 'server'] as const) {
  test(`(124, 126) a ${role} whose peer vanished without a word finds out by a PING, and its streams end`, async (t) => {
    let peer: H2Peer;
    let ended: Promise<ConnectionEnd>;
    let stream: StreamLog;
    if (role === 'client') {
      const dialed = await dialPeer(t, impatient);
      peer = dialed.peer;
      ended = dialed.log.closed;
      stream = dialed.call();
    } else {
      const server = await serve(t, impatient);
      peer = await ready(t, server.port);
      peer.send(headers(1, request()));
      ended = server.log.closed;
      stream = await server.log.stream(0);
    }
    // It is still there for TCP, and says nothing any more.
    await peer.expect('PING', 0, ({ isAck }) => !isAck);
    await stream.until(() => stream.reset !== undefined);
    t.like(stream.reset, { by: 'connection', unprocessed: false });
    t.like(await ended, { by: 'local', reason: 'keepalive: nothing came within 20 ms of a PING' });
  });
}

test('(124) any byte is a sign of life, not only the answer to a PING', async (t) => {
  const { peer, call } = await dialPeer(t, { keepaliveTimeMs: 20, keepaliveTimeoutMs: 400 });
  const stream = call();
  peer.send(headers(1, ok));
  for (let i = 0; i < 3; i++) {
    // Never answered, but followed by a message.
    await peer.expect('PING', 0, ({ isAck }) => !isAck);
    peer.send(data(1, '.'));
  }
  t.is(stream.body.toString().slice(0, 2), '..');
  t.is(stream.reset, undefined);
});

test('(124) without calls nobody is asked, unless that is wanted', async (t) => {
  const patient = { keepaliveTimeMs: 20, keepaliveTimeoutMs: 60_000 };
  const quiet = await dialPeer(t, patient);
  const asking = await dialPeer(t, { ...patient, keepaliveWithoutCalls: true });
  for (let i = 0; i < 3; i++) {
    const { payload } = await asking.peer.expect('PING', 0, ({ isAck }) => !isAck);
    asking.peer.send(ping(payload.toString('latin1'), flag.ack));
  }
  t.is(quiet.peer.count('PING'), 0);
  quiet.call();
  await quiet.peer.expect('PING', 0);
  t.deepEqual([quiet.connection.state, asking.connection.state], ['open', 'open']);
});

test('(124) while a PING goes unanswered new calls go elsewhere, and come back with the answer', async (t) => {
  const { peer, connection, log, call } = await dialPeer(t, { keepaliveTimeMs: 20, keepaliveTimeoutMs: 2000 });
  const stream = call();
  const { payload } = await peer.expect('PING', 0, ({ isAck }) => !isAck);
  const hasRoomAgain = new Promise<void>((resolve) => {
    log.onRoomCall = ({ room }) => {
      if (room > 0) resolve();
    };
  });
  while (connection.room > 0) await new Promise((resolve) => setImmediate(resolve));
  t.is(connection.state, 'open');
  t.is(stream.reset, undefined, 'the call that is there waits on');
  peer.send(ping(payload.toString('latin1'), flag.ack));
  await hasRoomAgain;
  call();
  await peer.expect('HEADERS', 3);
});

test.serial(
  '(124) an answer that came while this program was held up counts, though its time was over when it was read',
  async (t) => {
    const { peer, connection, call } = await dialPeer(t, { keepaliveTimeMs: 20, keepaliveTimeoutMs: 400 });
    const stream = call();
    const { payload } = await peer.expect('PING', 0, ({ isAck }) => !isAck);
    while (connection.room > 0) await new Promise((resolve) => setImmediate(resolve));
    peer.send(ping(payload.toString('latin1'), flag.ack));
    const untilMs = performance.now() + 350;
    while (performance.now() < untilMs);
    peer.send(headers(1, ok, flag.endStream));
    await stream.until(() => stream.ended || stream.reset !== undefined);
    t.is(stream.reset, undefined);
    t.is(connection.state, 'open');
  },
);

test('(124) by default an upstream is never pinged, and a downstream after two hours', (t) => {
  t.is(environment('client').limits.keepaliveTimeMs, Number.POSITIVE_INFINITY);
  t.is(environment('server').limits.keepaliveTimeMs, 7_200_000);
});

/** The timer that Linux runs for the connection from port `local` to `remote`: 2 is keepalive, 1 is for an ACK to come. */
async function kernelTimer(local: number, remote: number): Promise<number> {
  const [from, to] = [local, remote].map((port) => port.toString(16).toUpperCase().padStart(4, '0'));
  const line = new RegExp(`: \\w+:${from} \\w+:${to} 01 \\S+ (\\d\\d):`);
  for (;;) {
    const timer = Number(line.exec(readFileSync('/proc/net/tcp', 'utf8'))?.[1]);
    if (timer !== 1) return timer;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('(126) the kernel watches both ends of a quiet connection, whatever the peer thinks of pings', async (t) => {
  if (!existsSync('/proc/net/tcp')) {
    t.log('skipped: this machine has no /proc/net/tcp');
    t.pass();
    return;
  }
  const { port, connection: accepted } = await serve(t);
  const { connection } = await dial(t, port);
  await new Promise((resolve) => connection.ping(resolve));
  const own = Number((await accepted).peer.split(':')[1]);
  t.deepEqual([await kernelTimer(own, port), await kernelTimer(port, own)], [2, 2]);
});

// ---- age and idleness --------------------------------------------------------------------------------------------

test('(125) a connection that is too old is drained by two GOAWAYs "max_age", and its call ends in peace', async (t) => {
  let clock = 0;
  const { port, environment: env, log, connection } = await serve(t, { maxConnectionAgeMs: 20 }, { now: () => clock });
  log.onNewStream = echo(env);
  const peer = await ready(t, port);
  peer.send(headers(1, request()));
  await log.stream(0);
  clock = 20;
  const first = await peer.expect('GOAWAY');
  t.deepEqual([lastStreamOf(first), first.code, debugOf(first)], [max31, ErrorCode.NO_ERROR, 'max_age']);
  const { payload } = await peer.expect('PING', 0, ({ isAck }) => !isAck);
  peer.send(headers(3, request(), flag.endStream), ping(payload.toString('latin1'), flag.ack));
  const second = await peer.expect('GOAWAY');
  t.deepEqual([lastStreamOf(second), second.code, debugOf(second)], [3, ErrorCode.NO_ERROR, 'max_age']);
  await peer.expect('HEADERS', 3, ({ endStream }) => endStream);
  peer.send(data(1, 'the last word', flag.endStream));
  await peer.expect('HEADERS', 1, ({ endStream }) => endStream);
  t.is(peer.body(1).toString(), 'the last word');
  t.like(await log.closed, { reason: 'drained' });
  t.is((await connection).stats.limitsHit['maxConnectionAgeMs'], 1);
});

test('(125) connections of one moment end apart: 10 % earlier to 10 % later', async (t) => {
  let clock = 0;
  const now = (): number => clock;
  const early = await serve(t, { maxConnectionAgeMs: 40 }, { now, random: () => 0 });
  const late = await serve(t, { maxConnectionAgeMs: 40 }, { now, random: () => 0.999 });
  const [first, last] = await Promise.all([ready(t, early.port), ready(t, late.port)]);
  clock = 37;
  await first.expect('GOAWAY');
  clock = 43;
  await last.roundTrip();
  t.is(last.count('GOAWAY'), 0);
  clock = 44;
  await last.expect('GOAWAY');
});

test('(125) what is left when the grace of a connection that was too old is over is cut', async (t) => {
  let clock = 0;
  const { port, log } = await serve(t, { maxConnectionAgeMs: 10, maxConnectionAgeGraceMs: 20 }, { now: () => clock });
  const peer = await ready(t, port);
  peer.send(headers(1, request()));
  const stream = await log.stream(0);
  clock = 10;
  await peer.expect('GOAWAY');
  clock = 30;
  t.like(await log.closed, { reason: 'time to drain is over' });
  t.like(stream.reset, { by: 'connection' });
});

test('(125) a connection without streams is drained with "max_idle", and one with a stream is not', async (t) => {
  let clock = 0;
  const { port, environment: env, log, connection } = await serve(t, { idleTimeoutMs: 30 }, { now: () => clock });
  log.onNewStream = echo(env);
  const busy = await ready(t, port);
  const idle = await ready(t, port);
  busy.send(headers(1, request()));
  await log.stream(0);
  clock = 100;
  t.is(debugOf(await idle.expect('GOAWAY')), 'max_idle');
  clock = 119;
  const marker = await ready(t, port);
  clock = 120;
  busy.send(data(1, '', flag.endStream));
  await busy.expect('HEADERS', 1, ({ endStream }) => endStream);
  clock = 149;
  await marker.expect('GOAWAY');
  await busy.roundTrip();
  t.is(busy.count('GOAWAY'), 0, 'idleness begins with the end of the last stream');
  clock = 150;
  t.is(debugOf(await busy.expect('GOAWAY')), 'max_idle');
  t.is((await connection).stats.limitsHit['idleTimeoutMs'], 1);
});

test('(125) a client of ours leaves an idle connection with "max_idle" too', async (t) => {
  const { peer, log } = await dialPeer(t, { idleTimeoutMs: 200 });
  t.is(debugOf(await peer.expect('GOAWAY')), 'max_idle');
  t.like(await log.closed, { reason: 'drained' });
});

// ---- stream ids --------------------------------------------------------------------------------------------------

test('(106) a client near the last stream id is told to leave, is served while it does, and can not begin anew', async (t) => {
  const { port, environment: env, log, connection } = await serve(t);
  log.onNewStream = echo(env);
  const peer = await ready(t, port);
  peer.send(headers(0x5fff_fffd, request(), flag.endStream));
  await peer.roundTrip();
  t.is(peer.count('GOAWAY'), 0);
  peer.send(headers(0x5fff_ffff, request(), flag.endStream));
  const first = await peer.expect('GOAWAY');
  t.deepEqual([lastStreamOf(first), first.code, debugOf(first)], [max31, ErrorCode.NO_ERROR, 'max_stream_id']);
  peer.send(headers(max31, request(), flag.endStream));
  await peer.expect('HEADERS', max31, ({ endStream }) => endStream);
  t.is((await connection).stats.limitsHit['lastStreamId'], 1);
  peer.send(headers(1, request(), flag.endStream));
  t.is((await peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  t.is(log.streams.length, 3);
});
