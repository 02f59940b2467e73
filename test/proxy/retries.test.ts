// Calls that an endpoint did not process (http2.md section 2, "Retry safety / GOAWAY", and section 6): they are sent
// again where the whole request is at hand, and else the endpoint's word is passed on, never more than it said.
import test, { type ExecutionContext } from 'ava';
import type { RetryPolicy } from '../../xds/model/retry-policy.ts';
import { forwardTo } from '../../xds/model/route.ts';
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
  windowUpdate,
} from '../support/h2-peer.ts';
import {
  connectedMesh,
  field,
  okResponse,
  okTrailers,
  type RawMesh,
  responseHead,
  setting,
  startRawMesh,
} from '../support/raw-mesh.ts';
import { cluster, endpoints, listener, route, routeConfiguration } from '../support/resources.ts';
import { recordsOf } from '../telemetry/call-record.ts';

const { endStream } = flag;
const REFUSED_STREAM = 7;

/** The status with which a call ends for its client, or the code of its reset. */
async function outcome(client: H2Peer, id: number): Promise<string> {
  const ended = client
    .expect('HEADERS', id, (last) => last.endStream)
    .then(({ fields }) => `status ${field(fields, 'grpc-status')}`);
  const reset = client.expect('RST_STREAM', id).then(({ code }) => `reset ${code}`);
  const first = await Promise.race([ended, reset]);
  ended.catch(() => {});
  reset.catch(() => {});
  return first;
}

/** DATA of so many bytes in frames of 16,384. */
function body(id: number, bytes: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let left = bytes; left > 0; left -= 16_384)
    frames.push(data(id, Buffer.alloc(Math.min(left, 16_384)), left <= 16_384 ? endStream : 0));
  return frames;
}

test('(84, 93) a refused call goes out once more as it came, without counting as an attempt', async (t) => {
  for (const attempts of [[], [['grpc-previous-rpc-attempts', '2']]] as Fields[]) {
    const mesh = await startRawMesh(t);
    const client = await mesh.client();
    client.send(headers(1, [...request(), ...attempts]), data(1, 'whole', endStream));
    const upstream = await mesh.upstream();
    await upstream.expect('DATA', 1, (last) => last.endStream);
    upstream.send(rstStream(1, REFUSED_STREAM));
    const again = await upstream.expect('HEADERS', 3);
    t.is(field(again.fields, 'grpc-previous-rpc-attempts'), attempts[0]?.[1]);
    await upstream.expect('DATA', 3, (last) => last.endStream);
    t.is(upstream.body(3).toString(), 'whole');
    upstream.send(okResponse(3));
    t.is(await outcome(client, 1), 'status 0');
  }
});

test('what is recorded of a call that went out twice are both attempts, the first one first', async (t) => {
  const everyCall = { enabled: true, parentBased: true, ratio: 1 };
  const mesh = await startRawMesh(t, undefined, undefined, everyCall);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  upstream.send(rstStream(1, REFUSED_STREAM));
  await upstream.expect('HEADERS', 3);
  upstream.send(okResponse(3));
  t.is(await outcome(client, 1), 'status 0');
  const { batch } = await mesh.plane.up('calls');
  const [first, second, ...more] = recordsOf(batch)[0]?.attempts ?? [];
  t.is(first?.firstByteMs, null);
  t.true((second?.firstByteMs ?? 0) >= (second?.startMs ?? Number.NaN));
  t.true((first?.startMs ?? Number.NaN) <= (second?.startMs ?? Number.NaN));
  t.deepEqual(more, []);
});

test('(94) a pushback of the endpoint, and the count of a retrying client, pass as they are', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, [...request(), ['grpc-previous-rpc-attempts', '3']], endStream));
  const upstream = await mesh.upstream();
  t.is(field((await upstream.expect('HEADERS', 1)).fields, 'grpc-previous-rpc-attempts'), '3');
  upstream.send(headers(1, [...responseHead, ['grpc-status', '14'], ['grpc-retry-pushback-ms', '250']], endStream));
  t.is(field((await client.expect('HEADERS', 1)).fields, 'grpc-retry-pushback-ms'), '250');
});

test('(84) a large request that waited for its connection is whole, and is sent again when it is refused', async (t) => {
  const bytes = 262_144;
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request()), ...body(1, bytes));
  await client.roundTrip();
  const upstream = await mesh.upstream([setting.initialWindow, 2 ** 20], [setting.maxStreams, 1]);
  upstream.send(windowUpdate(0, 2 ** 20));
  await upstream.expect('DATA', 1, (last) => last.endStream);
  upstream.send(rstStream(1, REFUSED_STREAM));
  await upstream.expect('DATA', 3, (last) => last.endStream);
  t.is(upstream.body(3).length, bytes);
  upstream.send(okResponse(3));
  t.is(await outcome(client, 1), 'status 0');
});

test('(87) a request of 271,828 bytes that is refused under way is passed on as refused, so that its client can send it again', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request()));
  const upstream = await mesh.upstream([setting.initialWindow, 2 ** 20]);
  upstream.send(windowUpdate(0, 2 ** 20));
  await upstream.expect('HEADERS', 1);
  const frames = body(1, 271_828);
  client.send(...frames.slice(0, 10));
  await upstream.expect('DATA', 1, () => upstream.body(1).length > 100_000);
  upstream.send(rstStream(1, REFUSED_STREAM));
  t.is(await outcome(client, 1), `reset ${REFUSED_STREAM}`);
  client.send(headers(3, request()), ...frames.slice(10).map((frame) => Buffer.from(frame)));
  upstream.send(okResponse((await upstream.expect('HEADERS', 3)).streamId));
  t.is(await outcome(client, 3), 'status 0');
});

test('(85, 86) a request too large to keep that lies above the last id of a GOAWAY is passed on as refused (section 6, refused streams)', async (t) => {
  const { client, upstream: old, mesh } = await connectedMesh(t);
  old.send(settings([setting.initialWindow, 2 ** 20]), windowUpdate(0, 2 ** 20));
  await old.roundTrip();
  const frames = body(3, 271_828);
  client.send(headers(3, request()), ...frames.slice(0, 10));
  await old.expect('DATA', 3, () => old.body(3).length > 100_000);
  old.send(goAway(1, 0));
  t.is(await outcome(client, 3), `reset ${REFUSED_STREAM}`);
  // What was still under way is nothing to the next call, which goes elsewhere.
  client.send(...frames.slice(10), headers(5, request(), endStream));
  const fresh = await mesh.upstream();
  fresh.send(okResponse((await fresh.expect('HEADERS')).streamId));
  t.is(await outcome(client, 5), 'status 0');
});

test('(85, 91) streams above the last id of a GOAWAY are sent again elsewhere, the others end where they are', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const old = await mesh.upstream();
  await old.expect('HEADERS', 1);
  client.send(headers(3, request(), endStream), headers(5, request(), endStream));
  await old.expect('HEADERS', 5);
  old.send(goAway(3, 0));
  const fresh = await mesh.upstream();
  await fresh.expect('HEADERS', 1);
  fresh.send(okResponse(1));
  t.is(await outcome(client, 5), 'status 0');
  old.send(okResponse(1), okResponse(3));
  t.is(await outcome(client, 1), 'status 0');
  t.is(await outcome(client, 3), 'status 0');
  t.is(fresh.count('HEADERS'), 1);
});

test('(91) an abrupt GOAWAY with the end of the connection behind it: only what is above its last id is sent again', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const old = await mesh.upstream();
  await old.expect('HEADERS', 1);
  client.send(headers(3, request(), endStream));
  await old.expect('HEADERS', 3);
  old.socket.end(goAway(1, 0));
  const fresh = await mesh.upstream();
  await fresh.expect('HEADERS', 1);
  fresh.send(okResponse(1));
  t.is(await outcome(client, 3), 'status 0');
  t.is(await outcome(client, 1), 'status 14');
  t.is(fresh.count('HEADERS'), 1);
});

test('(89) not one more stream goes out on a connection that said GOAWAY', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const old = await mesh.upstream();
  await old.expect('HEADERS', 1);
  old.send(goAway(1, 0));
  await old.roundTrip();
  client.send(headers(3, request(), endStream));
  const fresh = await mesh.upstream();
  fresh.send(okResponse((await fresh.expect('HEADERS', 1)).streamId));
  t.is(await outcome(client, 3), 'status 0');
  t.is(old.count('HEADERS'), 1);
  old.send(okResponse(1));
  t.is(await outcome(client, 1), 'status 0');
});

test('(90) an endpoint may say GOAWAY again with a lower id: what lies between is sent again, and a higher id is an error', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const old = await mesh.upstream();
  await old.expect('HEADERS', 1);
  client.send(headers(3, request(), endStream));
  await old.expect('HEADERS', 3);
  old.send(goAway(2 ** 31 - 1, 0));
  await old.roundTrip();
  old.send(goAway(1, 0));
  const fresh = await mesh.upstream();
  fresh.send(okResponse((await fresh.expect('HEADERS', 1)).streamId));
  t.is(await outcome(client, 3), 'status 0');
  old.send(goAway(3, 0));
  t.is((await old.expect('GOAWAY', 0, ({ code }) => code !== 0)).code, 1);
  t.is(await outcome(client, 1), 'status 14');
});

test('(86, 87) a request that can not be sent again and may have been processed is UNAVAILABLE, never refused', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request()), data(1, 'streamed'));
  const upstream = await mesh.upstream();
  await upstream.expect('DATA', 1);
  upstream.socket.destroy();
  t.is(await outcome(client, 1), 'status 14');
  t.false(client.received.some(({ type, code }) => type === 'RST_STREAM' && code === REFUSED_STREAM));
});

test('(88) calls that were never sent are not lost by GOAWAYs of connections that took none', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream), headers(3, request(), endStream));
  for (let i = 0; i < 3; i++) {
    const upstream = await mesh.silentUpstream();
    upstream.send(settings([setting.maxStreams, 0]), goAway(0, 0));
  }
  const last = await mesh.upstream();
  await last.expect('HEADERS', 3);
  last.send(okResponse(1), headers(3, responseHead), okTrailers(3));
  t.is(await outcome(client, 1), 'status 0');
  t.is(await outcome(client, 3), 'status 0');
});

test('(88) a call that waits for a slot goes to a new connection when the one it waits for says GOAWAY', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const old = await mesh.upstream([setting.maxStreams, 1]);
  await old.expect('HEADERS', 1);
  client.send(headers(3, request(), endStream));
  const full = await mesh.silentUpstream();
  full.send(settings([setting.maxStreams, 0]));
  await client.roundTrip();
  full.send(goAway(0, 0));
  const fresh = await mesh.upstream();
  await fresh.expect('HEADERS', 1);
  fresh.send(okResponse(1));
  t.is(await outcome(client, 3), 'status 0');
  old.send(okResponse(1));
  t.is(await outcome(client, 1), 'status 0');
});

/** One try more than the first, a millisecond later; without an answer only for calls that were refused. */
const onceMore: RetryPolicy = {
  maxAttempts: 2,
  initialBackoffMs: 1,
  maxBackoffMs: 1,
  backoffMultiplier: 2,
  statuses: [14],
  httpStatuses: [],
  unanswered: ['refused'],
};

function startRetryingMesh(t: ExecutionContext, retry = onceMore): Promise<RawMesh> {
  return startRawMesh(t, (port) => [
    { type: 'cluster', value: cluster('echo') },
    { type: 'endpoints', value: endpoints('echo', [port]) },
    {
      type: 'route',
      value: routeConfiguration('routes', { '*': [route(forwardTo([{ name: 'echo', weight: 1 }], { retry }))] }),
    },
    { type: 'listener', value: listener('echo', 'outbound', 'routes') },
  ]);
}

test('a route whose policy says so has a failure tried again, and passes the one after', async (t) => {
  const mesh = await startRetryingMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request()), data(1, 'whole', endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('DATA', 1, (last) => last.endStream);
  upstream.send(headers(1, [...responseHead, ['grpc-status', '14']], endStream));
  t.is(field((await upstream.expect('HEADERS', 3)).fields, 'grpc-previous-rpc-attempts'), '1');
  await upstream.expect('DATA', 3, (last) => last.endStream);
  t.is(upstream.body(3).toString(), 'whole');
  upstream.send(headers(3, [...responseHead, ['grpc-status', '14'], ['x-second', '1']], endStream));
  t.is(field((await client.expect('HEADERS', 1)).fields, 'x-second'), '1');
  // Without an answer it is by causes: a reset in the middle is none of them.
  client.send(headers(3, request(), endStream));
  await upstream.expect('HEADERS', 5);
  upstream.send(rstStream(5, 2));
  t.is(await outcome(client, 3), 'status 13');
});

test('(93) a transparent retry is not one of the attempts that a policy allows, and takes nothing of them', async (t) => {
  const mesh = await startRetryingMesh(t);
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  upstream.send(rstStream(1, REFUSED_STREAM));
  t.is(field((await upstream.expect('HEADERS', 3)).fields, 'grpc-previous-rpc-attempts'), undefined);
  upstream.send(headers(3, [...responseHead, ['grpc-status', '14']], endStream));
  t.is(field((await upstream.expect('HEADERS', 5)).fields, 'grpc-previous-rpc-attempts'), '1');
  upstream.send(headers(5, [...responseHead, ['grpc-status', '14']], endStream));
  t.is(await outcome(client, 1), 'status 14');
  t.is(upstream.count('HEADERS'), 3);
});

test('(94) where a policy retries, a pushback says when, or that there shall be no other attempt', async (t) => {
  // Nobody would wait for this long.
  const mesh = await startRetryingMesh(t, { ...onceMore, initialBackoffMs: 600_000, maxBackoffMs: 600_000 });
  const client = await mesh.client();
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  const failed = (pushback: string): Fields => [
    ...responseHead,
    ['grpc-status', '14'],
    ['grpc-retry-pushback-ms', pushback],
  ];
  const begun = performance.now();
  upstream.send(headers(1, failed('20'), endStream));
  await upstream.expect('HEADERS', 3);
  t.true(performance.now() - begun >= 19, 'as late as was asked');
  upstream.send(okResponse(3));
  t.is(await outcome(client, 1), 'status 0');
  client.send(headers(3, request(), endStream));
  await upstream.expect('HEADERS', 5);
  upstream.send(headers(5, failed('-1'), endStream));
  const passed = await client.expect('HEADERS', 3);
  t.is(field(passed.fields, 'grpc-retry-pushback-ms'), '-1');
  t.is(upstream.count('HEADERS'), 3);
});
