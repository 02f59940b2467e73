// Handlers of this process beside calls that are proxied: an ordinary grpc-js server given as `local`.
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createProxy, reject, status } from '../../agent/index.ts';
import { ECHO_METHODS } from '../support/echo-service.ts';
import { failureOf, metadata, startEcho, startProxy } from './proxies.ts';

const hello = Buffer.from('hello');
const elsewhere = () => reject(status.UNIMPLEMENTED, 'not served here');

interface Handlers {
  readonly unary?: grpc.handleUnaryCall<Buffer, Buffer>;
  readonly bidi?: grpc.handleBidiStreamingCall<Buffer, Buffer>;
}

function serverOf(t: ExecutionContext, handlers: Handlers): grpc.Server {
  const server = new grpc.Server();
  for (const [name, handler] of Object.entries(handlers)) {
    const method = ECHO_METHODS[name as keyof Handlers];
    server.addService({ [name]: method } as unknown as grpc.ServiceDefinition, { [name]: handler });
  }
  t.teardown(() => server.forceShutdown());
  return server;
}

test('a method of the local server is served here, every other one is directed', async (t) => {
  const echo = await startEcho(t);
  const directed: string[] = [];
  const local = serverOf(t, { unary: (call, callback) => callback(null, Buffer.from(`local ${call.request}`)) });
  const proxy = await startProxy(t, {
    local,
    director: ({ method }) => {
      directed.push(method);
      return { target: `127.0.0.1:${echo.port}` };
    },
  });
  const client = proxy.client();
  t.is((await client.unary(hello)).reply.toString(), 'local hello');
  t.deepEqual(await client.clientStream([hello]), hello);
  t.deepEqual(directed, ['/test.Echo/ClientStream']);
  t.deepEqual(echo.calls, ['/test.Echo/ClientStream']);
});

test('local handlers see the call whole, and their answer passes whole', async (t) => {
  let deadline: grpc.Deadline = 0;
  const local = serverOf(t, {
    unary: (call, callback) => {
      deadline = call.getDeadline();
      call.sendMetadata(metadata({ 'x-head': call.metadata.get('x-key') }));
      const details = 'asked for it: ünïcode';
      callback({ code: status.FAILED_PRECONDITION, details, metadata: metadata({ 'x-bin': Buffer.from([0, 255]) }) });
    },
  });
  const proxy = await startProxy(t, { local, director: elsewhere });
  const at = Date.now() + 60_000;
  const error = await t.throwsAsync<grpc.ServiceError>(
    proxy.client().unary(hello, metadata({ 'x-key': 'v' }), { deadline: at }),
  );
  t.is(error.code, status.FAILED_PRECONDITION);
  t.is(error.details, 'asked for it: ünïcode');
  t.deepEqual(error.metadata.get('x-bin'), [Buffer.from([0, 255])]);
  t.true(Math.abs(Number(deadline) - at) < 2000);
});

test('streams of megabytes pass both ways, and a slow handler is not overrun', async (t) => {
  const local = serverOf(t, {
    bidi: (call) => {
      call.on('data', (message: Buffer) => {
        if (call.write(message)) return;
        call.pause();
        call.once('drain', () => call.resume());
      });
      call.on('end', () => call.end());
    },
  });
  const proxy = await startProxy(t, { local, director: elsewhere });
  const call = proxy.client().bidi();
  let bytes = 0;
  const chunks: number[] = [];
  call.on('data', (message: Buffer) => {
    bytes += message.length;
    chunks.push(message[0]!);
  });
  const total = 64;
  for (let i = 0; i < total; i++) call.write(Buffer.alloc(65_536, i));
  call.end();
  await new Promise((resolve) => {
    call.on('end', resolve);
  });
  t.is(bytes, total * 65_536);
  t.deepEqual(
    chunks,
    Array.from({ length: total }, (_, i) => i),
  );
});

test('a client that cancels cancels its local handler', async (t) => {
  let onCalled: () => void = () => {};
  let onCancelled: () => void = () => {};
  const called = new Promise<void>((resolve) => {
    onCalled = resolve;
  });
  const cancelled = new Promise<void>((resolve) => {
    onCancelled = resolve;
  });
  const local = serverOf(t, {
    bidi: (call) => {
      onCalled();
      call.on('cancelled', onCancelled);
      call.on('error', () => {});
    },
  });
  const proxy = await startProxy(t, { local, director: elsewhere });
  const call = proxy.client().bidi();
  call.on('error', () => {});
  call.write(hello);
  await called;
  call.cancel();
  await cancelled;
  t.pass();
});

test('a handler that throws fails its own call and nothing else', async (t) => {
  const local = serverOf(t, {
    unary: (call, callback) => {
      if (call.metadata.get('x-throw').length > 0) callback(new Error('broken'));
      else callback(null, call.request);
    },
  });
  const proxy = await startProxy(t, { local, director: elsewhere });
  const client = proxy.client();
  t.is((await failureOf(client.unary(hello, metadata({ 'x-throw': '1' })))).code, status.UNKNOWN);
  t.deepEqual((await client.unary(hello)).reply, hello);
});

test('services that are added or removed later count from then on', async (t) => {
  const local = serverOf(t, {});
  const proxy = await startProxy(t, { local, director: elsewhere });
  const client = proxy.client();
  t.is((await failureOf(client.unary(hello))).details, 'not served here');
  const service = { unary: ECHO_METHODS.unary } as unknown as grpc.ServiceDefinition;
  local.addService(service, {
    unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
      callback(null, call.request),
  });
  t.deepEqual((await client.unary(hello)).reply, hello);
  local.removeService(service);
  t.is((await failureOf(client.unary(hello))).details, 'not served here');
});

test('the local server may have a port of its own, and outlives the proxy', async (t) => {
  const local = serverOf(t, { unary: (call, callback) => callback(null, call.request) });
  const own = await new Promise<number>((resolve, fail) => {
    local.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : fail(error),
    );
  });
  const proxy = await startProxy(t, { local, director: elsewhere });
  t.deepEqual((await proxy.client().unary(hello)).reply, hello);
  t.is(await proxy.proxy.drain(), 0);
  const direct = new grpc.Client(`127.0.0.1:${own}`, grpc.credentials.createInsecure());
  t.teardown(() => direct.close());
  const same = (bytes: Buffer): Buffer => bytes;
  await new Promise<void>((resolve, fail) => {
    direct.makeUnaryRequest(ECHO_METHODS.unary.path, same, same, hello, (error) =>
      error === null ? resolve() : fail(error),
    );
  });
});

test('what is no server, or of another copy of grpc-js, is said when the proxy is made', (t) => {
  t.throws(() => createProxy({ director: elsewhere, local: {} as grpc.Server }), {
    message: /^local is no grpc\.Server .* localCredentials/,
  });
});

test('local handlers see who calls the proxy, each call its own client, and nothing else of it', async (t) => {
  const peers: string[] = [];
  const local = serverOf(t, {
    unary: (call, callback) => {
      peers.push(call.getPeer());
      callback(null, Buffer.from(Object.keys(call.metadata.getMap()).join()));
    },
  });
  const asked: string[] = [];
  const proxy = await startProxy(t, {
    local,
    director: ({ peer }) => {
      asked.push(peer.address);
      return reject(status.UNIMPLEMENTED, 'not served here');
    },
  });
  for (const client of [proxy.client(), proxy.client()]) {
    t.is((await client.unary(hello)).reply.toString(), 'user-agent');
    await failureOf(client.clientStream([hello]));
  }
  t.deepEqual(peers, asked);
  t.not(peers[0], peers[1]);
  t.regex(peers[0]!, /^127\.0\.0\.1:\d+$/);
});
