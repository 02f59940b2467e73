// What no browser sends, at the port where browsers arrive: it is answered, or the connection ends, and others are served
// as before.
import { once } from 'node:events';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { startDataPlane } from '../support/data-plane.ts';
import { startEchoServer } from '../support/echo-service.ts';
import { callGrpcWeb } from '../support/grpc-web-client.ts';
import { listener, plainMesh } from '../support/resources.ts';

async function serve(t: ExecutionContext) {
  const server = await startEchoServer();
  const plane = startDataPlane(plainMesh('echo', 'inbound', [server.port]));
  const value = listener('web', 'inbound', 'echo-routes');
  const [chain] = value.filterChains;
  const grpcWeb = { origins: ['*'], allowsCredentials: false, maxAgeSeconds: null };
  plane.apply([
    { type: 'listener', value: { ...value, filterChains: [{ ...chain!, http: { ...chain!.http, grpcWeb } }] } },
  ]);
  const port = await plane.port('web');
  t.teardown(async () => {
    plane.stop();
    await server.stop();
  });
  return { port, server };
}

/** All that comes back until the connection ends, which we end once something has come. */
async function send(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
    socket.end();
  });
  socket.write(bytes);
  // What waits for more than we send is ended by us.
  socket.end();
  await once(socket, 'close');
  return answer;
}

const web = 'content-type: application/grpc-web\r\n';

const requests: readonly (readonly [what: string, bytes: string])[] = [
  [
    'a target in absolute form',
    `POST http://elsewhere/test.Echo/Unary HTTP/1.1\r\nhost: a\r\n${web}content-length: 0\r\n\r\n`,
  ],
  ['OPTIONS for all', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['CONNECT', 'CONNECT elsewhere:443 HTTP/1.1\r\nhost: elsewhere:443\r\n\r\n'],
  [
    'an upgrade to HTTP/2',
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\n\r\n',
  ],
  [
    'an upgrade to WebSocket',
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n\r\n',
  ],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'],
  ['a host with a space', 'GET / HTTP/1.1\r\nhost: a b\r\n\r\n'],
  ['a host with userinfo', 'GET / HTTP/1.1\r\nhost: user@a\r\n\r\n'],
  ['bytes beyond ASCII in path and field', 'GET /\xff\xfe HTTP/1.1\r\nhost: a\r\nx-a: \xff\xfe\r\n\r\n'],
  ['a fragment in the path', 'GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a field that begins with a colon', 'GET / HTTP/1.1\r\nhost: a\r\n:path: /b\r\n\r\n'],
  ['two lengths', `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!`],
  [
    'a length and chunks',
    `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['chunks of nonsense', `POST / HTTP/1.1\r\nhost: a\r\n${web}transfer-encoding: chunked\r\n\r\nzz\r\n`],
  ['a body that ends early', `POST /test.Echo/Unary HTTP/1.1\r\nhost: a\r\n${web}content-length: 50\r\n\r\nhello`],
  ['HTTP/1.0', `POST /test.Echo/Unary HTTP/1.0\r\n${web}content-length: 5\r\n\r\n\0\0\0\0\0`],
  [
    'an expectation',
    `POST /test.Echo/Unary HTTP/1.1\r\nhost: a\r\n${web}expect: 100-continue\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0`,
  ],
  ['another expectation', 'POST / HTTP/1.1\r\nhost: a\r\nexpect: a miracle\r\ncontent-length: 0\r\n\r\n'],
  [
    'a connection field that names others',
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: x-a, te\r\nx-a: b\r\nte: gzip\r\n\r\n',
  ],
  ['a head of 100 KiB', `GET / HTTP/1.1\r\nhost: a\r\nx-a: ${'a'.repeat(100_000)}\r\n\r\n`],
  ['three requests at once', `${'GET /a HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(3)}`],
  ['a method of its own', 'BREW /pot HTTP/1.1\r\nhost: a\r\n\r\n'],
  [
    'a deadline that is none',
    `POST /test.Echo/Unary HTTP/1.1\r\nhost: a\r\n${web}grpc-timeout: soon\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0`,
  ],
  [
    'trailers behind the body',
    `POST /test.Echo/Unary HTTP/1.1\r\nhost: a\r\n${web}transfer-encoding: chunked\r\n\r\n5\r\n\0\0\0\0\0\r\n0\r\nx-a: b\r\n\r\n`,
  ],
  ['the preface of HTTP/2, and HTTP/1 behind it', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n'],
];

test('requests that browsers do not send harm nobody', async (t) => {
  const { port } = await serve(t);
  for (const [what, bytes] of requests) {
    const answer = await send(port, Buffer.from(bytes, 'latin1'));
    t.false(
      answer.startsWith('HTTP/1.1 5') && !answer.startsWith('HTTP/1.1 502') && !answer.startsWith('HTTP/1.1 501'),
      `${what}: ${answer}`,
    );
    const { messages } = await callGrpcWeb(`http://127.0.0.1:${port}/test.Echo/Unary`, 'well');
    t.deepEqual(messages, ['well'], `behind ${what}`);
  }
});

test('random bytes, and requests that were changed at random, harm nobody', async (t) => {
  const { port } = await serve(t);
  const changed = fc
    .tuple(
      fc.constantFrom(...requests.map(([, bytes]) => bytes)),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
    )
    .map(([text, changes]) => {
      const bytes = Buffer.from(text, 'latin1');
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return Uint8Array.from(bytes);
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(changed, fc.uint8Array({ minLength: 1, maxLength: 300 })), async (bytes) => {
      await send(port, bytes);
    }),
    { numRuns: 60, seed: 6, interruptAfterTimeLimit: 4000 },
  );
  t.deepEqual((await callGrpcWeb(`http://127.0.0.1:${port}/test.Echo/Unary`, 'well')).messages, ['well']);
});
