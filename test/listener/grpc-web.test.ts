// Browsers call the services that everyone calls (PROTOCOL-WEB.md, Fetch section 3.2), beside gRPC clients on one port.

import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { drainWithin } from '../../agent/drain.ts';
import type { GrpcWeb, Listener } from '../../xds/model/listener.ts';
import { closed } from '../support/closed.ts';
import { startDataPlane, type TestDataPlane } from '../support/data-plane.ts';
import { EchoClient, type EchoServer, startEchoServer } from '../support/echo-service.ts';
import { callGrpcWeb } from '../support/grpc-web-client.ts';
import { call } from '../support/http2-call.ts';
import { loopbackTls } from '../support/loopback-tls.ts';
import { listener, plainMesh } from '../support/resources.ts';

const web: GrpcWeb = {
  origins: ['https://app.example', 'https://*.b.example'],
  allowsCredentials: true,
  maxAgeSeconds: 60,
};

interface Served {
  readonly plane: TestDataPlane;
  readonly server: EchoServer;
  readonly port: number;
  readonly url: string;
}

async function serve(t: ExecutionContext, isTls = false): Promise<Served> {
  const server = await startEchoServer();
  const plane = startDataPlane(plainMesh('echo', 'inbound', [server.port]));
  const [chain] = listener('web', 'inbound', 'echo-routes').filterChains;
  const value: Listener = {
    ...listener('web', 'inbound', 'echo-routes'),
    filterChains: [{ ...chain!, tls: isTls ? loopbackTls : null, http: { ...chain!.http, grpcWeb: web } }],
  };
  plane.apply([{ type: 'listener', value }]);
  const port = await plane.port('web');
  t.teardown(async () => {
    plane.stop();
    await server.stop();
  });
  return { plane, server, port, url: `http://127.0.0.1:${port}/test.Echo` };
}

for (const form of ['binary', 'text'] as const) {
  test(`a call over HTTP/1.1 (${form}) has its messages, and its trailers in the body`, async (t) => {
    const { url, server } = await serve(t);
    const unary = await callGrpcWeb(`${url}/Unary`, 'hello', { 'x-one': '1' }, form);
    t.is(unary.httpStatus, 200);
    t.is(unary.contentType, `application/grpc-web${form === 'text' ? '-text' : ''}+proto`);
    t.deepEqual(unary.messages, ['hello']);
    t.like(unary.trailers, { 'grpc-status': '0', 'x-trailer': 'echo' });
    t.is(unary.headers['x-endpoint'], 'echo');
    t.deepEqual(server.lastMetadata?.get('x-one'), ['1']);
    t.deepEqual(server.lastMetadata?.get('x-grpc-web'), [], 'what is of gRPC-Web stays here');
    const stream = await callGrpcWeb(`${url}/ServerStream`, 'many', { 'x-count': '50' }, form);
    t.deepEqual(
      stream.messages,
      Array.from({ length: 50 }, () => 'many'),
    );
    t.is(stream.trailers['grpc-status'], '0');
  });

  test(`a failure (${form}) is told by its status, whoever says it`, async (t) => {
    const { url } = await serve(t);
    const told = await callGrpcWeb(`${url}/Unary`, 'x', { 'x-fail': '9' }, form);
    t.is(told.httpStatus, 200);
    t.is(told.trailers['grpc-status'], '9');
    t.is(decodeURIComponent(told.trailers['grpc-message'] ?? ''), 'asked to fail: 100 % ünïcode');
    const unknown = await callGrpcWeb(`${url}.Gone/Call`, 'x', {}, form);
    t.is(unknown.trailers['grpc-status'], '12');
  });
}

test('a large body passes whole, in both forms', async (t) => {
  const { url } = await serve(t);
  const message = 'ä1'.repeat(20_000);
  for (const form of ['binary', 'text'] as const) {
    t.deepEqual((await callGrpcWeb(`${url}/Unary`, message, {}, form)).messages, [message]);
  }
});

test('a body that is no base64 is refused, and the endpoint hears no end of it', async (t) => {
  const { url, server } = await serve(t);
  const headers = { 'content-type': 'application/grpc-web-text' };
  for (const body of ['!!!!', 'AAAA=', 'AAA']) {
    t.is((await fetch(`${url}/Unary`, { method: 'POST', headers, body })).status, 400, body);
  }
  t.deepEqual(server.calls.length, 0);
});

test('a page of an origin that may call is told so; another is not, and reaches no endpoint', async (t) => {
  const { port, server } = await serve(t);
  const ask = (method: string, fields: http.OutgoingHttpHeaders): Promise<http.IncomingMessage> =>
    new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', method, path: '/test.Echo/Unary', headers: fields };
      const request = http.request(options, (response) => resolve(response.resume()));
      request.on('error', reject);
      request.end(method === 'POST' ? Buffer.alloc(5) : undefined);
    });
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-user',
  };
  for (const origin of ['https://app.example', 'https://a.b.example', 'HTTPS://APP.EXAMPLE']) {
    const { statusCode, headers } = await ask('OPTIONS', { origin, ...preflight });
    t.is(statusCode, 204);
    t.like(headers, {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type,x-user',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '60',
      vary: 'origin',
    });
  }
  for (const origin of [
    'https://evil.example',
    'http://app.example',
    'https://b.example',
    'https://app.example.evil',
    'null',
  ]) {
    const { statusCode, headers } = await ask('OPTIONS', { origin, ...preflight });
    t.is(statusCode, 403, origin);
    t.is(headers['access-control-allow-origin'], undefined);
    t.is((await ask('POST', { origin, 'content-type': 'application/grpc-web' })).statusCode, 403, origin);
  }
  t.is(server.calls.length, 0);
  const answered = await ask('POST', { origin: 'https://app.example', 'content-type': 'application/grpc-web' });
  t.is(answered.headers['access-control-allow-origin'], 'https://app.example');
  t.regex(String(answered.headers['access-control-expose-headers']), /x-endpoint.*grpc-status, grpc-message/);
  const own = await ask('POST', { origin: `http://127.0.0.1:${port}`, 'content-type': 'application/grpc-web' });
  t.is(own.statusCode, 200, 'a page of this very origin may call');
  t.is(server.calls.length, 2);
});

test('a browser that speaks HTTP/2 over TLS calls, and a gRPC client beside it', async (t) => {
  const { port } = await serve(t, true);
  const open = (ALPNProtocols: string[]) => {
    const createConnection = () => tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
    return http2.connect(`https://127.0.0.1:${port}`, { createConnection });
  };
  const browser = open(['h2', 'http/1.1']);
  const answer = await call(
    browser,
    { ':path': '/test.Echo/Unary', 'content-type': 'application/grpc-web+proto', te: undefined },
    Buffer.from([0, 0, 0, 0, 2, 104, 105]),
  );
  t.is(answer.headers[':status'], 200);
  t.is(answer.headers['content-type'], 'application/grpc-web+proto');
  t.is(answer.trailers, null);
  t.is(answer.body.subarray(0, 7).toString('latin1'), '\0\0\0\0\x02hi');
  t.is(answer.body[7], 0x80);
  t.regex(answer.body.subarray(12).toString('latin1'), /grpc-status: 0\r\n/);
  // gRPC itself on such a connection, as from curl, passes as it is.
  const plain = await call(browser, {}, Buffer.alloc(5));
  t.is(plain.trailers?.['grpc-status'], '0');
  const native = open(['h2']);
  t.is((await call(native, {}, Buffer.alloc(5))).trailers?.['grpc-status'], '0');
  browser.close();
  native.close();
});

test('gRPC clients in clear text are served on the same port, and gRPC over HTTP/1.1 is refused', async (t) => {
  const { port, url } = await serve(t);
  const client = new EchoClient(port, 'echo');
  t.is(String((await client.unary(Buffer.from('native'))).reply), 'native');
  client.close();
  const headers = { 'content-type': 'application/grpc' };
  t.is((await fetch(`${url}/Unary`, { method: 'POST', headers, body: 'x' })).status, 415);
});

test('a page that goes cancels its call', async (t) => {
  const { url, server } = await serve(t);
  const cancelled = server.cancelled();
  const controller = new AbortController();
  const headers = { 'content-type': 'application/grpc-web', 'x-hang': '1' };
  const asked = fetch(`${url}/Unary`, { method: 'POST', headers, body: new Uint8Array(5), signal: controller.signal });
  const failed = t.throwsAsync(asked);
  while (server.calls.length === 0) await new Promise(setImmediate);
  controller.abort();
  await failed;
  await cancelled;
  t.pass();
});

for (const type of ['application/grpc-web', 'application/grpc-web-text']) {
  test(`a page that goes in the middle of a stream (${type}) cancels it, and others go on`, async (t) => {
    const { url, server } = await serve(t);
    const cancelled = server.cancelled();
    const controller = new AbortController();
    const headers = { 'content-type': type, 'x-count': '2', 'x-hang': '1' };
    const body = type.endsWith('text') ? 'AAAAAAA=' : new Uint8Array(5);
    const answer = await fetch(`${url}/ServerStream`, { method: 'POST', headers, body, signal: controller.signal });
    await answer.body!.getReader().read();
    controller.abort();
    await cancelled;
    t.deepEqual((await callGrpcWeb(`${url}/Unary`, 'next')).messages, ['next']);
  });
}

test('messages of a stream arrive one by one, as they are sent', async (t) => {
  const { url } = await serve(t);
  // The echo of a half-open stream comes before its request has ended.
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  const headers = { 'content-type': 'application/grpc-web' };
  const asked = fetch(`${url}/Bidi`, { method: 'POST', headers, body: body.readable, duplex: 'half' } as RequestInit);
  await writer.write(new Uint8Array([0, 0, 0, 0, 1, 65]));
  const reader = (await asked).body!.getReader();
  t.deepEqual([...(await reader.read()).value!], [0, 0, 0, 0, 1, 65]);
  await writer.write(new Uint8Array([0, 0, 0, 0, 1, 66]));
  t.deepEqual([...(await reader.read()).value!], [0, 0, 0, 0, 1, 66]);
  await writer.close();
  t.is((await reader.read()).value?.[0], 0x80);
});

test('a draining listener ends the connections of browsers, those with a call after it', async (t) => {
  const { plane, port } = await serve(t);
  const idle = net.connect(port, '127.0.0.1');
  idle.write('GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(idle, 'data');
  const ended = closed(idle);
  idle.resume();
  plane.plane.receive({ kind: 'drain', plan: drainWithin(2000) });
  await ended;
  await plane.up('drained');
  t.pass();
});

test('a page that reads slowly gets all of a large answer', async (t) => {
  const { port } = await serve(t);
  const socket = net.connect({ port, host: '127.0.0.1' });
  const head = 'POST /test.Echo/ServerStream HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc-web\r\n';
  const size = 60_000;
  const body = Buffer.alloc(5 + size);
  body.writeUInt32BE(size, 1);
  socket.write(`${head}x-count: 500\r\ncontent-length: ${body.length}\r\n\r\n`);
  socket.write(body);
  await once(socket, 'readable');
  // Windows and sockets are full: 30 MB come behind as many steps of back-pressure.
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  while (received < 500 * (size + 5)) await once(socket, 'data');
  t.pass();
  socket.destroy();
});
