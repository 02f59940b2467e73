// The classes A, B, C and E of http2.md section 1.2 that are about a connection as a whole, each from raw sockets at a
// data plane before an endpoint. Floods are in hostile-clients.test.ts; what is left out here has its test elsewhere
// (docs/security.md has the list).
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { DownstreamTls } from '../../xds/model/tls.ts';
import { serve } from '../http2/connection-fixture.ts';
import { closed } from '../support/closed.ts';
import {
  encodeFields,
  flag,
  frame,
  H2Peer,
  headers,
  ping,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { GRPC_HEADERS, seeCall, startHttp2Endpoint } from '../support/http2-call.ts';
import { listener, plainMesh } from '../support/resources.ts';
import { Attacker } from './attacker.ts';
import { BULK, HOLD, opening, UNARY } from './flood.ts';
import { startAttackedEndpoint, startTarget, startTargetBefore, startTargetWith } from './target.ts';

const cancel = 8;
const refused = 7;
const calm = 11;

function clientOf(t: ExecutionContext, port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

test('(A5) streams that come before our SETTINGS are acknowledged count like all others', async (t) => {
  const target = await startTarget(t);
  const attacker = await Attacker.connect(target.port);
  t.teardown(() => attacker.socket.destroy());
  const calls = Array.from({ length: 1030 }, (_, i) => headers(2 * i + 1, request(HOLD), flag.endStream));
  await attacker.send(Buffer.concat([preface, settings(), ...calls]));
  t.true(await attacker.isAnswered());
  t.deepEqual([...attacker.resets], [[refused, 6]]);
  t.is(target.hits('maxConcurrentStreams'), 6);
  t.is(await target.innocentCall(), '0');
});

test('(A7) cancels of one client never bring an endpoint to close the connection that others use (Netty: 200 in 30 s; section 6, reset budget)', async (t) => {
  const cancels = new Map<unknown, number>();
  let held: (() => void) | null = null;
  const endpoint = await startHttp2Endpoint((stream, fields) => {
    const { session } = stream;
    stream.on('close', () => {
      if (stream.rstCode !== cancel) return;
      cancels.set(session, (cancels.get(session) ?? 0) + 1);
      if ((cancels.get(session) ?? 0) > 200) session?.destroy();
    });
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (fields['x-held'] !== undefined) held = () => stream.end();
    else if (fields[':path'] !== HOLD) stream.end();
  });
  const target = await startTargetBefore(t, [endpoint.port], () => endpoint.stop());
  const innocent = clientOf(t, target.port);
  const stream = innocent.request({ ...GRPC_HEADERS, 'x-held': '1' });
  const seen = seeCall(stream);
  await once(stream, 'response');
  const many = await H2Peer.ready(target.port);
  many.send(...Array.from({ length: 400 }, (_, i) => headers(2 * i + 1, request(HOLD), flag.endStream)));
  await many.expect('HEADERS', 799);
  // All of its calls are over at once.
  many.socket.destroy();
  const hostile = await H2Peer.ready(target.port);
  t.teardown(() => hostile.socket.destroy());
  for (let i = 0; i < 700; i++) {
    const id = 2 * i + 1;
    hostile.send(headers(id, request(HOLD), flag.endStream));
    // Not premature: the response has begun, so that this is a client's right.
    await hostile.expect('HEADERS', id);
    hostile.send(rstStream(id, cancel));
  }
  await hostile.roundTrip();
  t.is(await target.innocentCall(), '0');
  held!();
  t.is((await seen).trailers?.['grpc-status'], '0', 'a call that shared the connection came to its end');
  const most = Math.max(...cancels.values());
  t.true(most <= 200, `${most} cancels on one connection`);
  t.true(target.hits('resetsBeforeRotation') > 0);
});

test('(B13) header fields as large as we take them are forwarded in frames that the endpoint takes', async (t) => {
  const listening = await H2Peer.listen();
  const target = await startTargetBefore(t, [listening.port], listening.close);
  const large = 'v'.repeat(50_000);
  const client = await H2Peer.ready(target.port);
  t.teardown(() => client.socket.destroy());
  const block = encodeFields([...request(), ['x-large', large]]);
  const pieces = [0, 1, 2, 3].map((i) => block.subarray(16_384 * i, 16_384 * (i + 1)));
  client.send(
    ...pieces.map((piece, i) =>
      frame(i === 0 ? 'HEADERS' : 'CONTINUATION', i === 0 ? flag.endStream : i === 3 ? flag.endHeaders : 0, 1, piece),
    ),
  );
  const endpoint = await listening.next();
  endpoint.send(settings(), settingsAck());
  const first = await endpoint.expect('HEADERS');
  t.is(first.flags & flag.endHeaders, 0);
  const blocks = [first.payload];
  for (;;) {
    const next = await endpoint.expect('CONTINUATION', first.streamId);
    blocks.push(next.payload);
    if ((next.flags & flag.endHeaders) !== 0) break;
  }
  t.true(blocks.every(({ length }) => length <= 16_384));
  t.true(Buffer.concat(blocks).includes(large));
  endpoint.send(
    headers(
      1,
      [
        [':status', '200'],
        ['grpc-status', '0'],
      ],
      flag.endStream,
    ),
  );
  t.deepEqual((await client.expect('HEADERS', 1)).fields.at(-1), ['grpc-status', '0']);
});

test('(C7) large windows over a socket that is not read bring no more than the queue of a connection', async (t) => {
  const target = await startTarget(t);
  const attacker = await Attacker.connect(target.port);
  t.teardown(() => attacker.socket.destroy());
  await attacker.send(
    Buffer.concat([preface, settings([4, 0x7fff_ffff]), settingsAck(), windowUpdate(0, 0x7000_0000)]),
  );
  attacker.socket.pause();
  for (let i = 0; i < 10; i++) {
    const calls = Array.from({ length: 100 }, (_, j) => headers(2 * (100 * i + j) + 1, request(BULK), flag.endStream));
    await attacker.send(Buffer.concat(calls));
    t.is(await target.innocentCall(), '0');
  }
  t.true(target.hits('maxOutputBytes') + target.hits('maxQueuedBytes') > 0);
  t.deepEqual(target.errors(), []);
});

test('(C10) a long good record is no credit: the flood that follows it meets the same limit', async (t) => {
  const target = await startTarget(t);
  const attacker = await Attacker.connect(target.port);
  t.teardown(() => attacker.socket.destroy());
  await attacker.send(opening);
  for (let i = 0; i < 20; i++) {
    const calls = Array.from({ length: 100 }, (_, j) => headers(2 * (100 * i + j) + 1, request(UNARY), flag.endStream));
    await attacker.send(Buffer.concat(calls));
    await attacker.ended(100 * (i + 1));
  }
  const before = attacker.receivedBytes;
  const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame('PRIORITY', 0, 1, Buffer.alloc(5))));
  await attacker.send(flood);
  await attacker.closed;
  t.is(attacker.goAway, calm);
  t.true(attacker.receivedBytes - before < 200);
});

test('(C13) the first part of a PING is waited for, wherever it was cut', async (t) => {
  const target = await startTarget(t);
  const peers = await Promise.all(Array.from({ length: 16 }, () => H2Peer.ready(target.port)));
  for (const [i, peer] of peers.entries()) peer.send(ping('12345678').subarray(0, 1 + i));
  // What was sent has been read when a call that came later has been answered.
  t.is(await target.innocentCall(), '0');
  for (const [i, peer] of peers.entries()) {
    peer.send(ping('12345678').subarray(1 + i));
    t.true((await peer.expect('PING')).isAck);
    peer.socket.destroy();
  }
});

test.serial('(C13) nothing turns while frames are incomplete, until their time is up', async (t) => {
  const { port } = await serve(t, { headerBlockTimeoutMs: 200 });
  const turns: number[] = [];
  // While the program is young the loop may turn by thousands, and then never again: what a peer causes is there each time.
  for (let round = 0; round < 3; round++) {
    const peers = await Promise.all(Array.from({ length: 16 }, () => H2Peer.ready(port)));
    const { loopCount: before } = performance.nodeTiming.uvMetricsInfo;
    for (const [i, peer] of peers.entries()) peer.send(ping('12345678').subarray(0, 1 + i));
    for (const peer of peers) t.is((await peer.expect('GOAWAY')).payload.readUInt32BE(4), 1);
    turns.push(performance.nodeTiming.uvMetricsInfo.loopCount - before);
  }
  t.true(Math.min(...turns) < 100, `${turns} turns of the event loop, each time in 200 ms`);
});

test('(C16) a peer that neither reads nor closes behind our GOAWAY is let go after a time', async (t) => {
  const { port, log, connection } = await serve(t, { lingerTimeoutMs: 30 });
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  socket.write(Buffer.concat([preface, settings(), windowUpdate(0, 0x7fff_ffff)]));
  t.is((await log.closed).code, 3);
  t.is((await connection).state, 'closed');
  t.is(log.ends.length, 1);
});

test('(E4) the last stream id of a client is served, and nothing can follow it', async (t) => {
  const target = await startTarget(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(0x7fff_ffff, request(UNARY), flag.endStream));
  const response = await peer.expect('HEADERS', 0x7fff_ffff);
  t.deepEqual(response.fields[0], [':status', '200']);
  await peer.expect('HEADERS', 0x7fff_ffff);
  peer.send(headers(1, request(UNARY), flag.endStream));
  await peer.closed;
  t.is(peer.received.findLast(({ type }) => type === 'GOAWAY')?.code, 1);
  t.is(peer.count('HEADERS', 1), 0);
});

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

/** The listener `app` in clear text, `secure` with TLS, both before one endpoint. */
async function startSecureTarget(t: ExecutionContext, requireClientCertificate = false) {
  const tls: DownstreamTls = {
    certificateChainPem: pem('server'),
    privateKeyPem: pem('server-key'),
    trustedCaPem: pem('ca'),
    requireClientCertificate,
  };
  const endpoint = await startAttackedEndpoint();
  const plain = listener('secure', 'inbound', 'app-routes');
  const secure = { ...plain, filterChains: plain.filterChains.map((chain) => ({ ...chain, tls })) };
  const target = await startTargetWith(
    t,
    [...plainMesh('app', 'inbound', [endpoint.port]), { type: 'listener', value: secure }],
    () => endpoint.stop(),
  );
  return { target, securePort: await target.plane.port('secure') };
}

/** Writes, then breaks the connection by a TCP reset. */
async function breakOff(port: number, bytes: Uint8Array): Promise<void> {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  if (bytes.length > 0) await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
  socket.resetAndDestroy();
  await closed(socket);
}

test('(E5) a connection that breaks at any point, TLS handshakes included, ends nothing but itself (CVE-2025-59465)', async (t) => {
  const { target, securePort } = await startSecureTarget(t);
  const hello = Buffer.concat([Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), Buffer.alloc(60, 7)]);
  const whole = Buffer.concat([opening, headers(1, request(BULK), flag.endStream), headers(3, request(HOLD))]);
  const points = [0, 1, 10, 24, 30, 40, 60, 100, whole.length].map((end) => whole.subarray(0, end));
  for (let i = 0; i < 5; i++) {
    await Promise.all([
      ...points.map((bytes) => breakOff(target.port, bytes)),
      ...[0, 5, 30, hello.length].map((end) => breakOff(securePort, hello.subarray(0, end))),
      breakOff(securePort, whole),
    ]);
  }
  const raw = connect({ host: '127.0.0.1', port: securePort });
  const secure = connectTls({ socket: raw, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  for (const socket of [raw, secure]) socket.on('error', () => {});
  await once(secure, 'secureConnect');
  await new Promise<void>((resolve) => void secure.write(whole, () => resolve()));
  raw.resetAndDestroy();
  t.is(await target.innocentCall(), '0');
  t.deepEqual(target.errors(), []);
});

test('(E6) server names and protocols of any kind in a handshake are refused or served, and throw nothing (CVE-2026-21637)', async (t) => {
  const { target, securePort } = await startSecureTarget(t);
  const attempts: { servername?: string; ALPNProtocols?: string[] }[] = [
    { servername: `${'a'.repeat(60)}.${'b'.repeat(60)}.test`, ALPNProtocols: ['h2'] },
    { servername: 'xn--.test', ALPNProtocols: ['h2'] },
    { servername: '__proto__', ALPNProtocols: ['h2'] },
    { ALPNProtocols: ['x'.repeat(255), 'http/1.1'] },
    { ALPNProtocols: ['h2c'] },
    {},
  ];
  for (const attempt of attempts) {
    const socket = connectTls({ host: '127.0.0.1', port: securePort, rejectUnauthorized: false, ...attempt });
    socket.on('error', () => {});
    const outcome = await Promise.race([
      new Promise((resolve) => void socket.once('secureConnect', () => resolve(socket.alpnProtocol))),
      new Promise((resolve) => void socket.once('close', () => resolve('closed'))),
    ]);
    const wantsH2 = attempt.ALPNProtocols?.includes('h2') === true;
    if (wantsH2) t.is(outcome, 'h2');
    else t.not(outcome, 'h2');
    socket.destroy();
  }
  t.is(await target.innocentCall(), '0');
  t.deepEqual(target.errors(), []);
});

test('(E7) where clients are known by their certificates no session is resumed, so none is known by an old one (CVE-2026-123872)', async (t) => {
  const { target, securePort } = await startSecureTarget(t, true);
  const options = {
    host: '127.0.0.1',
    port: securePort,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
    cert: pem('client'),
    key: pem('client-key'),
  };
  let session: Buffer | undefined;
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = connectTls({ ...options, maxVersion });
    first.on('error', () => {});
    first.on('session', (resumable: Buffer) => {
      session = resumable;
    });
    await once(first, 'secureConnect');
    session ??= first.getSession();
    first.destroy();
    const second = connectTls({ ...options, maxVersion, ...(session === undefined ? {} : { session }) });
    second.on('error', () => {});
    await once(second, 'secureConnect');
    t.false(second.isSessionReused(), maxVersion);
    second.destroy();
    session = undefined;
  }
  t.is(await target.innocentCall(), '0');
});

test('(E8) other protocols are turned away, and nothing of what they said is said back', async (t) => {
  const { target, securePort } = await startSecureTarget(t);
  const secret = 'do-not-echo-me';
  const words = [
    `GET /${secret} HTTP/1.1\r\nhost: ${secret}\r\n\r\n`,
    `PRI * HTTP/2.0\r\n\r\n${secret}`,
    `PRI * HTTP/1.1\r\nupgrade: h2c\r\nx: ${secret}\r\n\r\n`,
    `\x16\x03\x01\x00\x40${secret.repeat(5)}`,
    `SSH-2.0-${secret}\r\n`,
  ];
  for (const port of [target.port, securePort]) {
    for (const word of words) {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
      });
      socket.end(Buffer.from(word, 'latin1'));
      await closed(socket);
      t.false(answer.includes(secret), word);
    }
  }
  // And the reverse: HTTP/2 in clear text to a listener that wants TLS.
  const plain = connect({ host: '127.0.0.1', port: securePort });
  plain.on('error', () => {});
  plain.end(Buffer.concat([opening, headers(1, request(UNARY), flag.endStream)]));
  await closed(plain.resume());
  t.is(await target.innocentCall(), '0');
  t.deepEqual(target.errors(), []);
});
