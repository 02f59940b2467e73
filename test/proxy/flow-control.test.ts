// Flow control through a data plane (http2.md section 2, "Flow control", and section 6): what is stalled stops nothing
// else, what is blocked goes on when its window opens, and credit follows bytes.
import http2 from 'node:http2';
import test from 'ava';
import { startDataPlane } from '../support/data-plane.ts';
import { data, flag, type H2Peer, headers, request, settings, windowUpdate } from '../support/h2-peer.ts';
import { call, GRPC_HEADERS, seeCall, startHttp2Endpoint } from '../support/http2-call.ts';
import { connectedMesh, field, okTrailers, responseHead, setting } from '../support/raw-mesh.ts';
import { plainMesh } from '../support/resources.ts';

const { endStream } = flag;
const FRAME = 16_384;

/** What that peer was granted on a stream, or on the connection (0), beyond where it began. */
function granted(peer: H2Peer, streamId: number): number {
  return peer.received
    .filter((frame) => frame.type === 'WINDOW_UPDATE' && frame.streamId === streamId)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
}

/** What the agent lets a peer send on a stream before anything is read: its SETTINGS_INITIAL_WINDOW_SIZE. */
function initialWindow(peer: H2Peer): number {
  const { payload } = peer.received.find(({ type, isAck }) => type === 'SETTINGS' && !isAck)!;
  for (let at = 0; at < payload.length; at += 6) {
    if (payload.readUInt16BE(at) === setting.initialWindow) return payload.readUInt32BE(at + 2);
  }
  return 65_535;
}

/** DATA of so many bytes. */
function fill(streamId: number, bytes: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let left = bytes; left > 0; left -= FRAME) frames.push(data(streamId, Buffer.alloc(Math.min(left, FRAME))));
  return frames;
}

test("(109) readers that stall use up their streams' windows and nobody else's, however many share a connection to an endpoint (section 6, stalled readers)", async (t) => {
  const { client, upstream, mesh } = await connectedMesh(t, [setting.initialWindow, 0]);
  const window = initialWindow(upstream);
  let sent = 0;
  // More than the connection's window in all: its credit must have come back on receipt.
  for (let id = 3; id < 17; id += 2) {
    client.send(headers(id, request(), endStream));
    await upstream.expect('HEADERS', id);
    upstream.send(headers(id, responseHead));
    for (const frame of fill(id, window)) {
      while (65_535 + granted(upstream, 0) - sent < frame.length) await upstream.expect('WINDOW_UPDATE', 0);
      upstream.send(frame);
      sent += frame.length - 9;
    }
  }
  const other = await mesh.client();
  for (const [peer, id] of [
    [client, 17],
    [other, 1],
  ] as const) {
    peer.send(headers(id, request(), endStream), ...(peer === client ? [windowUpdate(id, 1000)] : []));
    const { streamId } = await upstream.expect('HEADERS');
    upstream.send(headers(streamId, responseHead), data(streamId, 'past the stalled'), okTrailers(streamId));
    t.is(field((await peer.expect('HEADERS', id, (last) => last.endStream)).fields, 'grpc-status'), '0');
    t.is(peer.body(id).toString(), 'past the stalled');
  }
  t.is(client.count('DATA', 3), 0);
});

test('(107) credit for a request is given when its bytes have left for the endpoint, not when they came', async (t) => {
  const { client, upstream } = await connectedMesh(t);
  const window = initialWindow(client);
  upstream.send(settings([setting.initialWindow, 0]));
  await upstream.roundTrip();
  client.send(headers(3, request()), ...fill(3, window));
  await upstream.expect('HEADERS', 3);
  await client.roundTrip();
  t.is(granted(client, 3), 0);
  upstream.send(windowUpdate(0, 2 ** 20), windowUpdate(3, window));
  const update = await client.expect('WINDOW_UPDATE', 3);
  t.true(update.payload.readUInt32BE() >= window / 2);
});

test('(108) an endpoint is given no more credit than its client takes, and a client no more than its endpoint', async (t) => {
  const { client, upstream } = await connectedMesh(t, [setting.initialWindow, 5000]);
  upstream.send(settings([setting.initialWindow, 5000]));
  await upstream.roundTrip();
  client.send(headers(3, request()));
  await upstream.expect('HEADERS', 3);
  upstream.send(headers(3, responseHead));
  await client.expect('HEADERS', 3);
  // Both send what they may, and go on for as long as more is granted; what the other takes is 5,000 bytes.
  for (const [from, to] of [
    [upstream, client],
    [client, upstream],
  ] as const) {
    const window = initialWindow(from);
    from.send(...fill(3, window));
    await to.expect('DATA', 3);
    await from.roundTrip();
    t.is(granted(from, 3), 0, 'it was told to stop');
    t.is(to.body(3).length, 5000);
    to.send(windowUpdate(3, window), windowUpdate(0, window));
    const { payload } = await from.expect('WINDOW_UPDATE', 3);
    t.true(payload.readUInt32BE() <= window, 'and may send again what has left');
  }
});

test('(110) updates are read though a stream of the same client is blocked at its endpoint, and though it owes an answer', async (t) => {
  const { client, upstream } = await connectedMesh(t, [setting.initialWindow, 0]);
  upstream.send(settings([setting.initialWindow, 0]));
  await upstream.roundTrip();
  client.send(headers(3, request()), ...fill(3, initialWindow(client)));
  client.send(headers(5, request(), endStream));
  await upstream.expect('HEADERS', 5);
  upstream.send(headers(5, responseHead), data(5, 'waits'), okTrailers(5));
  await client.expect('HEADERS', 5);
  client.send(windowUpdate(5, 5));
  await client.expect('HEADERS', 5, (last) => last.endStream);
  t.is(client.body(5).toString(), 'waits');
});

test('(110) an endpoint that reads nothing for a while is still read: its answers and updates pass', async (t) => {
  const { client, upstream } = await connectedMesh(t);
  upstream.send(settings([setting.initialWindow, 2 ** 24]), windowUpdate(0, 2 ** 24));
  await upstream.roundTrip();
  client.send(headers(3, request()), headers(5, request(), endStream));
  await upstream.expect('HEADERS', 5);
  upstream.socket.pause();
  const window = initialWindow(client);
  // As much as the agent takes with an endpoint that takes none: sockets and queues on the way fill up.
  for (let sent = 0; sent < 4 * window; sent += FRAME) {
    if (sent + FRAME > window + granted(client, 3)) break;
    client.send(data(3, Buffer.alloc(FRAME)));
    await client.roundTrip();
  }
  upstream.send(headers(5, responseHead), data(5, 'while not reading'), okTrailers(5));
  t.is(field((await client.expect('HEADERS', 5, (last) => last.endStream)).fields, 'grpc-status'), '0');
  upstream.socket.resume();
});

test('(111) an initial window that shrinks in the middle of a request, to below zero, holds it; growing lets it go on', async (t) => {
  const { client, upstream } = await connectedMesh(t);
  upstream.send(settings([setting.initialWindow, 1000]));
  await upstream.roundTrip();
  client.send(headers(3, request()), data(3, Buffer.alloc(5000, 1), endStream));
  await upstream.expect('DATA', 3);
  await upstream.roundTrip();
  t.is(upstream.body(3).length, 1000);
  // The window is -1000 now, and 0 after the update: neither lets a byte go.
  upstream.send(settings([setting.initialWindow, 0]), windowUpdate(3, 1000));
  await upstream.roundTrip();
  t.is(upstream.body(3).length, 1000);
  upstream.send(settings([setting.initialWindow, 1]));
  await upstream.roundTrip();
  t.is(upstream.body(3).length, 1001);
  upstream.send(settings([setting.initialWindow, 10_000]));
  await upstream.expect('DATA', 3, (last) => last.endStream);
  t.is(upstream.body(3).length, 5000);
});

test('(117) the end of a request needs no window', async (t) => {
  const { client, upstream } = await connectedMesh(t);
  upstream.send(settings([setting.initialWindow, 0]));
  await upstream.roundTrip();
  client.send(headers(3, request()), data(3, '', endStream));
  t.is((await upstream.expect('DATA', 3, (last) => last.endStream)).payload.length, 0);
});

/** A data plane between node:http2 peers with these windows. */
async function between(
  handler: Parameters<typeof startHttp2Endpoint>[0],
  windows: { readonly client?: number; readonly endpoint?: number } = {},
) {
  const endpoint = await startHttp2Endpoint(handler, { initialWindowSize: windows.endpoint ?? 65_535 });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const port = await plane.port('echo');
  const sessions: http2.ClientHttp2Session[] = [];
  return {
    connect: () => {
      const session = http2.connect(`http://127.0.0.1:${port}`, {
        settings: { initialWindowSize: windows.client ?? 65_535 },
      });
      session.on('error', () => {});
      sessions.push(session);
      return session;
    },
    stop: async () => {
      for (const session of sessions) session.destroy();
      plane.stop();
      await endpoint.stop();
    },
  };
}

const echo: Parameters<typeof startHttp2Endpoint>[0] = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
};

for (const [bytes, calls, client, endpoint] of [
  [65_536, 8, 1000, 1000],
  [65_536, 8, 65_535, 1000],
  [1_000_000, 4, 16_384, 4000],
  [4_194_304, 2, 65_535, 65_535],
] as const) {
  test(`${bytes} bytes both ways at once in ${calls} calls, windows of ${client} and ${endpoint}: nothing locks up or is lost (section 6, large messages both ways)`, async (t) => {
    const mesh = await between(echo, { client, endpoint });
    const session = mesh.connect();
    const bodies = Array.from({ length: calls }, (_, i) => Buffer.alloc(bytes, i + 1));
    const seen = await Promise.all(bodies.map((body) => call(session, {}, body)));
    for (const [i, { body, trailers }] of seen.entries()) {
      t.true(body.equals(bodies[i]!));
      t.is(trailers?.['grpc-status'], '0');
    }
    await mesh.stop();
  });
}

test('(75) an end with OK while clients still send stays OK for each of them (section 6, early ends)', async (t) => {
  const mesh = await between((stream) => {
    stream.once('data', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end('enough');
    });
  });
  const session = mesh.connect();
  const seen = await Promise.all(
    Array.from({ length: 20 }, () => {
      const stream = session.request(GRPC_HEADERS);
      const result = seeCall(stream);
      stream.end(Buffer.alloc(500_000));
      return result;
    }),
  );
  for (const { body, trailers, code } of seen) {
    t.is(body.toString(), 'enough');
    t.is(trailers?.['grpc-status'], '0');
    t.is(code, http2.constants.NGHTTP2_NO_ERROR);
  }
  await mesh.stop();
});

test('(64) no trailers are lost or mixed up under parallel load (section 6, trailers under load)', async (t) => {
  const mesh = await between((stream, fields) => {
    const id = String(fields['x-id']);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '5', 'grpc-message': id, 'x-id': id }));
    stream.end(Buffer.alloc(Number(id) * 7, id));
  });
  const sessions = [mesh.connect(), mesh.connect(), mesh.connect()];
  const ids = Array.from({ length: 600 }, (_, i) => String(i));
  const seen = await Promise.all(ids.map((id, i) => call(sessions[i % 3]!, { 'x-id': id })));
  t.deepEqual(
    seen.map(({ trailers }) => trailers?.['x-id']),
    ids,
  );
  t.deepEqual(
    seen.map(({ trailers }) => trailers?.['grpc-message']),
    ids,
  );
  t.true(seen.every(({ body }, i) => body.equals(Buffer.alloc(i * 7, ids[i]!))));
  await mesh.stop();
});
