// grpc-go on one end of the mesh or on both: client -> client agent -> server agent -> server, with the echo service of
// test/support. `npm run peers` builds the Go program where Go is; without it these tests say so and pass.
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { EchoClient, type EchoServer, startEchoServer } from '../support/echo-service.ts';
import {
  type GoEchoServer,
  goEchoMissing,
  runGoCase,
  startGoEchoServer,
  startGoLongStream,
} from '../support/go-echo.ts';
import { startTwoAgents, type TwoAgents } from '../support/two-agents.ts';

const NAMES = ['a', 'b', 'c'];
let goServers: GoEchoServer[] = [];
let jsServer: EchoServer | null = null;
/** In front of the three servers on grpc-go. */
let toGo: TwoAgents;
/** In front of the server on grpc-js. */
let toJs: TwoAgents;
let jsClient: EchoClient | null = null;
let meshes: TwoAgents[] = [];

test.before(async () => {
  if (goEchoMissing !== null) return;
  goServers = await Promise.all(NAMES.map((name) => startGoEchoServer(name)));
  jsServer = await startEchoServer('js');
  meshes = await Promise.all([startTwoAgents(goServers.map(({ port }) => port)), startTwoAgents([jsServer.port])]);
  [toGo, toJs] = meshes as [TwoAgents, TwoAgents];
  jsClient = new EchoClient(toGo.port, 'echo');
});

test.after.always(async () => {
  jsClient?.close();
  await Promise.all(meshes.map((mesh) => mesh.stop()));
  await Promise.all(goServers.map((server) => server.stop()));
  await jsServer?.stop();
});

function withGo(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  test.serial(title, async (t) => {
    t.timeout(10_000);
    if (goEchoMissing === null) return run(t);
    t.log(goEchoMissing);
    t.pass();
  });
}

function anyGoServer<T>(tells: (server: GoEchoServer) => Promise<T>): Promise<T> {
  return Promise.race(goServers.map(tells));
}

/** What each case of the client wants to see; it runs against both servers. */
const CASES = {
  status: 'status code, message and trailers arrive as the server sent them',
  'client-stream': '200 messages up arrive in order and whole',
  'server-stream': '500 messages down arrive in order and whole',
  'ping-pong': 'each message of a bidirectional stream comes back before the next one is sent',
  large: 'messages of 4 MiB go both ways, in a unary call and in a stream',
  compressed: 'a message compressed by gzip arrives as it was',
  'early-end': 'a server that answers behind the first of many messages ends the call with OK',
  concurrent: '1,000 streams are open at the same time on one connection',
};

for (const [name, wanted] of Object.entries(CASES)) {
  withGo(`grpc-go to grpc-go: ${wanted}`, (t) => t.notThrowsAsync(runGoCase(toGo.port, name)).then(() => {}));
  withGo(`grpc-go to grpc-js: ${wanted}`, (t) => t.notThrowsAsync(runGoCase(toJs.port, name)).then(() => {}));
}

withGo(
  'grpc-go to grpc-go: metadata goes both ways, binary metadata byte for byte, and no deadline comes up',
  async (t) => {
    const called = anyGoServer((server) => server.called(({ metadata }) => metadata['x-text'] !== undefined));
    await runGoCase(toGo.port, 'unary', called);
    const call = await called;
    t.is(call.method, '/test.Echo/Unary');
    t.deepEqual(call.metadata['x-text'], ['value']);
    t.deepEqual(call.metadata['x-many'], ['1', '2']);
    t.deepEqual(call.metadata['x-raw-3-bin'], [Buffer.from([253, 254, 255]).toString('base64')]);
    t.deepEqual(call.metadata[':authority'], ['echo']);
    t.deepEqual(call.metadata['content-type'], ['application/grpc+raw'], 'a content-subtype is the ends own matter');
    t.is(call.timeoutMs, 0, 'a client that set no deadline gets none');
  },
);

withGo('grpc-go to grpc-js: metadata goes both ways, binary metadata byte for byte', async (t) => {
  await runGoCase(toJs.port, 'unary');
  const seen = jsServer!.lastMetadata!;
  t.deepEqual(seen.get('x-text'), ['value']);
  t.deepEqual(seen.get('x-many').join(', ').split(', '), ['1', '2']);
  t.deepEqual(seen.get('x-raw-3-bin'), [Buffer.from([253, 254, 255])]);
});

withGo('grpc-go to grpc-go: the details of a status arrive as the server sent them', (t) =>
  t.notThrowsAsync(runGoCase(toGo.port, 'status-details')).then(() => {}),
);

withGo('a cancel of a grpc-go client reaches a grpc-go server', async (t) => {
  const cancelled = anyGoServer((server) => server.cancelled());
  await runGoCase(toGo.port, 'cancel', cancelled);
  t.is(await cancelled, '/test.Echo/Bidi');
});

withGo('a cancel of a grpc-go client reaches a grpc-js server', async (t) => {
  const cancelled = jsServer!.cancelled();
  await runGoCase(toJs.port, 'cancel', cancelled);
  await t.notThrowsAsync(cancelled);
});

withGo('a deadline of a grpc-go client reaches a grpc-go server with what is left of it', async (t) => {
  const cancelled = anyGoServer((server) => server.cancelled());
  const called = anyGoServer((server) => server.called(({ timeoutMs }) => timeoutMs !== 0));
  await runGoCase(toGo.port, 'deadline', cancelled);
  t.is(await cancelled, '/test.Echo/Unary');
  const left = (await called).timeoutMs;
  t.true(left > 0 && left <= 700, `${left} ms were left of 700`);
});

withGo('a deadline of a grpc-go client reaches a grpc-js server', async (t) => {
  const cancelled = jsServer!.cancelled();
  await runGoCase(toJs.port, 'deadline', cancelled);
  await t.notThrowsAsync(cancelled);
});

withGo('a stream of a grpc-go client lives through 20 endpoint changes, and its calls follow each', async (t) => {
  const stream = startGoLongStream(toGo.port);
  await stream.step('first');
  for (let change = 0; change < 20; change++) {
    const only = change % NAMES.length;
    toGo.setEndpoints([toGo.inboundPorts[only]!]);
    // Calls move to the only endpoint within a few, whenever the push has arrived.
    let inARow = 0;
    for (let i = 0; i < 500 && inARow < 4; i++) {
      inARow = (await stream.step(`change ${change}, call ${i}`)) === NAMES[only] ? inARow + 1 : 0;
    }
    t.is(inARow, 4, `change ${change} was not followed`);
  }
  await t.notThrowsAsync(stream.end());
  toGo.setEndpoints(toGo.inboundPorts);
});

withGo('grpc-js to grpc-go: a unary call goes through with metadata both ways', async (t) => {
  const metadata = new grpc.Metadata();
  metadata.set('x-raw-bin', Buffer.from([0, 1, 2, 253, 254, 255]));
  const { reply, headers, status } = await jsClient!.unary(Buffer.from('hello'), metadata);
  t.is(reply.toString(), 'hello');
  t.deepEqual(headers.get('x-raw-bin'), [Buffer.from([0, 1, 2, 253, 254, 255])]);
  t.deepEqual(status.metadata.get('x-trailer'), headers.get('x-endpoint'));
  t.deepEqual(status.metadata.get('x-trailer-bin'), [Buffer.from([0, 1, 254, 255])]);
});

withGo('grpc-js to grpc-go: code, message and details of a failed call arrive as the server sent them', async (t) => {
  const metadata = new grpc.Metadata();
  metadata.set('x-fail', '9');
  const error = (await t.throwsAsync(jsClient!.unary(Buffer.alloc(0), metadata))) as grpc.ServiceError;
  t.is(error.code, grpc.status.FAILED_PRECONDITION);
  t.is(error.details, 'asked to fail: 100 % ünïcode');
  const [details] = error.metadata.get('grpc-status-details-bin') as Buffer[];
  t.true(details?.includes('type.googleapis.com/google.protobuf.StringValue'));
  t.true(details?.includes('why it failed: ünïcode'));
});

withGo('grpc-js to grpc-go: streams both ways, in order and whole', async (t) => {
  const messages = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 7, i));
  t.deepEqual(await jsClient!.clientStream(messages), Buffer.concat(messages));
  const call = jsClient!.bidi();
  const replies = call[Symbol.asyncIterator]();
  for (let i = 0; i < 50; i++) {
    call.write(Buffer.from(`message ${i}`));
    const { value } = await replies.next();
    t.is((value as Buffer).toString(), `message ${i}`);
  }
  call.end();
  t.true((await replies.next()).done);
});

withGo('grpc-js to grpc-go: a cancel reaches the server', async (t) => {
  const cancelled = anyGoServer((server) => server.cancelled());
  const metadata = new grpc.Metadata();
  metadata.set('x-hang', '1');
  const call = jsClient!.bidi(metadata);
  const failed = new Promise<grpc.ServiceError>((resolve) =>
    call.once('error', (error) => resolve(error as grpc.ServiceError)),
  );
  call.once('metadata', () => call.cancel());
  call.write(Buffer.from('hello'));
  call.resume();
  t.is((await failed).code, grpc.status.CANCELLED);
  t.is(await cancelled, '/test.Echo/Bidi');
});
