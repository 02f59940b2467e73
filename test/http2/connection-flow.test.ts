// Flow control (RFC 9113 sections 5.2 and 6.9) between a raw peer and a connection of ours, both ways. Numbers are cases
// of the HTTP/2 checklist.
import test from 'ava';
import { ErrorCode } from '../../agent/http2/index.ts';
import {
  data,
  flag,
  frame,
  H2Peer,
  headers,
  paddedData,
  preface,
  request,
  rstStream,
  settings,
  windowUpdate,
} from '../support/h2-peer.ts';
import { type StreamLog, serve, type TestServer } from './connection-fixture.ts';

const endStream = flag.endStream;

/** Answers each request at once with so many bytes and trailers. */
function answer({ environment: { shapes } }: TestServer, bytes: number): (log: StreamLog) => void {
  const head = shapes.block([[':status', '200']]);
  const trailers = shapes.block([['grpc-status', '0']]);
  const body = Buffer.alloc(bytes, 'abcdefghijklmnopqrstuvwxyz');
  return (log) => {
    log.onEvent = (stream, event) => {
      if (event.kind !== 'headers' || event.what !== 'head') return;
      stream.sendHeaders(head, false);
      stream.sendData(body, 0, body.length, false);
      stream.sendHeaders(trailers, true);
    };
  };
}

test('(111, 117, 118) a window that SETTINGS shrink below zero holds DATA and what follows, until it is above zero again', async (t) => {
  const server = await serve(t);
  server.log.onNewStream = answer(server, 1000);
  const peer = await H2Peer.ready(server.port, [0x4, 300]);
  peer.send(headers(1, request(), endStream));
  await peer.expect('DATA', 1);
  // 300 are sent: the window is now -200.
  peer.send(settings([0x4, 100]));
  await peer.roundTrip();
  peer.send(windowUpdate(1, 200));
  await peer.roundTrip();
  t.is(peer.body(1).length, 300);
  peer.send(windowUpdate(1, 1));
  await peer.expect('DATA', 1);
  t.is(peer.body(1).length, 301);
  t.is(peer.count('HEADERS', 1), 1, 'trailers wait behind the data');
  peer.send(settings([0x4, 65_535]));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  t.is(peer.body(1).toString(), Buffer.alloc(1000, 'abcdefghijklmnopqrstuvwxyz').toString());
  peer.socket.destroy();
});

test('(117) the end of a stream needs no window', async (t) => {
  const server = await serve(t);
  const peer = await H2Peer.ready(server.port, [0x4, 0]);
  server.log.onNewStream = (log) => {
    log.onEvent = (stream) => {
      stream.sendHeaders(server.environment.shapes.block([[':status', '200']]), false);
      stream.sendData(Buffer.alloc(0), 0, 0, true);
    };
  };
  peer.send(headers(1, request(), endStream));
  const { payload, endStream: ended } = await peer.expect('DATA', 1);
  t.deepEqual([payload.length, ended], [0, true]);
  peer.socket.destroy();
});

test('(112) WINDOW_UPDATE by 0 is an error of its stream, and of the connection on stream 0 (6.9)', async (t) => {
  const onStream = await H2Peer.ready((await serve(t)).port);
  onStream.send(headers(1, request()), windowUpdate(1, 0));
  t.is((await onStream.expect('RST_STREAM', 1)).code, ErrorCode.PROTOCOL_ERROR);
  const onConnection = await H2Peer.ready((await serve(t)).port);
  onConnection.send(windowUpdate(0, 0));
  t.is((await onConnection.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  const wrong = await H2Peer.ready((await serve(t)).port);
  wrong.send(frame('WINDOW_UPDATE', 0, 0, Buffer.alloc(3)));
  t.is((await wrong.expect('GOAWAY')).code, ErrorCode.FRAME_SIZE_ERROR);
  for (const peer of [onStream, onConnection, wrong]) peer.socket.destroy();
});

test('(113) a window beyond 2^31-1 is FLOW_CONTROL_ERROR: of a stream, of the connection, and by SETTINGS (6.9.1, 6.9.2)', async (t) => {
  const stream = await H2Peer.ready((await serve(t)).port);
  stream.send(headers(1, request()), windowUpdate(1, 0x7fff_ffff));
  t.is((await stream.expect('RST_STREAM', 1)).code, ErrorCode.FLOW_CONTROL_ERROR);
  const connection = await H2Peer.ready((await serve(t)).port);
  connection.send(windowUpdate(0, 0x7fff_ffff));
  t.is((await connection.expect('GOAWAY')).code, ErrorCode.FLOW_CONTROL_ERROR);
  const bySettings = await H2Peer.ready((await serve(t)).port);
  bySettings.send(headers(1, request()), windowUpdate(1, 0x7fff_0000), settings([0x4, 0x1_0000]));
  t.is((await bySettings.expect('GOAWAY')).code, ErrorCode.FLOW_CONTROL_ERROR);
  for (const peer of [stream, connection, bySettings]) peer.socket.destroy();
});

test('(114) a peer that sends more than a window allows is FLOW_CONTROL_ERROR (6.9.1)', async (t) => {
  const server = await serve(t, { streamWindowBytes: 65_536 });
  server.log.credits = false;
  const peer = await H2Peer.ready(server.port);
  peer.send(headers(1, request()));
  for (let i = 0; i < 4; i++) peer.send(data(1, Buffer.alloc(16_384)));
  await peer.roundTrip();
  t.is(peer.count('RST_STREAM'), 0);
  peer.send(data(1, 'x'));
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.FLOW_CONTROL_ERROR);
  t.like((await server.log.stream(0)).reset, { by: 'local', code: ErrorCode.FLOW_CONTROL_ERROR });
  peer.socket.destroy();
});

test('(114) until it acknowledges our SETTINGS, a peer may hold the window to be 65535 (6.9.3)', async (t) => {
  const server = await serve(t, { streamWindowBytes: 1000 });
  server.log.credits = false;
  const peer = await H2Peer.connect(server.port);
  peer.send(
    preface,
    settings(),
    headers(1, request()),
    ...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_383))),
  );
  await peer.roundTrip();
  t.is(peer.count('RST_STREAM') + peer.count('GOAWAY'), 0);
  peer.send(frame('SETTINGS', flag.ack, 0), data(1, 'x'));
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.FLOW_CONTROL_ERROR);
  peer.socket.destroy();
});

test('(115) padding is charged to both windows and credited at once', async (t) => {
  const server = await serve(t, { streamWindowBytes: 1000, connectionWindowBytes: 65_535 });
  const log = server.log;
  log.credits = false;
  const peer = await H2Peer.ready(server.port);
  peer.send(headers(1, request()), paddedData(1, 'a', 255), paddedData(1, 'b', 255));
  t.is((await peer.expect('WINDOW_UPDATE', 1)).payload.readUInt32BE(0), 512, 'both paddings and their length fields');
  for (let i = 0; i < 5; i++) {
    peer.send(paddedData(1, '', 255), paddedData(1, '', 243));
    t.is((await peer.expect('WINDOW_UPDATE', 1)).payload.readUInt32BE(0), 500);
  }
  const stream = await log.stream(0);
  t.is(stream.body.toString(), 'ab');
  peer.socket.destroy();
});

test('(107, 120) a window is returned when its bytes are consumed, half a window at a time', async (t) => {
  const server = await serve(t, { streamWindowBytes: 100_000 });
  server.log.credits = false;
  const peer = await H2Peer.ready(server.port);
  peer.send(headers(1, request()), data(1, Buffer.alloc(16_384)), data(1, Buffer.alloc(16_384)));
  await peer.roundTrip();
  const log = await server.log.stream(0);
  t.is(peer.count('WINDOW_UPDATE', 1), 0);
  log.stream!.credit(32_768);
  await peer.roundTrip();
  t.is(peer.count('WINDOW_UPDATE', 1), 0, 'less than half');
  peer.send(...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_384))));
  await peer.roundTrip();
  log.stream!.credit(65_536);
  t.is((await peer.expect('WINDOW_UPDATE', 1)).payload.readUInt32BE(0), 98_304);
  peer.socket.destroy();
});

test('(109) a stream that nobody reads does not stop its neighbours', async (t) => {
  const server = await serve(t, { streamWindowBytes: 262_144, connectionWindowBytes: 1_048_576 });
  server.log.credits = false;
  const peer = await H2Peer.ready(server.port);
  // Twenty windows full of data that are never consumed: more than the connection's own window.
  for (let id = 1; id < 40; id += 2) {
    peer.send(headers(id, request()));
    for (let i = 0; i < 16; i++) peer.send(data(id, Buffer.alloc(16_384)));
    await peer.roundTrip();
  }
  const returned = peer.received.filter(({ type, streamId }) => type === 'WINDOW_UPDATE' && streamId === 0);
  const credit = returned.slice(1).reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  t.true(credit >= 20 * 262_144 - 524_288, 'what arrived is credited to the connection');
  t.is(peer.count('GOAWAY') + peer.count('RST_STREAM'), 0);
  peer.socket.destroy();
});

test('(119) a bulk stream takes turns with small ones', async (t) => {
  const server = await serve(t);
  const bulk = answer(server, 3_000_000);
  const small = answer(server, 10_000);
  server.log.onNewStream = (log) => (server.log.streams.length === 1 ? bulk(log) : small(log));
  // No window at first, so that everything is queued when it opens.
  const peer = await H2Peer.ready(server.port, [0x4, 0]);
  peer.send(...Array.from({ length: 21 }, (_, i) => headers(2 * i + 1, request(), endStream)));
  await peer.roundTrip();
  // What came before the last of them; how much came with it in one read is the kernel's business.
  let bulkBytes = 0;
  let bulkBytesAtLastSmall = 0;
  peer.onFrame = ({ type, streamId, payload, endStream: isLast }) => {
    if (streamId === 1 && type === 'DATA') bulkBytes += payload.length;
    if (streamId !== 1 && isLast) bulkBytesAtLastSmall = bulkBytes;
  };
  peer.send(windowUpdate(0, 10_000_000), settings([0x4, 5_000_000]));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  t.is(bulkBytesAtLastSmall, 16_384, 'one turn');
  t.is(peer.body(1).length, 3_000_000);
  peer.socket.destroy();
});

test('(104) DATA and header blocks are cut to the frame size that the peer allows', async (t) => {
  const server = await serve(t);
  const head = server.environment.shapes.block([
    [':status', '200'],
    ['x-long', 'v'.repeat(40_000)],
  ]);
  server.log.onNewStream = (log) => {
    log.onEvent = (stream) => {
      stream.sendHeaders(head, false);
      stream.sendData(Buffer.alloc(50_000), 0, 50_000, true);
    };
  };
  const peer = await H2Peer.ready(server.port);
  peer.send(headers(1, request(), endStream));
  await peer.expect('DATA', 1, (frame) => frame.endStream);
  const lengths = (...types: string[]): number[] =>
    peer.received
      .filter(({ type, streamId }) => streamId === 1 && types.includes(type))
      .map(({ payload }) => payload.length);
  t.deepEqual(lengths('DATA'), [16_384, 16_384, 16_384, 848]);
  t.deepEqual(lengths('HEADERS', 'CONTINUATION').slice(0, 2), [16_384, 16_384]);
  peer.socket.destroy();
});

test('a peer that allows larger frames gets larger ones', async (t) => {
  const server = await serve(t);
  server.log.onNewStream = answer(server, 50_000);
  const peer = await H2Peer.ready(server.port, [0x5, 32_768]);
  peer.send(headers(1, request(), endStream));
  t.is((await peer.expect('DATA', 1)).payload.length, 32_768);
  peer.socket.destroy();
});

test('(80) a reset drops what is queued, and gives nothing more to the peer', async (t) => {
  const server = await serve(t);
  server.log.onNewStream = answer(server, 100_000);
  const peer = await H2Peer.ready(server.port, [0x4, 10]);
  peer.send(headers(1, request(), endStream));
  await peer.expect('DATA', 1);
  const log = await server.log.stream(0);
  t.is(log.stream!.queuedBytes, 99_990);
  peer.send(rstStream(1, ErrorCode.CANCEL), windowUpdate(0, 1_000_000));
  await peer.roundTrip();
  t.like(log.reset, { code: ErrorCode.CANCEL, by: 'peer' });
  t.is(log.stream!.queuedBytes, 0);
  t.is(peer.body(1).length, 10);
  t.is((await server.connection).activeStreams, 0);
  peer.socket.destroy();
});

test('(75) RESET with NO_ERROR waits until the whole response has gone out', async (t) => {
  const server = await serve(t);
  const respond = answer(server, 1000);
  server.log.onNewStream = (log) => {
    respond(log);
    const inner = log.onEvent!;
    log.onEvent = (stream, event) => {
      inner(stream, event);
      stream.reset(ErrorCode.NO_ERROR);
    };
  };
  const peer = await H2Peer.ready(server.port, [0x4, 10]);
  peer.send(headers(1, request()));
  await peer.expect('DATA', 1);
  await peer.roundTrip();
  t.is(peer.count('RST_STREAM'), 0);
  peer.send(windowUpdate(1, 1000));
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.NO_ERROR);
  const ofStream = peer.received.filter(({ streamId }) => streamId === 1).map(({ type }) => type);
  t.deepEqual(ofStream.slice(-2), ['HEADERS', 'RST_STREAM']);
  t.is(peer.body(1).length, 1000);
  const log = await server.log.stream(0);
  await log.until(() => log.sentBytes === 1000);
  t.is(log.reset, undefined, 'a reset of its own is told to nobody');
  peer.socket.destroy();
});

test('onSent reports every byte once, as it leaves', async (t) => {
  const server = await serve(t);
  server.log.onNewStream = answer(server, 1000);
  const peer = await H2Peer.ready(server.port, [0x4, 400]);
  peer.send(headers(1, request(), endStream));
  const log = await server.log.stream(0);
  await peer.expect('DATA', 1);
  t.is(log.sentBytes, 400);
  peer.send(windowUpdate(1, 5000));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  await log.until(() => log.sentBytes === 1000);
  t.is(log.sentBytes, 1000);
  peer.socket.destroy();
});

for (const [what, limit] of [
  ['bytes', { maxOutputBytes: 20_000, maxOutputFrames: 1e9 }],
  ['frames', { maxOutputBytes: 1e9, maxOutputFrames: 1000 }],
] as const) {
  test(`(127) answers that a peer does not read stop our reading by their ${what}, not our memory`, async (t) => {
    const server = await serve(t, {
      ...limit,
      outputBytes: 10_000,
      controlFrameBurst: 1e9,
      maxPingStrikes: 1e9,
      maxFramesPerTurn: 1e9,
    });
    const peer = await H2Peer.ready(server.port);
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 3000 }, () => frame('PING', 0, 0, Buffer.alloc(8))));
    // The kernel's buffers take some megabytes before anything waits.
    const connection = await server.connection;
    while (connection.stats.limitsHit['maxOutputBytes'] === undefined) {
      if (peer.socket.writableLength < 1_000_000) peer.socket.write(pings);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = connection.stats.bytesIn;
    for (let i = 0; i < 20; i++) {
      peer.socket.write(pings);
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.is(connection.stats.bytesIn, before, 'nothing more is read');
    peer.socket.resume();
    await peer.roundTrip();
    t.is(connection.state, 'open');
    peer.socket.destroy();
  });
}
