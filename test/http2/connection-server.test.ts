// A raw client against a server of ours: how a connection begins and ends, what becomes of requests, and what they may
// cost. Numbers are cases of the HTTP/2 checklist, sections are of RFC 9113.
import test from 'ava';
import { ErrorCode } from '../../agent/http2/index.ts';
import {
  data,
  encodeFields,
  type Fields,
  flag,
  frame,
  goAway,
  H2Peer,
  headers,
  paddedData,
  ping,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
} from '../support/h2-peer.ts';
import { echo, outcome, serve } from './connection-fixture.ts';

const endStream = flag.endStream;

test('(1) the server sends its SETTINGS first, and acknowledges those of a client with prior knowledge (3.3, 3.4)', async (t) => {
  const { port } = await serve(t);
  const peer = await H2Peer.connect(port);
  await peer.expect('SETTINGS', 0, ({ isAck }) => !isAck);
  t.is(peer.received[0]!.type, 'SETTINGS');
  peer.send(preface, settings());
  await t.notThrowsAsync(peer.expect('SETTINGS', 0, ({ isAck }) => isAck));
  peer.socket.destroy();
});

test('(2) a preface and a request that come byte by byte are understood (3.4)', async (t) => {
  const { port, environment, log } = await serve(t);
  log.onNewStream = echo(environment);
  const peer = await H2Peer.connect(port);
  await peer.dribble(Buffer.concat([preface, settings(), headers(1, request()), data(1, 'hello', endStream)]));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  t.is(peer.body(1).toString(), 'hello');
  peer.socket.destroy();
});

test('(3) a connection that begins with something else is ended without an echo (3.4)', async (t) => {
  const { port, log } = await serve(t);
  const peer = await H2Peer.connect(port);
  peer.send(Buffer.from('GET /secret HTTP/1.1\r\nhost: a\r\n\r\n'));
  const { code, payload } = await peer.expect('GOAWAY');
  t.is(code, ErrorCode.PROTOCOL_ERROR);
  t.false(payload.includes('secret'));
  await peer.closed;
  peer.socket.destroy();
  t.is((await log.closed).by, 'local');
});

test('(7) an upgrade from HTTP/1.1 is not taken up: it is no preface (3.1)', async (t) => {
  const { port, log } = await serve(t);
  const peer = await H2Peer.connect(port);
  let text = '';
  peer.socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  peer.send(
    Buffer.from(
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n',
    ),
    preface,
    settings(),
    headers(1, request(), endStream),
  );
  t.is((await peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  await peer.closed;
  t.notRegex(text, /HTTP\/1\.1 101/);
  t.is(log.streams.length, 0);
  peer.socket.destroy();
});

test('(4) a first frame that is not SETTINGS is a connection error (3.4)', async (t) => {
  for (const first of [headers(1, request(), endStream), ping('12345678'), data(1, 'x'), settingsAck()]) {
    const { port } = await serve(t);
    const peer = await H2Peer.connect(port);
    peer.send(preface, first);
    t.is((await peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
    peer.socket.destroy();
  }
});

test('(36) a block that is refused, malformed or on a reset stream still moves the header table along (4.3)', async (t) => {
  const { port, log } = await serve(t, { maxConcurrentStreams: 1 });
  const peer = await H2Peer.ready(port);
  const indexed = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0x40, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]);
  const block = (...more: Buffer[]): Buffer => Buffer.concat([encodeFields(request()), ...more]);
  const flags = endStream | flag.endHeaders;
  peer.send(
    frame('HEADERS', flag.endHeaders, 1, block()),
    frame('HEADERS', flags, 3, block(indexed('x-refused', 'one'))),
    frame('HEADERS', flags, 1, Buffer.concat([indexed('Upper', 'case'), indexed('x-late', 'two')])),
  );
  t.is((await peer.expect('RST_STREAM', 3)).code, ErrorCode.REFUSED_STREAM);
  t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.PROTOCOL_ERROR);
  // 62 is the newest entry: x-late, then Upper, then x-refused.
  peer.send(frame('HEADERS', flags, 5, Buffer.concat([encodeFields(request()), Buffer.from([0x80 | 62, 0x80 | 64])])));
  const stream = await log.stream(1);
  const event = stream.events[0]!;
  if (event.kind !== 'headers') throw new Error('no headers');
  t.deepEqual(event.entries.filter(([name]) => name.startsWith('x-')).sort(), [
    ['x-late', 'two'],
    ['x-refused', 'one'],
  ]);
  peer.socket.destroy();
});

test('(39, 40, 41) a malformed request is reset, and nothing of it is handed up (8.2, 8.3)', async (t) => {
  const without = (name: string): Fields => request().filter(([other]) => other !== name);
  const malformed: Record<string, Fields> = {
    'no method': without(':method'),
    'no path': without(':path'),
    'two paths': [[':path', '/again'], ...request()],
    'a pseudo-field behind a regular one': [...without(':path'), [':path', '/late']],
    'an unknown pseudo-field': [[':peer', 'x'], ...request()],
    'a status': [[':status', '200'], ...request()],
    'upper case': [...request(), ['Metadata', 'x']],
    'a connection field': [...request(), ['connection', 'close']],
    'te that is not trailers': [...without('te'), ['te', 'gzip']],
    'a line break': [...request(), ['x', 'a\r\nb']],
    'a path without its slash': [...without(':path'), [':path', 'test.Echo/Call']].sort(([a], [b]) =>
      a < b ? -1 : 1,
    ) as Fields,
  };
  for (const [what, fields] of Object.entries(malformed)) {
    const { port, log } = await serve(t);
    const peer = await H2Peer.ready(port);
    peer.send(headers(1, fields, endStream));
    t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.PROTOCOL_ERROR, what);
    t.is(log.streams.length, 0, what);
    peer.socket.destroy();
  }
});

test('trailers that are malformed, or do not end the stream, reset it, and its handler is told', async (t) => {
  for (const trailers of [headers(1, [[':path', '/x']], endStream), headers(1, [['x', 'y']])]) {
    const { port, log } = await serve(t);
    const peer = await H2Peer.ready(port);
    peer.send(headers(1, request()), trailers);
    t.is((await peer.expect('RST_STREAM', 1)).code, ErrorCode.PROTOCOL_ERROR);
    const stream = await log.stream(0);
    t.like(stream.reset, { code: ErrorCode.PROTOCOL_ERROR, by: 'local', unprocessed: false });
    peer.socket.destroy();
  }
});

test('(52, 53, 55) END_STREAM on HEADERS, on empty DATA and on trailers each end the request', async (t) => {
  const { port, log } = await serve(t);
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request(), endStream), headers(3, request()), data(3, '', endStream));
  peer.send(headers(5, request()), data(5, 'x'), headers(5, [['checksum', '1']], endStream));
  await peer.roundTrip();
  t.deepEqual(
    log.streams.map(({ events }) => events.map((event) => (event.kind === 'headers' ? event.what : event.kind))),
    [['head'], ['head', 'data'], ['head', 'data', 'trailers']],
  );
  t.true(log.streams.every(({ ended }) => ended));
  peer.socket.destroy();
});

test('(74) content that differs from content-length is reset, whichever frame ends it (8.1.1)', async (t) => {
  const sized = (bytes: string): Fields => [...request(), ['content-length', bytes]];
  const cases: Record<string, Uint8Array[]> = {
    'less, ended by DATA': [headers(1, sized('5')), data(1, 'four', endStream)],
    'less, ended by trailers': [headers(1, sized('5')), data(1, 'four'), headers(1, [['x', 'y']], endStream)],
    'none, ended by HEADERS': [headers(1, sized('5'), endStream)],
    more: [headers(1, sized('3')), data(1, 'four')],
    'no number': [headers(1, sized('-1')), data(1, 'x', endStream)],
    'two numbers': [headers(1, [...sized('4'), ['content-length', '5']]), data(1, 'four', endStream)],
  };
  for (const [what, frames] of Object.entries(cases)) t.is(await outcome(t, ...frames), 'reset 1', what);
  t.is(await outcome(t, headers(1, sized('4')), data(1, 'four', endStream)), 'alive');
  t.is(await outcome(t, headers(1, sized('4')), paddedData(1, 'four', 7, endStream)), 'alive');
});

test('a header block that is too large ends its stream, one beyond reason the connection', async (t) => {
  const large = (bytes: number): Fields => [
    ...request(),
    ...Array.from({ length: Math.ceil(bytes / 8000) }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(8000)]),
  ];
  const split = (fields: Fields): Uint8Array[] => {
    const block = encodeFields(fields);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < block.length; at += 16_384) {
      const isLast = at + 16_384 >= block.length;
      const type = at === 0 ? 'HEADERS' : 'CONTINUATION';
      parts.push(
        frame(type, (at === 0 ? endStream : 0) | (isLast ? flag.endHeaders : 0), 1, block.subarray(at, at + 16_384)),
      );
    }
    return parts;
  };
  t.is(await outcome(t, ...split(large(50_000))), 'alive');
  t.is(await outcome(t, ...split(large(80_000))), 'reset 11');
  // Nine frames hold 144 KiB; the table makes more of them.
  const entry = Buffer.concat([
    Buffer.from([0x40, 1]),
    Buffer.from('x'),
    Buffer.from([127, 0xa1, 0x1e]),
    Buffer.alloc(4000, 'v'),
  ]);
  const bomb = Buffer.concat([encodeFields(request()), entry, Buffer.alloc(80, 0x80 | 62)]);
  t.is(await outcome(t, frame('HEADERS', endStream | flag.endHeaders, 1, bomb)), 'goaway 11');
  const many: Fields = [...request(), ...Array.from({ length: 100 }, (): [string, string] => ['cookie', 'a'])];
  t.is(await outcome(t, headers(1, many, endStream)), 'reset 11');
});

test('streams beyond MAX_CONCURRENT_STREAMS are refused, and there is room again when one has ended', async (t) => {
  const { port, environment, log, connection } = await serve(t, { maxConcurrentStreams: 2 });
  log.onNewStream = echo(environment);
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request()), headers(3, request()), headers(5, request(), endStream));
  t.is((await peer.expect('RST_STREAM', 5)).code, ErrorCode.REFUSED_STREAM);
  t.is((await connection).activeStreams, 2);
  peer.send(data(1, 'x', endStream));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  peer.send(headers(7, request(), endStream));
  await t.notThrowsAsync(peer.expect('HEADERS', 7));
  t.like((await connection).stats.limitsHit, { maxConcurrentStreams: 1 });
  peer.socket.destroy();
});

test('(95, 96, 97) a drain says GOAWAY twice: streams in between are served, later ones ignored but decoded (6.8)', async (t) => {
  const { port, environment, log, connection } = await serve(t);
  log.onNewStream = echo(environment);
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request()));
  await log.stream(0);
  (await connection).drain(0);
  const first = await peer.expect('GOAWAY');
  t.deepEqual([first.payload.readUInt32BE(0), first.code], [0x7fff_ffff, ErrorCode.NO_ERROR]);
  const question = await peer.expect('PING', 0, ({ isAck }) => !isAck);
  peer.send(headers(3, request()), frame('PING', flag.ack, 0, question.payload));
  const second = await peer.expect('GOAWAY');
  t.deepEqual([second.payload.readUInt32BE(0), second.code], [3, ErrorCode.NO_ERROR]);
  const indexed = Buffer.concat([Buffer.from([0x40, 6]), Buffer.from('x-late'), Buffer.from([3]), Buffer.from('two')]);
  const late = Buffer.concat([encodeFields(request()), indexed]);
  peer.send(frame('HEADERS', flag.endHeaders, 5, late), data(5, 'nobody'));
  peer.send(headers(5, [['x', 'y']], endStream), rstStream(5, 8));
  // Trailers that name the field which the ignored block put into the table.
  peer.send(data(1, 'one'), frame('HEADERS', flag.endHeaders | endStream, 1, Buffer.from([0x80 | 62])));
  await peer.expect('HEADERS', 1, (frame) => frame.endStream);
  t.is(log.streams.length, 2);
  const trailers = log.streams[0]!.events.at(-1)!;
  t.deepEqual(trailers.kind === 'headers' && trailers.entries, [['x-late', 'two']]);
  peer.send(data(3, 'three', endStream));
  await peer.expect('HEADERS', 3, (frame) => frame.endStream);
  await peer.closed;
  t.deepEqual([peer.body(1).toString(), peer.body(3).toString(), peer.count('RST_STREAM')], ['one', 'three', 0]);
  peer.socket.destroy();
  t.like(await log.closed, { code: ErrorCode.NO_ERROR, by: 'local', reason: 'drained' });
});

test('(95) the second GOAWAY does not wait for a PING that is never answered', async (t) => {
  const { port, connection } = await serve(t, { drainPingTimeoutMs: 20 });
  const peer = await H2Peer.ready(port);
  (await connection).drain(0);
  await peer.expect('GOAWAY');
  t.is((await peer.expect('GOAWAY')).payload.readUInt32BE(0), 0);
  await peer.closed;
  peer.socket.destroy();
});

test('(98) what is left after the time to drain is cut', async (t) => {
  const { port, log, connection } = await serve(t);
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request()));
  const stream = await log.stream(0);
  (await connection).drain(20);
  await peer.closed;
  t.like(stream.reset, { by: 'connection' });
  peer.socket.destroy();
});

test('(129) a client that closes its side has its calls cancelled, once', async (t) => {
  const { port, log } = await serve(t);
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request(), endStream));
  const stream = await log.stream(0);
  peer.socket.end();
  t.like(await log.closed, { by: 'peer', connected: true });
  t.is(stream.events.filter(({ kind }) => kind === 'reset').length, 1);
  t.is(log.ends.length, 1);
});

test('nothing is done with frames behind a connection error (CVE-2026-27135)', async (t) => {
  const { port, log } = await serve(t);
  const peer = await H2Peer.ready(port);
  peer.send(goAway(0, 0), frame('SETTINGS', 0, 1), headers(1, request(), endStream), settings([0x3, 0]));
  t.is((await peer.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  await peer.closed;
  t.is(log.streams.length, 0);
  t.is(peer.count('GOAWAY'), 1);
  peer.socket.destroy();
});

test('a handler that throws ends its connection with INTERNAL_ERROR and a log line, not the process', async (t) => {
  const { port, environment, log } = await serve(t);
  log.onNewStream = (stream) => {
    stream.onEvent = (_, event) => {
      if (event.kind === 'headers') throw new Error('a bug above');
    };
  };
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request()));
  t.is((await peer.expect('GOAWAY')).code, ErrorCode.INTERNAL_ERROR);
  await log.closed;
  t.true(environment.logs.some(({ level }) => level === 'error'));
  peer.socket.destroy();
});

test('floods end the connection with ENHANCE_YOUR_CALM: pings, empty DATA, early resets', async (t) => {
  const many = (count: number, make: (i: number) => Uint8Array): Uint8Array =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
  t.is(
    await outcome(
      t,
      many(102, () => ping('........')),
    ),
    'goaway 11',
  );
  t.is(
    await outcome(
      t,
      headers(1, request()),
      many(11, () => data(1, '')),
    ),
    'goaway 11',
  );
  t.is(
    await outcome(
      t,
      many(600, (i) => Buffer.concat([headers(2 * i + 1, request()), rstStream(2 * i + 1, 8)])),
    ),
    'goaway 11',
  );
  t.is(
    await outcome(
      t,
      many(100, (i) => Buffer.concat([headers(2 * i + 1, request()), rstStream(2 * i + 1, 8)])),
    ),
    'alive',
  );
});

test('a preface, SETTINGS, an acknowledgement or a header block that does not come has a deadline', async (t) => {
  const limits = { prefaceTimeoutMs: 30, settingsAckTimeoutMs: 5000, headerBlockTimeoutMs: 5000 };
  const silent = await H2Peer.connect((await serve(t, limits)).port);
  t.is((await silent.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
  const rude = await H2Peer.connect(
    (await serve(t, { ...limits, prefaceTimeoutMs: 5000, settingsAckTimeoutMs: 30 })).port,
  );
  rude.send(preface, settings());
  t.is((await rude.expect('GOAWAY')).code, ErrorCode.SETTINGS_TIMEOUT);
  for (const half of [frame('HEADERS', 0, 1, encodeFields(request())), ping('12345678').subarray(0, 12)]) {
    const slow = await H2Peer.ready((await serve(t, { headerBlockTimeoutMs: 30 })).port);
    slow.send(half);
    t.is((await slow.expect('GOAWAY')).code, ErrorCode.PROTOCOL_ERROR);
    slow.socket.destroy();
  }
  silent.socket.destroy();
  rude.socket.destroy();
});
