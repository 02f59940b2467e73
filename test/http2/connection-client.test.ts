// A connection of ours as the client of a raw server: what may come back, and when streams may be opened. Numbers are
// cases of the HTTP/2 checklist, sections are of RFC 9113.
import test, { type ExecutionContext } from 'ava';
import { type Connection, connect, ErrorCode, type HeaderBlock, type Http2Limits } from '../../agent/http2/index.ts';
import {
  data,
  type Fields,
  flag,
  frame,
  goAway,
  H2Peer,
  headers,
  rstStream,
  settings,
  settingsAck,
  uint32,
} from '../support/h2-peer.ts';
import { ConnectionLog, dial, environment, requestFields, StreamLog } from './connection-fixture.ts';

const endStream = flag.endStream;
const ok: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

interface Pair {
  readonly peer: H2Peer;
  readonly connection: Connection;
  readonly log: ConnectionLog;
  readonly call: (endsRequest?: boolean, credits?: boolean) => StreamLog;
}

/** A client of ours and the raw server it is connected to, SETTINGS not exchanged. */
async function pair(t: ExecutionContext, limits: Partial<Http2Limits> = {}): Promise<Pair> {
  const { port, next, close } = await H2Peer.listen();
  t.teardown(close);
  const { connection, log, environment: env } = await dial(t, port, limits);
  const peer = await next();
  t.teardown(() => peer.socket.destroy());
  const block = env.shapes.block(requestFields);
  const call = (endsRequest = true, credits = true): StreamLog => {
    const streamLog = new StreamLog(credits);
    streamLog.stream = connection.openStream(streamLog);
    streamLog.stream.sendHeaders(block, endsRequest);
    return streamLog;
  };
  return { peer, connection, log, call };
}

async function exchangeSettings({ peer }: Pair, ...values: readonly (readonly [number, number])[]): Promise<void> {
  peer.send(settings(...values), settingsAck());
  await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
}

test('a request that cannot be encoded uses no stream id, and its reset is not sent (5.1.1)', async (t) => {
  const { peer, connection, call } = await pair(t);
  const refused = connection.openStream(new StreamLog());
  const foreign = { ...environment('client').shapes.block(requestFields) };
  t.throws(() => refused.sendHeaders(foreign as unknown as HeaderBlock, true), { instanceOf: TypeError });
  refused.reset(ErrorCode.INTERNAL_ERROR);
  call();
  t.is((await peer.expect('HEADERS', 1)).streamId, 1);
  t.false(peer.received.some((frame) => frame.type === 'RST_STREAM'));
  t.is(connection.activeStreams, 1);
});

test('(8, 23) requests go out before the server has said anything, and pushes are never allowed', async (t) => {
  const { peer, call } = await pair(t);
  call();
  const sent = await peer.expect('SETTINGS', 0, ({ isAck }) => !isAck);
  const enablePush = sent.payload.indexOf(Buffer.from([0, 2, 0, 0, 0, 0]));
  t.true(enablePush >= 0 && enablePush % 6 === 0, 'SETTINGS_ENABLE_PUSH 0');
  const { fields } = await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  t.deepEqual([...fields].sort(), [...requestFields].sort());
});

test('(8, 100) before its SETTINGS a server is taken to allow 100 streams, then what it says', async (t) => {
  const both = await pair(t);
  const { peer, connection, call, log } = both;
  t.is(connection.room, 100);
  const calls = Array.from({ length: 100 }, () => call());
  t.is(connection.room, 0);
  t.throws(() => connection.openStream(new StreamLog()), { message: /no room/ });
  await peer.expect('HEADERS', 199);
  await exchangeSettings(both, [0x3, 101]);
  t.is(connection.room, 1);
  t.is(log.rooms, 1);
  peer.send(headers(1, [...ok, ['grpc-status', '0']], endStream));
  await calls[0]!.until(() => calls[0]!.ended);
  t.is(connection.room, 2);
  t.is(connection.activeStreams, 99);
});

test('(101, 102) a lowered limit opens no streams until there are fewer, and 0 with a GOAWAY behind it does no harm (CVE-2021-32780)', async (t) => {
  const both = await pair(t);
  const { peer, connection, call, log } = both;
  await exchangeSettings(both, [0x3, 10]);
  const calls = Array.from({ length: 3 }, () => call());
  peer.send(settings([0x3, 2]));
  await peer.expect('SETTINGS', 0, ({ isAck }) => isAck);
  t.is(connection.room, 0);
  peer.send(headers(1, ok, endStream), headers(3, ok, endStream));
  await calls[1]!.until(() => calls[1]!.ended);
  t.is(connection.room, 1);
  peer.send(settings([0x3, 0]), goAway(5, 0), headers(5, ok, endStream));
  await calls[2]!.until(() => calls[2]!.ended);
  t.is((await log.closed).connected, true);
  t.is(calls[2]!.reset, undefined);
});

test('(85, 89) GOAWAY: streams above its last id were not processed, others go on, no new one is opened', async (t) => {
  const both = await pair(t);
  const { peer, connection, call, log } = both;
  await exchangeSettings(both);
  const [first, second, third] = [call(), call(), call()];
  peer.send(goAway(3, ErrorCode.NO_ERROR, 'maintenance'));
  await third!.until(() => third!.reset !== undefined);
  t.like(third!.reset, { code: ErrorCode.REFUSED_STREAM, by: 'peer', unprocessed: true });
  t.deepEqual(log.goAways, [{ lastStreamId: 3, code: 0, debug: 'maintenance' }]);
  t.deepEqual([connection.state, connection.room], ['draining', 0]);
  peer.send(headers(1, ok, endStream), headers(3, ok), data(3, 'still served', endStream));
  await second!.until(() => second!.ended);
  t.is(second!.body.toString(), 'still served');
  t.true(first!.ended);
  t.like(await log.closed, { by: 'peer', reason: 'the peer said GOAWAY NO_ERROR "maintenance"' });
});

test('(90) a GOAWAY with a higher last id than before is a connection error', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  both.call();
  both.peer.send(goAway(0x7fff_ffff, 0), goAway(1, 0), goAway(3, 0));
  t.is((await both.peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
});

test('(83) a lost connection ends its streams as such: they may have been processed', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const call = both.call();
  await both.peer.expect('HEADERS', 1);
  both.peer.socket.resetAndDestroy();
  t.like(await both.log.closed, { connected: true, by: 'peer' });
  t.like(call.reset, { by: 'connection', unprocessed: false });
  t.deepEqual([both.connection.state, both.connection.room, both.connection.activeStreams], ['closed', 0, 0]);
});

test('REFUSED_STREAM says that a stream was not processed, other codes do not', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const [refused, cancelled] = [both.call(), both.call()];
  both.peer.send(rstStream(1, ErrorCode.REFUSED_STREAM), rstStream(3, ErrorCode.CANCEL));
  await cancelled!.until(() => cancelled!.reset !== undefined);
  t.deepEqual([refused!.reset!.unprocessed, cancelled!.reset!.unprocessed], [true, false]);
});

test('(22) PUSH_PROMISE is a connection error (8.4)', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  both.call();
  both.peer.send(frame('PUSH_PROMISE', flag.endHeaders, 1, uint32(2)));
  t.is((await both.peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  t.like(await both.log.closed, { by: 'local', code: ErrorCode.PROTOCOL_ERROR });
});

test('(9) ENABLE_PUSH 1 from a server, and a stream that a server opens, are connection errors', async (t) => {
  for (const bytes of [
    settings([0x2, 1]),
    Buffer.concat([settings(), headers(2, ok)]),
    Buffer.concat([settings(), headers(7, ok)]),
  ]) {
    const both = await pair(t);
    both.peer.send(bytes);
    t.is((await both.peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  }
});

test('(56) informational responses come before the head; 101, and one that ends the stream, are malformed (8.1, 8.6)', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const call = both.call();
  both.peer.send(
    headers(1, [[':status', '100']]),
    headers(1, [
      [':status', '103'],
      ['link', '</a>'],
    ]),
    headers(1, ok),
  );
  both.peer.send(data(1, 'x'), headers(1, [['grpc-status', '0']], endStream));
  await call.until(() => call.ended);
  t.deepEqual(
    call.events.map((event) => (event.kind === 'headers' ? event.what : event.kind)),
    ['informational', 'informational', 'head', 'data', 'trailers'],
  );
  for (const [block, flags] of [
    [[[':status', '101']], 0],
    [[[':status', '100']], endStream],
  ] as const) {
    const malformed = both.call();
    both.peer.send(headers(malformed.stream!.id, block, flags));
    await malformed.until(() => malformed.reset !== undefined);
    t.like(malformed.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local' });
  }
});

test('(D6) content in a response that has none, of status 204 or 304 or to HEAD, is malformed (RFC 9110 section 6.4.1)', async (t) => {
  for (const status of ['204', '304']) {
    const both = await pair(t);
    await exchangeSettings(both);
    const call = both.call();
    both.peer.send(headers(1, [[':status', status]]), data(1, 'x'));
    await call.until(() => call.reset !== undefined);
    t.like(call.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local' }, status);
  }
  const both = await pair(t);
  await exchangeSettings(both);
  const head = new StreamLog();
  const block = environment('client').shapes.block([[':method', 'HEAD'], ...requestFields.slice(1, 4)]);
  both.connection.openStream(head).sendHeaders(block, true);
  both.peer.send(headers(1, ok), data(1, 'x'));
  await head.until(() => head.reset !== undefined);
  t.like(head.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local' });
});

test('(D7) DATA before the response, a second head, trailers with :status, a head without :status are malformed', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const cases: ((id: number) => Uint8Array[])[] = [
    (id) => [data(id, 'early')],
    (id) => [headers(id, ok), headers(id, ok)],
    (id) => [headers(id, ok), headers(id, [[':status', '200']], endStream)],
    (id) => [headers(id, [['content-type', 'text/plain']])],
    (id) => [headers(id, [[':status', '20x']])],
    (id) => [
      headers(id, [
        [':status', '200'],
        [':path', '/'],
      ]),
    ],
  ];
  for (const [i, frames] of cases.entries()) {
    const call = both.call();
    both.peer.send(...frames(call.stream!.id));
    await call.until(() => call.reset !== undefined);
    t.like(call.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local' }, `case ${i}`);
  }
  t.is(both.connection.state, 'open');
});

test('(73, 74) content-length binds a response, but not that of HEAD or one of status 304 (8.1.1)', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const sized: Fields = [...ok, ['content-length', '5']];
  const short = both.call();
  both.peer.send(headers(1, sized), data(1, 'four', endStream));
  await short.until(() => short.reset !== undefined);
  t.like(short.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local' });
  const notModified = both.call();
  both.peer.send(
    headers(
      3,
      [
        [':status', '304'],
        ['content-length', '5'],
      ],
      endStream,
    ),
  );
  await notModified.until(() => notModified.ended);
  const env = environment('client');
  const head = new StreamLog();
  both.connection
    .openStream(head)
    .sendHeaders(env.shapes.block([[':method', 'HEAD'], ...requestFields.slice(1, 4)]), true);
  both.peer.send(headers(5, sized, endStream));
  await head.until(() => head.ended);
  t.is(head.reset, undefined);
});

test('(D8) what a server sends behind the end of a stream does no harm to others', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const call = both.call();
  both.peer.send(headers(1, ok, endStream), data(1, 'too late'), headers(1, [['x', 'y']], endStream));
  await both.peer.roundTrip();
  t.deepEqual([call.events.length, both.connection.state], [1, 'open']);
});

test('(105) stream ids are 1, 3, 5 in the order of their headers; at the last one the connection drains', async (t) => {
  const both = await pair(t, { lastStreamId: 5 });
  await exchangeSettings(both);
  const block = environment('client').shapes.block(requestFields);
  const logs = [new StreamLog(), new StreamLog(), new StreamLog()];
  const streams = logs.map((log) => both.connection.openStream(log));
  t.is(both.connection.room, 0);
  for (const i of [2, 0, 1]) streams[i]!.sendHeaders(block, true);
  await both.peer.expect('GOAWAY');
  t.deepEqual(
    streams.map(({ id }) => id),
    [3, 5, 1],
  );
  both.peer.send(headers(1, ok, endStream), headers(3, ok, endStream), headers(5, ok, endStream));
  t.like(await both.log.closed, { reason: 'drained' });
  t.true(logs.every(({ ended }) => ended));
});

test('a stream whose headers were never sent ends as unprocessed', async (t) => {
  const both = await pair(t);
  const log = new StreamLog();
  both.connection.openStream(log);
  both.connection.destroy(ErrorCode.INTERNAL_ERROR, 'test');
  await both.log.closed;
  t.like(log.reset, { by: 'connection', unprocessed: true });
});

test('after 150 resets in 30 s a connection takes no new streams, and closes with its last one (Netty counts 200)', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both, [0x3, 1000]);
  const stays = both.call();
  for (let i = 0; i < 150; i++) both.call().stream!.reset(ErrorCode.CANCEL);
  t.is(both.connection.room, 0);
  await both.peer.expect('GOAWAY');
  both.peer.send(headers(1, ok, endStream));
  await stays.until(() => stays.ended);
  t.like(await both.log.closed, { by: 'local', code: ErrorCode.NO_ERROR });
  t.is(both.peer.count('RST_STREAM'), 150);
});

test('a connection in use that is drained by its owner closes behind its last stream', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const call = both.call();
  both.connection.drain(0);
  t.is(both.connection.room, 0);
  both.peer.send(headers(1, ok, endStream));
  await both.peer.closed;
  t.true(call.ended);
  both.peer.socket.end();
  t.like(await both.log.closed, { by: 'local', reason: 'drained', code: 0 });
});

test('a ping is answered with the time it took, and an answer to none is ignored', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const rtt = new Promise<number>((resolve) => both.connection.ping(resolve));
  const { payload } = await both.peer.expect('PING');
  both.peer.send(
    frame('PING', flag.ack, 0, Buffer.alloc(8)),
    frame('PING', flag.ack, 0, payload),
    frame('PING', flag.ack, 0, payload),
  );
  t.true((await rtt) >= 0);
  await both.peer.roundTrip();
  t.is(both.connection.state, 'open');
});

test('an idle connection is drained after its timeout', async (t) => {
  const both = await pair(t, { idleTimeoutMs: 30 });
  await both.peer.expect('GOAWAY');
  t.like(await both.log.closed, { reason: 'drained' });
});

test('connections that fail say why, once, and were never connected', async (t) => {
  const { port, close } = await H2Peer.listen();
  close();
  const refused = new ConnectionLog();
  const connection = connect({ host: '127.0.0.1', port }, null, environment('client'), refused, {
    connectTimeoutMs: 5000,
  });
  t.deepEqual([connection.state, connection.room], ['connecting', 0]);
  t.deepEqual(await refused.closed, { connected: false, code: 0, by: 'peer', reason: 'connection refused' });
  const given = new ConnectionLog();
  const unwanted = connect({ host: '127.0.0.1', port }, null, environment('client'), given, { connectTimeoutMs: 5000 });
  unwanted.destroy(ErrorCode.CANCEL, 'not wanted');
  t.like(await given.closed, { connected: false, by: 'local', reason: 'not wanted' });
  t.is(refused.ends.length + given.ends.length, 2);
});

test('a handler may destroy its connection from inside a call', async (t) => {
  const both = await pair(t);
  await exchangeSettings(both);
  const call = both.call();
  const other = both.call();
  call.onEvent = (stream) => stream.connection.destroy(ErrorCode.CANCEL, 'enough');
  both.peer.send(headers(1, ok), data(1, 'dropped'), headers(3, ok));
  await both.log.closed;
  t.is(call.events[0]!.kind, 'headers');
  t.like(call.reset, { by: 'connection' });
  t.is(other.events.length, 1);
});
