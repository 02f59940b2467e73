// How the end of a stream on one side ends it on the other (http2.md section 2, "RST_STREAM mapping", and section 6,
// "Reset codes pass through"): a raw client, a data plane, a raw endpoint.
import test, { type ExecutionContext } from 'ava';
import { status as grpc } from '../../agent/grpc/status.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { data, flag, headers, request, rstStream, settings, windowUpdate } from '../support/h2-peer.ts';
import { field, okResponse, okTrailers, responseHead, setting, startRawMesh } from '../support/raw-mesh.ts';

const { endStream } = flag;
const CANCEL = 8;

async function begun(t: ExecutionContext, flags = endStream) {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), flags));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  return { mesh, client, upstream };
}

/** gRPC's status for each code of HTTP/2, where the agent has to make one (PROTOCOL-HTTP2.md, "Errors"). */
const statusOfCode: readonly (readonly [code: number, status: string])[] = [
  [0, '13'],
  [1, '13'],
  [2, '13'],
  [3, '13'],
  [4, '13'],
  [5, '13'],
  [6, '13'],
  [8, '1'],
  [9, '13'],
  [10, '13'],
  [11, '8'],
  [12, '7'],
  [13, '13'],
  [99, '13'],
];

test('(78) a reset before the response becomes the status that gRPC gives its code', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(okResponse(1));
  for (const [index, [code, status]] of statusOfCode.entries()) {
    const id = 2 * index + 3;
    client.send(headers(id, request(), endStream));
    await upstream.expect('HEADERS', id);
    upstream.send(rstStream(id, code));
    const answer = await client.expect('HEADERS', id);
    t.true(answer.endStream);
    t.is(field(answer.fields, 'grpc-status'), status, `code ${code}`);
    t.is(field(answer.fields, ':status'), '200');
  }
});

test('(79) a reset behind the head of a response passes with its code, but for those that would promise or hide something', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(okResponse(1));
  let id = 1;
  for (const code of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]) {
    id += 2;
    client.send(headers(id, request(), endStream));
    await upstream.expect('HEADERS', id);
    upstream.send(headers(id, responseHead), data(id, 'x'), rstStream(id, code));
    // REFUSED_STREAM would say that nothing was done (RFC 9113 section 8.7).
    t.is((await client.expect('RST_STREAM', id)).code, code === 7 ? 2 : code);
    t.is(client.body(id).toString(), 'x');
  }
});

test('(77) NO_ERROR in the middle of a response ends it as INTERNAL, never in peace', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(headers(1, responseHead), data(1, 'x'), rstStream(1, 0));
  await client.expect('HEADERS', 1);
  t.is(field((await client.expect('HEADERS', 1)).fields, 'grpc-status'), '13');
});

test('(80) a cancel reaches the endpoint at once, though its window is used up, and what was queued for it is dropped (section 6, cancels at once)', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request()));
  const upstream = await mesh.upstream([setting.initialWindow, 10]);
  await upstream.expect('HEADERS', 1);
  for (let i = 0; i < 16; i++) client.send(data(1, Buffer.alloc(16_000, 7)));
  await upstream.expect('DATA', 1);
  await client.roundTrip();
  client.send(rstStream(1, CANCEL));
  t.is((await upstream.expect('RST_STREAM', 1)).code, CANCEL);
  upstream.send(windowUpdate(1, 100_000));
  await upstream.roundTrip();
  t.is(upstream.body(1).length, 10);
  // 256 KB were dropped: without their credit, four more of this size would not fit the connection's window.
  for (let id = 3; id < 15; id += 2) {
    client.send(headers(id, request()));
    await upstream.expect('HEADERS', id);
    for (let i = 0; i < 16; i++) client.send(data(id, Buffer.alloc(16_000)));
    client.send(rstStream(id, CANCEL));
    await upstream.expect('RST_STREAM', id);
  }
  await client.roundTrip();
  t.is(client.count('GOAWAY'), 0);
});

test('(81) a call that is cancelled before there is a connection for it never reaches an endpoint', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.silentUpstream();
  client.send(rstStream(1, CANCEL));
  await client.roundTrip();
  client.send(headers(3, [...request(), ['x-second', 'yes']], endStream));
  await client.roundTrip();
  upstream.send(settings());
  const first = await upstream.expect('HEADERS');
  t.is(field(first.fields, 'x-second'), 'yes');
  upstream.send(okResponse(first.streamId));
  await client.expect('HEADERS', 3);
  t.is(upstream.count('HEADERS'), 1);
  t.is(upstream.count('RST_STREAM'), 0);
});

test('(82) a lost client cancels its calls, and the connection to the endpoint serves others', async (t) => {
  const { mesh, client, upstream } = await begun(t);
  client.send(headers(3, request()));
  await upstream.expect('HEADERS', 3);
  client.socket.destroy();
  t.is((await upstream.expect('RST_STREAM', 1)).code, CANCEL);
  t.is((await upstream.expect('RST_STREAM', 3)).code, CANCEL);
  const other = await mesh.client();
  other.send(headers(1, request(), endStream));
  upstream.send(okResponse((await upstream.expect('HEADERS', 5)).streamId));
  t.is(field((await other.expect('HEADERS', 1)).fields, 'grpc-status'), '0');
});

test('(83) a lost connection is UNAVAILABLE in whatever can still be said, and other connections live on', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream), headers(3, request(), endStream), headers(5, request(), endStream));
  const one = await mesh.upstream([setting.maxStreams, 2]);
  const two = await mesh.upstream([setting.maxStreams, 2]);
  await one.expect('HEADERS', 1);
  await one.expect('HEADERS', 3);
  await two.expect('HEADERS', 1);
  one.send(headers(1, responseHead), data(1, 'half'));
  await client.expect('DATA', 1);
  one.socket.destroy();
  t.is(field((await client.expect('HEADERS', 1, ({ endStream: end }) => end)).fields, 'grpc-status'), '14');
  const unanswered = await client.expect('HEADERS', 3);
  t.is(field(unanswered.fields, 'grpc-status'), '14');
  t.regex(
    field(unanswered.fields, 'grpc-message') ?? '',
    /the connection to 127\.0\.0\.1:\d+ ended before it answered/,
  );
  two.send(okResponse(1));
  t.is(field((await client.expect('HEADERS', 5)).fields, 'grpc-status'), '0');
});

test("(63) a client that cancels at its deadline is counted as CANCELLED, not as an endpoint's failure", async (t) => {
  const reader = new StatsReader();
  const mesh = await startRawMesh(t, undefined, (stats) => reader.addWorker(0, stats));
  const client = await mesh.client();
  client.send(headers(1, [...request(), ['grpc-timeout', '1H']], endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  client.send(rstStream(1, CANCEL));
  await upstream.expect('RST_STREAM', 1);
  for (const up of mesh.plane.ups) if (up.kind === 'stats-row') reader.addRow(0, up.row);
  const statuses = reader.rows().flatMap(({ kind, labels }) => (kind === 'call' ? [labels['status']] : []));
  t.deepEqual(statuses, [String(grpc.CANCELLED)]);
});

test('(section 6, reset codes) a server that ends an overdue call with CANCEL is not made to have failed', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(headers(1, responseHead), rstStream(1, CANCEL));
  t.is((await client.expect('RST_STREAM', 1)).code, CANCEL);
  client.send(headers(3, request(), endStream));
  await upstream.expect('HEADERS', 3);
  upstream.send(headers(3, responseHead), okTrailers(3));
  t.true((await client.expect('HEADERS', 3, ({ endStream: end }) => end)).endStream);
});
