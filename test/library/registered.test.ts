// Some methods of a grpc-js server proxied, the others its own (the RegisterService of the Go original).
import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createProxy, type DirectorCall, type ProxiedMethods, reject, status } from '../../agent/index.ts';
import { ECHO_METHODS, EchoClient } from '../support/echo-service.ts';
import { failureOf, metadata, startEcho, startRawEndpoint } from './proxies.ts';

const hello = Buffer.from('hello');
const pem = (name: string): Buffer => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url));
const insecure = grpc.ServerCredentials.createInsecure();

/** A server whose `Unary` is its own and whose other methods go to that port. */
async function startHalfProxied(
  t: ExecutionContext,
  port: number,
  over: Partial<ProxiedMethods> = {},
  credentials = insecure,
) {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  server.addService({ unary: ECHO_METHODS.unary } as unknown as grpc.ServiceDefinition, {
    unary: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, Buffer.from('own')),
  });
  const calls: DirectorCall[] = [];
  const proxy = createProxy({
    director: (call) => {
      calls.push(call);
      if (call.authority === 'refused.test') return reject(status.PERMISSION_DENIED, 'not for you');
      return { target: `127.0.0.1:${port}`, metadata: call.metadata.with('x-via', 'proxy') };
    },
  });
  const methods = ['ClientStream', 'ServerStream', 'Bidi'];
  proxy.registerOn(server, { service: 'test.Echo', methods, ...over });
  const own = await new Promise<number>((resolve, fail) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : fail(error)));
  });
  t.teardown(() => {
    proxy.close();
    server.forceShutdown();
  });
  const client = (
    authority = 'echo.test',
    options: grpc.ClientOptions = {},
    clientCredentials?: grpc.ChannelCredentials,
  ) => {
    const made = new EchoClient(own, authority, options, clientCredentials);
    t.teardown(() => made.close());
    return made;
  };
  return { server, proxy, calls, client };
}

test('a method that is registered is proxied, whatever its kind, and the others stay', async (t) => {
  const echo = await startEcho(t);
  const { client, calls } = await startHalfProxied(t, echo.port);
  const one = client();
  t.is((await one.unary(hello)).reply.toString(), 'own');
  t.deepEqual(await one.clientStream([Buffer.from('a'), Buffer.from('b')]), Buffer.from('ab'));
  const many: string[] = [];
  const stream = one.serverStream(hello, metadata({ 'x-count': '3' }));
  stream.on('data', (message: Buffer) => many.push(message.toString()));
  await new Promise((resolve) => {
    stream.on('end', resolve);
  });
  t.deepEqual(many, ['hello', 'hello', 'hello']);
  t.deepEqual(
    calls.map(({ method }) => method),
    ['/test.Echo/ClientStream', '/test.Echo/ServerStream'],
  );
  t.regex(calls[0]!.peer.address, /^127\.0\.0\.1:\d+$/);
  t.is(calls[0]!.authority, 'echo.test');
});

test('metadata, headers, trailers and a failure pass whole, and the client gets headers before any message', async (t) => {
  const echo = await startEcho(t);
  const { client } = await startHalfProxied(t, echo.port);
  const call = client().bidi(metadata({ 'x-key': 'v', 'x-bin': Buffer.from([0, 255]) }));
  const headers = await new Promise<grpc.Metadata>((resolve) => {
    call.on('metadata', resolve);
  });
  t.deepEqual(headers.get('x-endpoint'), ['echo']);
  t.deepEqual(headers.get('x-bin'), [Buffer.from([0, 255])]);
  call.resume();
  call.end();
  const end = await new Promise<grpc.StatusObject>((resolve) => {
    call.on('status', resolve);
  });
  t.is(end.code, status.OK);
  t.deepEqual(end.metadata.get('x-trailer-bin'), [Buffer.from([0, 1, 254, 255])]);
  t.deepEqual(echo.lastMetadata!.get('x-via'), ['proxy']);
  t.deepEqual(echo.lastMetadata!.get('x-key'), ['v']);
  const failed = await t.throwsAsync<grpc.ServiceError>(client().clientStream([hello], metadata({ 'x-fail': '9' })));
  t.is(failed.code, 9);
  t.is(failed.details, 'asked to fail: 100 % ünïcode');
  t.deepEqual(failed.metadata.get('x-trailer'), ['echo']);
});

test('a rejection of the director, and an endpoint that is not there, reach the client as such', async (t) => {
  const { client } = await startHalfProxied(t, 1);
  t.deepEqual(await failureOf(client('refused.test').clientStream([hello])), {
    code: status.PERMISSION_DENIED,
    details: 'not for you',
  });
  t.is((await failureOf(client().clientStream([hello]))).code, status.UNAVAILABLE);
});

test('streams of megabytes pass both ways', async (t) => {
  const echo = await startEcho(t);
  const { client } = await startHalfProxied(t, echo.port);
  const call = client().bidi();
  let bytes = 0;
  call.on('data', (message: Buffer) => {
    bytes += message.length;
  });
  for (let i = 0; i < 8; i++) call.write(Buffer.alloc(1_000_000, i));
  call.end();
  await new Promise((resolve) => {
    call.on('end', resolve);
  });
  t.is(bytes, 8_000_000);
});

test('a message that is larger than what is taken is RESOURCE_EXHAUSTED', async (t) => {
  const echo = await startEcho(t);
  const { client } = await startHalfProxied(t, echo.port, { maxMessageBytes: 1000 });
  const { code, details } = await failureOf(client().clientStream([Buffer.alloc(1001)]));
  t.is(code, status.RESOURCE_EXHAUSTED);
  t.is(details, 'a message of the answer is larger than this proxy takes');
  t.is((await client().clientStream([Buffer.alloc(1000)])).length, 1000);
});

test('cancel and deadline reach the endpoint', async (t) => {
  const echo = await startEcho(t);
  const { client } = await startHalfProxied(t, echo.port);
  const cancelled = echo.cancelled();
  const call = client().bidi(metadata({ 'x-hang': '1' }));
  call.on('error', () => {});
  call.on('metadata', () => call.cancel());
  await cancelled;
  let onCalled: (timeout: unknown) => void = () => {};
  const called = new Promise<unknown>((resolve) => {
    onCalled = resolve;
  });
  const hanging = await startRawEndpoint(t, (_stream, head) => onCalled(head['grpc-timeout']));
  const other = (await startHalfProxied(t, hanging.port)).client();
  const patient = other.bidi(undefined, { deadline: Date.now() + 60_000 });
  patient.on('error', () => {});
  t.regex(String(await called), /^\d+[num]$/);
  patient.cancel();
  const overdue = other.bidi(undefined, { deadline: Date.now() + 100 });
  overdue.on('error', () => {});
  const end = await new Promise<grpc.StatusObject>((resolve) => {
    overdue.on('status', resolve);
  });
  t.is(end.code, status.DEADLINE_EXCEEDED);
});

test('an answer that breaks off, or has no status, is no success', async (t) => {
  const answers = [
    (stream: import('node:http2').ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
    },
    (stream: import('node:http2').ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(Buffer.alloc(5));
    },
    (stream: import('node:http2').ServerHttp2Stream) => {
      stream.respond({ ':status': 503, 'content-type': 'text/html' });
      stream.end('<html>');
    },
    (stream: import('node:http2').ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.from([1, 0, 0, 0, 0]));
    },
  ];
  const codes: number[] = [];
  for (const answer of answers) {
    const endpoint = await startRawEndpoint(t, answer);
    const { client } = await startHalfProxied(t, endpoint.port);
    codes.push((await failureOf(client().clientStream([hello]))).code);
  }
  t.deepEqual(codes, [status.INTERNAL, status.UNKNOWN, status.UNAVAILABLE, status.INTERNAL]);
});

test('the director sees who calls by TLS', async (t) => {
  const echo = await startEcho(t);
  const pair = { cert_chain: pem('server'), private_key: pem('server-key') };
  const { client, calls } = await startHalfProxied(
    t,
    echo.port,
    {},
    grpc.ServerCredentials.createSsl(pem('ca'), [pair], true),
  );
  const credentials = grpc.credentials.createSsl(pem('ca'), pem('client-key'), pem('client'));
  await client('echo.test', { 'grpc.ssl_target_name_override': 'echo.test' }, credentials).clientStream([hello]);
  const { tls } = calls[0]!.peer;
  t.truthy(tls?.subject);
  t.true(tls!.subjectAltNames.length > 0);
});

test('methods of the local server itself do not come round again', async (t) => {
  const echo = await startEcho(t);
  const local = new grpc.Server();
  const proxy = createProxy({ local, director: () => ({ target: `127.0.0.1:${echo.port}` }) });
  t.teardown(() => proxy.close());
  proxy.registerOn(local, { service: 'test.Echo', methods: ['Unary'] });
  const port = await proxy.listen({ host: '127.0.0.1', port: 0 });
  const client = new EchoClient(port, 'echo.test');
  t.teardown(() => client.close());
  t.deepEqual((await client.unary(hello)).reply, hello);
});

test('what can not be registered is said at once', (t) => {
  const server = new grpc.Server();
  const proxy = createProxy({ director: () => reject(status.UNIMPLEMENTED) });
  t.teardown(() => proxy.close());
  proxy.registerOn(server, { service: 'a.B', methods: ['C'] });
  t.throws(() => proxy.registerOn(server, { service: 'a.B', methods: ['C'] }), {
    message: /handler for \/a\.B\/C already/,
  });
  t.throws(() => proxy.registerOn(server, { service: '/a.B/', methods: [] }), { instanceOf: TypeError });
  t.throws(() => proxy.registerOn(server, { service: 'a.B', methods: ['/C'] }), { instanceOf: TypeError });
});

test('a drain waits for calls that a server has handed over, and refuses those that come after', async (t) => {
  const echo = await startEcho(t);
  const { client, proxy } = await startHalfProxied(t, echo.port);
  const call = client().bidi();
  const got: string[] = [];
  call.on('data', (message: Buffer) => {
    got.push(message.toString());
    call.end();
  });
  const over = new Promise<grpc.StatusObject>((resolve) => {
    call.on('status', resolve);
  });
  await new Promise((resolve) => {
    call.on('metadata', resolve);
  });
  const drained = proxy.drain(60_000);
  t.deepEqual(await failureOf(client().clientStream([hello])), {
    code: status.UNAVAILABLE,
    details: 'the proxy is draining',
  });
  call.write(hello);
  t.is((await over).code, status.OK);
  t.deepEqual(got, ['hello']);
  t.is(await drained, 0);
  t.is((await failureOf(client().clientStream([hello]))).details, 'the proxy is closed');
});

test('a call of a server that outlasts the grace of a drain is cut, and counted; one that was cancelled is not', async (t) => {
  const echo = await startEcho(t);
  const { client, proxy } = await startHalfProxied(t, echo.port);
  const begin = async () => {
    const call = client().bidi(metadata({ 'x-hang': '1' }));
    call.on('error', () => {});
    const status = new Promise<grpc.StatusObject>((resolve) => {
      call.on('status', resolve);
    });
    await new Promise((resolve) => {
      call.on('metadata', resolve);
    });
    return { call, status };
  };
  const [left, cancelled] = [await begin(), await begin()];
  const seen = echo.cancelled();
  cancelled.call.cancel();
  await seen;
  t.is(await proxy.drain(1), 1);
  t.is((await left.status).code, status.UNAVAILABLE);
});
