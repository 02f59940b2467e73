// What an endpoint allows is respected, and calls that have to wait for it wait no longer than they may (http2.md
// section 2, "Limits toward upstream", and section 6, "A fresh upstream connection").
import test from 'ava';
import {
  data,
  type Fields,
  flag,
  goAway,
  type H2Peer,
  headers,
  request,
  rstStream,
  settings,
  settingsAck,
} from '../support/h2-peer.ts';
import { field, okResponse, setting, startRawMesh } from '../support/raw-mesh.ts';

const { endStream } = flag;
const CANCEL = 8;

async function status(client: H2Peer, id: number): Promise<string | undefined> {
  return field((await client.expect('HEADERS', id, (last) => last.endStream)).fields, 'grpc-status');
}

test('(8, 100) calls before the first SETTINGS of an endpoint wait for them, so that none exceeds MAX_CONCURRENT_STREAMS (section 6, fresh connections)', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  for (let id = 1; id < 41; id += 2) client.send(headers(id, request(), endStream));
  const first = await mesh.silentUpstream();
  await client.roundTrip();
  t.is(first.count('HEADERS'), 0);
  const upstreams = [first];
  first.send(settings([setting.maxStreams, 5]), settingsAck());
  while (upstreams.length < 4) upstreams.push(await mesh.upstream([setting.maxStreams, 5]));
  for (const upstream of upstreams) {
    await upstream.expect('HEADERS', 9);
    t.is(upstream.count('HEADERS'), 5);
  }
  for (const upstream of upstreams) for (let id = 1; id < 11; id += 2) upstream.send(okResponse(id));
  for (let id = 1; id < 41; id += 2) t.is(await status(client, id), '0');
});

test('(101) a limit lowered below what is in flight holds new calls back, without a deadlock', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  for (let id = 1; id < 9; id += 2) client.send(headers(id, request(), endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 7);
  upstream.send(settings([setting.maxStreams, 2]));
  await upstream.roundTrip();
  client.send(headers(9, request(), endStream));
  // Another connection is tried, which takes nothing at all.
  const other = await mesh.silentUpstream();
  other.send(settings([setting.maxStreams, 0]));
  await client.roundTrip();
  upstream.send(okResponse(1), okResponse(3));
  t.is(await status(client, 3), '0');
  await upstream.roundTrip();
  t.is(upstream.count('HEADERS'), 4);
  upstream.send(okResponse(5));
  await upstream.expect('HEADERS', 9);
  upstream.send(okResponse(7), okResponse(9));
  for (const id of [5, 7, 9]) t.is(await status(client, id), '0');
});

test('(102) a limit of 0 and a GOAWAY in one chunk send waiting calls to another connection', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  upstream.send(settings([setting.maxStreams, 0]), goAway(0, 0));
  const fresh = await mesh.upstream();
  fresh.send(okResponse((await fresh.expect('HEADERS', 1)).streamId));
  t.is(await status(client, 1), '0');
});

test('(103) a call that waits for a slot ends by its deadline, or by its cancel, and never reaches the endpoint', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, [...request(), ['grpc-timeout', '40m']], endStream), headers(3, request(), endStream));
  const upstream = await mesh.silentUpstream();
  upstream.send(settings([setting.maxStreams, 0]), settingsAck());
  client.send(rstStream(3, CANCEL));
  const answer = await client.expect('HEADERS', 1);
  t.is(field(answer.fields, 'grpc-status'), '4');
  t.regex(
    decodeURIComponent(field(answer.fields, 'grpc-message') ?? ''),
    /deadline exceeded after \d+\.\d{3} s, connecting to 127/,
  );
  client.send(headers(5, [...request(), ['x-third', 'yes']], endStream));
  await client.roundTrip();
  upstream.send(settings([setting.maxStreams, 10]));
  const { fields, streamId } = await upstream.expect('HEADERS');
  t.is(field(fields, 'x-third'), 'yes');
  upstream.send(okResponse(streamId));
  t.is(await status(client, 5), '0');
  t.is(upstream.count('HEADERS'), 1);
});

test('(104) a head larger than a frame is cut into CONTINUATIONs, and DATA to what the endpoint takes', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  const large: Fields = [...request(), ['x-large', 'v'.repeat(30_000)]];
  const block = headers(1, large).subarray(9);
  const first = Buffer.from(headers(1, []).subarray(0, 9));
  first.writeUIntBE(16_000, 0, 3);
  first[4] = 0;
  const last = Buffer.from(first);
  last.writeUIntBE(block.length - 16_000, 0, 3);
  last[3] = 9;
  last[4] = flag.endHeaders;
  client.send(
    first,
    block.subarray(0, 16_000),
    last,
    block.subarray(16_000),
    data(1, Buffer.alloc(16_384, 1), endStream),
  );
  const upstream = await mesh.upstream();
  await upstream.expect('DATA', 1, (frame) => frame.endStream);
  t.true(upstream.received.every(({ payload }) => payload.length <= 16_384));
  t.is(upstream.count('CONTINUATION', 1), 1);
  t.is(upstream.body(1).length, 16_384);
});

test('an endpoint that is full and takes no more connections is not stormed: calls wait for a slot', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream([setting.maxStreams, 1]);
  await upstream.expect('HEADERS', 1);
  let refused = 0;
  const refuse = async (): Promise<void> => {
    (await mesh.silentUpstream()).socket.destroy();
    refused++;
    return refuse();
  };
  void refuse();
  client.send(headers(3, request(), endStream));
  for (let i = 0; i < 40; i++) await client.roundTrip();
  t.true(refused >= 1 && refused <= 3, `${refused} connections`);
  upstream.send(okResponse(1));
  await upstream.expect('HEADERS', 3);
  upstream.send(okResponse(3));
  t.is(await status(client, 1), '0');
  t.is(await status(client, 3), '0');
});
