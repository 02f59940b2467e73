// A raw client sends frames to a server of ours: which are understood, ignored, or the end of the connection. Numbers are
// cases of the HTTP/2 checklist, sections are of RFC 9113.
import test from 'ava';
import { ErrorCode } from '../../agent/http2/index.ts';
import {
  data,
  encodeFields,
  flag,
  frame,
  H2Peer,
  headers,
  ping,
  request,
  rstStream,
  settings,
  uint32,
  windowUpdate,
} from '../support/h2-peer.ts';
import { echo, outcome, serve } from './connection-fixture.ts';

const endStream = flag.endStream;

test('(9) settings are held to their ranges, and unknown ones are ignored (6.5.2)', async (t) => {
  t.is(await outcome(t, settings([0x2, 2])), 'goaway 1');
  t.is(await outcome(t, settings([0x4, 0x8000_0000])), 'goaway 3');
  t.is(await outcome(t, settings([0x5, 16_383])), 'goaway 1');
  t.is(await outcome(t, settings([0x5, 0])), 'goaway 1');
  t.is(await outcome(t, settings([0x5, 0x100_0000])), 'goaway 1');
  t.is(await outcome(t, settings([0xf0f0, 77], [0x5, 0xff_ffff])), 'alive');
});

test('(10) SETTINGS of a wrong length, on a stream, or in great number are connection errors (6.5)', async (t) => {
  t.is(await outcome(t, frame('SETTINGS', 0, 0, Buffer.alloc(5))), 'goaway 6');
  t.is(await outcome(t, frame('SETTINGS', flag.ack, 0, Buffer.alloc(6))), 'goaway 6');
  t.is(await outcome(t, frame('SETTINGS', 0, 1)), 'goaway 1');
  const many = Array.from({ length: 33 }, (_, i): [number, number] => [0x4000 + i, 1]);
  t.is(await outcome(t, settings(...many)), 'goaway 11');
});

test('(12) a frame larger than SETTINGS_MAX_FRAME_SIZE is a connection error (4.2)', async (t) => {
  t.is(await outcome(t, frame(0xfa, 0, 0, Buffer.alloc(16_385))), 'goaway 6');
  t.is(await outcome(t, frame(0xfa, 0, 0, Buffer.alloc(16_384))), 'alive');
});

test('(13) reserved bits are ignored (4.1): of stream ids, of updates, of GOAWAY, and the exclusive one of PRIORITY', async (t) => {
  const { port, environment, log } = await serve(t);
  log.onNewStream = echo(environment);
  const peer = await H2Peer.ready(port, [0x4, 0]);
  const reserved = headers(1, request());
  reserved[5] = 0x80;
  peer.send(reserved, data(1, 'ab', endStream), windowUpdate(1, 0x8000_0002));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  t.is(peer.body(1).toString(), 'ab');
  const goingAway = Buffer.concat([uint32(0x8000_0001), uint32(0)]);
  const onAnother = Buffer.concat([uint32(0x8000_0003), Buffer.from([0])]);
  peer.send(frame('GOAWAY', 0, 0, goingAway), frame('PRIORITY', 0, 9, onAnother), headers(3, request(), endStream));
  await peer.expect('HEADERS', 3, (frame) => frame.endStream);
  t.deepEqual(log.goAways, [{ lastStreamId: 1, code: 0, debug: '' }]);
  peer.socket.destroy();
  const onItself = Buffer.concat([uint32(0x8000_0009), Buffer.from([0])]);
  t.is(await outcome(t, frame('PRIORITY', 0, 9, onItself)), 'goaway 1');
});

test('(14, 17, 18) nothing may stand inside a header block, not even an unknown frame (5.5, 6.10)', async (t) => {
  const open = frame('HEADERS', endStream, 1, encodeFields(request()));
  t.is(await outcome(t, frame(0xfa, 0xff, 1, Buffer.from('unknown'))), 'alive');
  t.is(await outcome(t, open, frame(0xfa, 0, 1)), 'goaway 1');
  t.is(await outcome(t, open, data(1, 'x')), 'goaway 1');
  t.is(await outcome(t, open, frame('CONTINUATION', flag.endHeaders, 3)), 'goaway 1');
  t.is(await outcome(t, open, headers(3, request(), endStream)), 'goaway 1');
  t.is(await outcome(t, frame('CONTINUATION', flag.endHeaders, 1)), 'goaway 1');
  t.is(await outcome(t, open, frame('CONTINUATION', flag.endHeaders, 1)), 'alive');
});

test('a header block of more than 8 CONTINUATIONs ends the connection, empty ones included (CVE-2024-27316)', async (t) => {
  const open = frame('HEADERS', endStream, 1, encodeFields(request()));
  const empty = frame('CONTINUATION', 0, 1);
  t.is(await outcome(t, open, ...Array.from({ length: 9 }, () => empty)), 'goaway 11');
  const last = frame('CONTINUATION', flag.endHeaders, 1);
  const seven = Array.from({ length: 7 }, () => empty);
  t.is(await outcome(t, open, ...seven, last), 'alive');
  // Each block may have as many.
  const again = [frame('HEADERS', endStream, 3, encodeFields(request())), ...seven, last].map((bytes) => {
    const onThree = Buffer.from(bytes);
    onThree[8] = 3;
    return onThree;
  });
  t.is(await outcome(t, open, ...seven, last, ...again), 'alive');
});

test('(16) a stream id that is even, or not above the last one, is a connection error (5.1.1)', async (t) => {
  t.is(await outcome(t, headers(2, request(), endStream)), 'goaway 1');
  t.is(await outcome(t, headers(5, request(), endStream), headers(3, request(), endStream)), 'goaway 1');
  t.is(await outcome(t, headers(0, request(), endStream)), 'goaway 1');
});

test('(19) HEADERS with priority: five bytes are stripped, fewer are an error, and so is a stream that depends on itself', async (t) => {
  const block = encodeFields(request());
  const priority = (on: number): Buffer => Buffer.concat([uint32(on), Buffer.from([16])]);
  const flags = endStream | flag.endHeaders | flag.priority;
  t.is(await outcome(t, frame('HEADERS', flags, 1, Buffer.concat([priority(0), block]))), 'alive');
  t.is(await outcome(t, frame('HEADERS', flags, 1, Buffer.alloc(4))), 'goaway 1');
  t.is(await outcome(t, frame('HEADERS', flags, 1, Buffer.concat([priority(1), block]))), 'goaway 1');
});

test('(20) padding of the whole payload or more is a connection error (6.1, 6.2)', async (t) => {
  const open = headers(1, request());
  t.is(await outcome(t, open, frame('DATA', flag.padded, 1, Buffer.from([3, 0, 0]))), 'goaway 1');
  t.is(await outcome(t, open, frame('DATA', flag.padded, 1)), 'goaway 6');
  t.is(await outcome(t, open, frame('DATA', flag.padded, 1, Buffer.from([2, 0, 0]))), 'alive');
  t.is(await outcome(t, frame('HEADERS', flag.padded | flag.endHeaders, 1, Buffer.from([2, 0]))), 'goaway 1');
});

test('(21) PRIORITY is ignored on any stream, but not when it is malformed (6.3)', async (t) => {
  const on = (dependency: number): Buffer => Buffer.concat([uint32(dependency), Buffer.from([0])]);
  t.is(await outcome(t, frame('PRIORITY', 0, 9, on(3))), 'alive');
  t.is(await outcome(t, frame('PRIORITY', 0, 9, on(9))), 'goaway 1');
  t.is(await outcome(t, frame('PRIORITY', 0, 9, Buffer.alloc(4))), 'goaway 6');
  t.is(await outcome(t, frame('PRIORITY', 0, 0, on(3))), 'goaway 1');
});

test('(22, 24, 26) PUSH_PROMISE of a client, RST_STREAM on an idle stream, GOAWAY on a stream are connection errors', async (t) => {
  t.is(await outcome(t, frame('PUSH_PROMISE', flag.endHeaders, 1, uint32(2))), 'goaway 1');
  t.is(await outcome(t, rstStream(7, 8)), 'goaway 1');
  t.is(await outcome(t, headers(1, request()), frame('RST_STREAM', 0, 1, Buffer.alloc(3))), 'goaway 6');
  t.is(await outcome(t, frame('GOAWAY', 0, 1, Buffer.alloc(8))), 'goaway 1');
  t.is(await outcome(t, frame('GOAWAY', 0, 0, Buffer.alloc(7))), 'goaway 6');
  t.is(await outcome(t, windowUpdate(7, 1)), 'goaway 1');
});

test('(25) PING is answered with its own bytes, and an answer that nobody asked for is ignored (6.7)', async (t) => {
  const { port } = await serve(t);
  const peer = await H2Peer.ready(port);
  peer.send(ping('nobody..', flag.ack), ping('\x02\x04\x10\x10\x09\x0e\x07\x07'));
  const { payload } = await peer.expect('PING', 0, ({ isAck }) => isAck);
  t.is(payload.toString('latin1'), '\x02\x04\x10\x10\x09\x0e\x07\x07');
  peer.socket.destroy();
  t.is(await outcome(t, frame('PING', 0, 0, Buffer.alloc(7))), 'goaway 6');
  t.is(await outcome(t, frame('PING', 0, 1, Buffer.alloc(8))), 'goaway 1');
});

test('(25) the answer to a PING goes ahead of DATA that waits', async (t) => {
  const server = await serve(t);
  const body = Buffer.alloc(1_000_000);
  server.log.onNewStream = (log) => {
    log.onEvent = (stream) => {
      stream.sendHeaders(server.environment.shapes.block([[':status', '200']]), false);
      stream.sendData(body, 0, body.length, true);
    };
  };
  const peer = await H2Peer.ready(server.port, [0x4, 0]);
  peer.send(headers(1, request(), endStream));
  await peer.expect('HEADERS', 1);
  // In one chunk, so that the DATA may go when the PING is read.
  peer.send(windowUpdate(0, body.length), windowUpdate(1, body.length), ping('in front'));
  await peer.expect('DATA', 1, (frame) => frame.endStream);
  const order = peer.received.filter(({ type }) => type === 'PING' || type === 'DATA').map(({ type }) => type);
  t.is(order[0], 'PING');
  peer.socket.destroy();
});

test('(27, 116) what comes late on a stream that was reset here is ignored, and credited to the connection', async (t) => {
  const { port, log } = await serve(t);
  log.onNewStream = (stream) => {
    stream.onEvent = (s, event) => event.kind === 'headers' && s.reset(ErrorCode.CANCEL);
  };
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request()));
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.CANCEL);
  // Three times the connection's window: without credit for what is dropped, the peer would be stuck.
  let window = 1_048_576;
  for (let sent = 0; sent < 3 * 1_048_576; sent += 16_384) {
    while (window < 16_384) window += (await peer.expect('WINDOW_UPDATE', 0)).payload.readUInt32BE(0);
    peer.send(data(1, Buffer.alloc(16_384)));
    window -= 16_384;
  }
  peer.send(windowUpdate(1, 5), rstStream(1, 8), headers(1, [['late', 'trailer']], endStream));
  await t.notThrowsAsync(peer.roundTrip());
  t.is(log.streams[0]!.events.length, 1);
  peer.socket.destroy();
});

test('(28) DATA or HEADERS behind END_STREAM are STREAM_CLOSED; WINDOW_UPDATE and PRIORITY are not (5.1)', async (t) => {
  const done = headers(1, request(), endStream);
  t.is(await outcome(t, done, data(1, 'x')), 'goaway 5');
  t.is(await outcome(t, done, headers(1, [['a', 'b']], endStream)), 'goaway 5');
  t.is(await outcome(t, done, windowUpdate(1, 10), frame('PRIORITY', 0, 1, Buffer.alloc(5))), 'alive');
});
