// Deadlines (http2.md section 2, "Deadlines", and section 6, "The deadline race"): they begin with the request's HEADERS,
// what goes on is what remains, and however the three timers of a call race, it ends as DEADLINE_EXCEEDED or CANCEL.
import test from 'ava';
import { parseGrpcTimeout } from '../../agent/grpc/deadline.ts';
import {
  data,
  type Fields,
  flag,
  type H2Peer,
  headers,
  request,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { connectedMesh, field, okResponse, responseHead, setting, startRawMesh } from '../support/raw-mesh.ts';

const { endStream } = flag;
const CANCEL = 8;

function withTimeout(timeout: string): Fields {
  return [...request(), ['grpc-timeout', timeout]];
}

/** What a HEADERS frame says of the deadline, ms; NaN when it says none. */
function timeoutOf(fields: Fields): number {
  return parseGrpcTimeout(Buffer.from(field(fields, 'grpc-timeout') ?? '')) ?? Number.NaN;
}

/** Goes back and forth between client and agent until so much time has passed. */
async function pass(client: H2Peer, ms: number): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; )
    await new Promise((resolve) => setImmediate(resolve));
  await client.roundTrip();
}

test('(59, 61) a deadline begins with the HEADERS: a request that never ends is over in time, at both sides', async (t) => {
  const { client, upstream } = await connectedMesh(t);
  const begun = performance.now();
  client.send(headers(3, withTimeout('80m')), data(3, 'the beginning'));
  const answer = await client.expect('HEADERS', 3);
  const took = performance.now() - begun;
  t.true(took >= 79, `${took} ms`);
  t.is(field(answer.fields, 'grpc-status'), '4');
  t.true(answer.endStream);
  const message = decodeURIComponent(field(answer.fields, 'grpc-message') ?? '');
  t.regex(message, /^echo: deadline exceeded after \d+\.\d{3} s, waiting for 127\.0\.0\.1:\d+ to answer$/);
  t.is((await upstream.expect('RST_STREAM', 3)).code, CANCEL);
  t.is(upstream.body(3).toString(), 'the beginning');
});

test('(60) what goes to the endpoint is what remains when the call had to wait for its connection', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, withTimeout('5S'), endStream));
  const upstream = await mesh.silentUpstream();
  await pass(client, 30);
  upstream.send(settings(), settingsAck());
  const left = timeoutOf((await upstream.expect('HEADERS', 1)).fields);
  t.true(left > 0 && left <= 4970, `${left} ms`);
});

test('(60) a call that is sent again has less time left than it had', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  client.send(headers(1, withTimeout('5S'), endStream));
  const upstream = await mesh.upstream();
  t.true(timeoutOf((await upstream.expect('HEADERS', 1)).fields) <= 5000);
  await pass(client, 20);
  upstream.send(rstStream(1, 7));
  const left = timeoutOf((await upstream.expect('HEADERS', 3)).fields);
  t.true(left > 0 && left <= 4980, `${left} ms`);
});

test('(58) a timeout that is malformed limits nothing here, and passes as it is', async (t) => {
  const mesh = await startRawMesh(t);
  const client = await mesh.client();
  const upstream = mesh.upstream();
  let id = -1;
  for (const timeout of ['1', 'S', '-1S', '123456789m', '1s', '1.5S', '']) {
    id += 2;
    client.send(headers(id, withTimeout(timeout), endStream));
    const { fields } = await (await upstream).expect('HEADERS', id);
    t.is(field(fields, 'grpc-timeout'), timeout);
    (await upstream).send(okResponse(id));
    t.is(field((await client.expect('HEADERS', id)).fields, 'grpc-status'), '0');
  }
});

test('(62) a call without any time left never reaches an endpoint', async (t) => {
  // A connection is there, so that nothing but the deadline keeps the call back.
  const { client, upstream } = await connectedMesh(t);
  client.send(headers(3, withTimeout('0n'), endStream));
  t.is(field((await client.expect('HEADERS', 3)).fields, 'grpc-status'), '4');
  client.send(headers(5, [...request(), ['x-second', '1']], endStream));
  t.is(field((await upstream.expect('HEADERS')).fields, 'x-second'), '1');
});

test('(61) a deadline that ends a response which is blocked at its client is told behind what was there', async (t) => {
  const { client, upstream } = await connectedMesh(t, [setting.initialWindow, 2]);
  // Long enough for the response to begin, however busy the machine is.
  client.send(headers(3, withTimeout('500m'), endStream));
  await upstream.expect('HEADERS', 3);
  upstream.send(headers(3, responseHead), data(3, 'blocked'));
  t.is((await upstream.expect('RST_STREAM', 3)).code, CANCEL);
  client.send(windowUpdate(3, 100));
  const ending = await client.expect('HEADERS', 3, (last) => last.endStream);
  t.is(field(ending.fields, 'grpc-status'), '4');
  t.is(client.body(3).toString(), 'blocked');
});

test('(section 6, deadline race) whoever of client, agent and endpoint is first, a call ends with status 4 or CANCEL', async (t) => {
  const calls = 150;
  const timeoutMs = 60;
  const { client, upstream } = await connectedMesh(t);
  const ids = Array.from({ length: calls }, (_, i) => 2 * i + 3);
  client.send(...ids.map((id) => headers(id, withTimeout(`${timeoutMs}m`), endStream)));
  await upstream.expect('HEADERS', ids.at(-1)!);
  for (const id of ids) upstream.send(headers(id, responseHead), data(id, 'begun'));
  // Each call's endpoint gives up around the deadline, in one of three ways, or not at all.
  const ends = [
    (id: number) => upstream.send(rstStream(id, CANCEL)),
    (id: number) => upstream.send(headers(id, [['grpc-status', '4']], endStream)),
    (id: number) => client.send(rstStream(id, CANCEL)),
    () => {},
  ];
  const begun = performance.now();
  for (const [i, id] of ids.entries()) {
    const at = begun + timeoutMs - 20 + (30 * i) / calls;
    while (performance.now() < at) await new Promise((resolve) => setImmediate(resolve));
    ends[i % ends.length]!(id);
  }
  const outcomes = new Map<string, number>();
  for (const [i, id] of ids.entries()) {
    // A client that has cancelled looks no further.
    if (i % ends.length === 2) continue;
    const trailers = client
      .expect('HEADERS', id, (last) => last.endStream)
      .then(({ fields }) => `status ${field(fields, 'grpc-status')}`);
    const reset = client.expect('RST_STREAM', id).then(({ code }) => `reset ${code}`);
    const first = await Promise.race([trailers, reset]);
    trailers.catch(() => {});
    reset.catch(() => {});
    outcomes.set(first, (outcomes.get(first) ?? 0) + 1);
  }
  t.deepEqual(
    [...outcomes.keys()].filter((outcome) => outcome !== 'status 4' && outcome !== `reset ${CANCEL}`),
    [],
  );
  t.true(client.received.every(({ type, code }) => type !== 'RST_STREAM' || code === CANCEL || code === 0));
  t.true(upstream.received.every(({ type, code }) => type !== 'RST_STREAM' || code === CANCEL));
});
