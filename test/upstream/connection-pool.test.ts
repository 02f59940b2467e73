// Connections to endpoints (http2.md section 2, cases 88, 89, 100, 101, 103): how many, when, and when they go.
import http2 from 'node:http2';
import test from 'ava';
import { startDataPlane } from '../support/data-plane.ts';
import { call, GRPC_HEADERS, type SeenCall, seeCall, startHttp2Endpoint } from '../support/http2-call.ts';
import { endpoints, plainMesh } from '../support/resources.ts';

async function connect(port: number): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  return session;
}

test('case 100: MAX_CONCURRENT_STREAMS of the endpoint is respected by opening more connections', async (t) => {
  const perSession = new Map<unknown, number>();
  const held: http2.ServerHttp2Stream[] = [];
  let most = 0;
  let all: () => void = () => {};
  const arrived = new Promise<void>((resolve) => {
    all = resolve;
  });
  const endpoint = await startHttp2Endpoint(
    (stream) => {
      const count = (perSession.get(stream.session) ?? 0) + 1;
      perSession.set(stream.session, count);
      most = Math.max(most, count);
      stream.on('close', () => perSession.set(stream.session, (perSession.get(stream.session) ?? 1) - 1));
      held.push(stream);
      if (held.length === 20) all();
    },
    { maxConcurrentStreams: 5 },
  );
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  const warm = call(session);
  await new Promise<void>((resolve) => {
    const look = (): void => (held.length > 0 ? resolve() : void setImmediate(look));
    look();
  });
  const calls = [warm, ...Array.from({ length: 19 }, () => call(session))];
  await arrived;
  for (const stream of held) stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
  const seen = await Promise.all(calls);
  t.true(seen.every(({ headers }) => headers['grpc-status'] === '0'));
  t.true(most <= 5, `${most} streams on one connection`);
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('calls share one connection while it has room', async (t) => {
  const sessions = new Set<unknown>();
  const endpoint = await startHttp2Endpoint((stream) => {
    sessions.add(stream.session);
    stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
  });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  await call(session);
  await Promise.all(Array.from({ length: 50 }, () => call(session)));
  t.is(sessions.size, 1);
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('case 89: after a GOAWAY new calls go to a new connection, and the one in flight ends where it is', async (t) => {
  const sessions: http2.Http2Session[] = [];
  let release: () => void = () => {};
  const endpoint = await startHttp2Endpoint((stream, headers) => {
    if (stream.session !== undefined && !sessions.includes(stream.session)) sessions.push(stream.session);
    const answer = (): void => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
    if (headers['x-hold'] === undefined) return answer();
    release = answer;
    stream.session?.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id);
  });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  await call(session);
  const held = call(session, { 'x-hold': '1' });
  // The GOAWAY is on its way: calls go on, at first maybe on the old connection, soon on the new one.
  for (let i = 0; i < 200 && sessions.length < 2; i++) t.is((await call(session)).headers['grpc-status'], '0');
  t.is(sessions.length, 2);
  release();
  t.is((await held).headers['grpc-status'], '0');
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('an endpoint that left the cluster keeps its calls, gets no new ones, and its connection closes behind the last', async (t) => {
  let release: () => void = () => {};
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const leaving = await startHttp2Endpoint((stream) => {
    stream.session?.once('close', closed);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    release = () => stream.end('the end');
  });
  const staying = await startHttp2Endpoint((stream) => {
    stream.respond({ ':status': 200, 'grpc-status': '0', 'x-who': 'staying' }, { endStream: true });
  });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [leaving.port]));
  const session = await connect(await plane.port('echo'));
  const stream = session.request(GRPC_HEADERS);
  const held: Promise<SeenCall> = seeCall(stream);
  await new Promise((resolve) => stream.once('response', resolve));
  plane.apply([{ type: 'endpoints', value: endpoints('echo', [staying.port]) }]);
  for (let i = 0; i < 3; i++) t.is((await call(session)).headers['x-who'], 'staying');
  release();
  const { body, trailers } = await held;
  t.is(body.toString(), 'the end');
  t.is(trailers?.['grpc-status'], '0');
  await gone;
  session.destroy();
  plane.stop();
  await Promise.all([leaving.stop(), staying.stop()]);
});
