// What the agent answers itself (design section 7); deadlines and resets have files of their own.
import http2 from 'node:http2';
import net from 'node:net';
import test from 'ava';
import { startDataPlane } from '../support/data-plane.ts';
import { call, startHttp2Endpoint } from '../support/http2-call.ts';
import { cluster, endpoints, forward, listener, plainMesh, route, routeConfiguration } from '../support/resources.ts';

async function connect(port: number): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  return session;
}

/** A port at which nothing listens. */
async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('no route is UNIMPLEMENTED, trailers-only, and names the authority', async (t) => {
  const plane = startDataPlane([
    { type: 'route', value: routeConfiguration('routes', { known: [route(forward('none'))] }) },
    { type: 'listener', value: listener('out', 'outbound', 'routes') },
  ]);
  const session = await connect(await plane.port('out'));
  const { headers, endStream } = await call(session, { ':authority': 'stranger' });
  t.true(endStream);
  t.is(headers[':status'], 200);
  t.is(headers['grpc-status'], '12');
  t.regex(decodeURIComponent(String(headers['grpc-message'])), /stranger/);
  session.destroy();
  plane.stop();
});

test('HTTP/2 that is not gRPC gets an HTTP status and a readable body', async (t) => {
  const plane = startDataPlane(plainMesh('echo', 'outbound', []));
  const session = await connect(await plane.port('echo'));
  const { headers, body } = await call(session, { 'content-type': 'text/plain' });
  t.is(headers[':status'], 503);
  t.is(headers['grpc-status'], undefined);
  t.regex(body.toString(), /no healthy upstream/);
  session.destroy();
  plane.stop();
});

test('a route to a cluster that is not known is UNAVAILABLE and names the cluster', async (t) => {
  const plane = startDataPlane([
    { type: 'route', value: routeConfiguration('routes', { '*': [route(forward('ghost'))] }) },
    { type: 'listener', value: listener('out', 'outbound', 'routes') },
  ]);
  const session = await connect(await plane.port('out'));
  const { headers } = await call(session);
  t.is(headers['grpc-status'], '14');
  t.regex(decodeURIComponent(String(headers['grpc-message'])), /ghost/);
  session.destroy();
  plane.stop();
});

test('a cluster all of whose endpoints refuse connections is UNAVAILABLE, with the address and the reason', async (t) => {
  const port = await closedPort();
  const plane = startDataPlane(plainMesh('echo', 'outbound', [port]));
  const session = await connect(await plane.port('echo'));
  const { headers } = await call(session);
  t.is(headers['grpc-status'], '14');
  const message = decodeURIComponent(String(headers['grpc-message']));
  t.regex(message, new RegExp(`127\\.0\\.0\\.1:${port}: connection refused`));
  session.destroy();
  plane.stop();
});

test('a call goes to the next endpoint when the first one refuses connections: nothing was sent', async (t) => {
  const endpoint = await startHttp2Endpoint((stream) => {
    stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
  });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [await closedPort(), endpoint.port]));
  const session = await connect(await plane.port('echo'));
  for (let i = 0; i < 4; i++) t.is((await call(session)).headers['grpc-status'], '0');
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('case 84: a refused stream is sent once more when the whole request is at hand', async (t) => {
  let refused = 0;
  const endpoint = await startHttp2Endpoint((stream) => {
    if (refused++ === 0) {
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const received: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => received.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'x-bytes': String(Buffer.concat(received).length) }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end();
    });
  });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  const { headers, trailers } = await call(session, {}, Buffer.alloc(1000));
  t.is(headers['x-bytes'], '1000');
  t.is(trailers?.['grpc-status'], '0');
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('case 87: a stream refused twice is passed on as refused, so that the client can send it again', async (t) => {
  const endpoint = await startHttp2Endpoint((stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM));
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  t.is((await call(session)).code, http2.constants.NGHTTP2_REFUSED_STREAM);
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('case 83: a lost connection is UNAVAILABLE for a call that had no answer yet', async (t) => {
  const endpoint = await startHttp2Endpoint((stream) => stream.session?.socket.destroy());
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  const { headers } = await call(session, {}, Buffer.alloc(5));
  t.is(headers['grpc-status'], '14');
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test('case 104: a head larger than the endpoint wants to read is RESOURCE_EXHAUSTED here, and the sizes are named', async (t) => {
  let streams = 0;
  const endpoint = await startHttp2Endpoint(
    (stream) => {
      streams++;
      stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
    },
    { maxHeaderListSize: 500 },
  );
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = await connect(await plane.port('echo'));
  const { headers } = await call(session, { 'x-big': 'b'.repeat(400) });
  t.is(headers['grpc-status'], '8');
  t.regex(
    decodeURIComponent(String(headers['grpc-message'])),
    new RegExp(
      `^echo: the request's headers take 7\\d\\d bytes, and 127.0.0.1:${endpoint.port} reads no more than 500$`,
    ),
  );
  t.is(streams, 0);
  t.is((await call(session)).headers['grpc-status'], '0');
  session.destroy();
  plane.stop();
  await endpoint.stop();
});

test("a route's timeout shortens the client's deadline, and what goes upstream says so", async (t) => {
  let timeout = '';
  const endpoint = await startHttp2Endpoint((stream, headers) => {
    timeout = String(headers['grpc-timeout']);
    stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
  });
  const plane = startDataPlane([
    { type: 'cluster', value: cluster('echo') },
    { type: 'endpoints', value: endpoints('echo', [endpoint.port]) },
    {
      type: 'route',
      value: routeConfiguration('routes', { '*': [route({ ...forward('echo'), maxStreamDurationMs: 5000 })] }),
    },
    { type: 'listener', value: listener('out', 'outbound', 'routes') },
  ]);
  const session = await connect(await plane.port('out'));
  await call(session, { 'grpc-timeout': '1H' });
  t.regex(timeout, /^\d{1,8}[mun]$/);
  const unit = { m: 1, u: 1e-3, n: 1e-6 }[timeout.at(-1) as 'm' | 'u' | 'n'];
  const ms = Number.parseInt(timeout, 10) * unit;
  t.true(ms > 4000 && ms <= 5000, timeout);
  session.destroy();
  plane.stop();
  await endpoint.stop();
});
