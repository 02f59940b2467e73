// grpc-js client -> client agent -> server agent -> grpc-js server: what a user of gRPC sees through a mesh.
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { EchoClient, type EchoServer, startEchoServer } from '../support/echo-service.ts';
import { startTwoAgents, type TwoAgents } from '../support/two-agents.ts';

let servers: EchoServer[];
let mesh: TwoAgents;
let client: EchoClient;

test.before(async () => {
  servers = await Promise.all(['a', 'b', 'c'].map((name) => startEchoServer(name)));
  mesh = await startTwoAgents(servers.map(({ port }) => port));
  client = new EchoClient(mesh.port, 'echo');
});

test.after.always(async () => {
  client.close();
  await mesh.stop();
  await Promise.all(servers.map((server) => server.stop()));
});

test.serial('a unary call goes through with metadata both ways, binary metadata byte for byte', async (t) => {
  const metadata = new grpc.Metadata();
  metadata.set('x-text', 'value');
  metadata.add('x-many', '1');
  metadata.add('x-many', '2');
  metadata.set('x-raw-bin', Buffer.from([0, 1, 2, 253, 254, 255]));
  const { reply, headers, status } = await client.unary(Buffer.from('hello'), metadata);
  t.is(reply.toString(), 'hello');
  t.deepEqual(headers.get('x-raw-bin'), [Buffer.from([0, 1, 2, 253, 254, 255])]);
  t.deepEqual(status.metadata.get('x-trailer-bin'), [Buffer.from([0, 1, 254, 255])]);
  const seen = servers.map(({ lastMetadata }) => lastMetadata).find((m) => m !== null)!;
  t.deepEqual(seen.get('x-text'), ['value']);
  t.deepEqual(seen.get('x-many').join(', ').split(', '), ['1', '2']);
});

test.serial('status code, message and trailers of a failed call arrive as the server sent them', async (t) => {
  const metadata = new grpc.Metadata();
  metadata.set('x-fail', '9');
  const error = (await t.throwsAsync(client.unary(Buffer.alloc(0), metadata))) as grpc.ServiceError;
  t.is(error.code, grpc.status.FAILED_PRECONDITION);
  t.is(error.details, 'asked to fail: 100 % ünïcode');
  t.deepEqual(error.metadata.get('x-trailer-bin'), [Buffer.from([0, 1, 254, 255])]);
});

test.serial('client streaming: many messages arrive in order and whole', async (t) => {
  const messages = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 7, i));
  t.deepEqual(await client.clientStream(messages), Buffer.concat(messages));
});

test.serial('server streaming: many messages arrive in order and whole', async (t) => {
  const metadata = new grpc.Metadata();
  metadata.set('x-count', '500');
  let messages = 0;
  for await (const message of client.serverStream(Buffer.alloc(1000, 5), metadata)) {
    t.is((message as Buffer).length, 1000);
    messages++;
  }
  t.is(messages, 500);
});

test.serial('bidirectional streaming: each message comes back before the next one is sent', async (t) => {
  const call = client.bidi();
  const replies = call[Symbol.asyncIterator]();
  for (let i = 0; i < 50; i++) {
    call.write(Buffer.from(`message ${i}`));
    const { value } = await replies.next();
    t.is((value as Buffer).toString(), `message ${i}`);
  }
  call.end();
  t.true((await replies.next()).done);
});

test.serial('a message of 4 MiB goes through both ways', async (t) => {
  const message = Buffer.alloc(4 * 1024 * 1024);
  for (let i = 0; i < message.length; i += 4096) message.writeUInt32BE(i, i);
  const { reply } = await client.unary(message);
  t.true(reply.equals(message));
});

test.serial('a cancelled call is cancelled at the server', async (t) => {
  const cancelled = Promise.race(servers.map((server) => server.cancelled()));
  const metadata = new grpc.Metadata();
  metadata.set('x-hang', '1');
  const call = client.bidi(metadata);
  const failed = new Promise<grpc.ServiceError>((resolve) =>
    call.once('error', (error) => resolve(error as grpc.ServiceError)),
  );
  call.once('metadata', () => call.cancel());
  call.write(Buffer.from('hello'));
  call.resume();
  t.is((await failed).code, grpc.status.CANCELLED);
  await cancelled;
});

test.serial('a deadline reaches the server and ends the call with DEADLINE_EXCEEDED', async (t) => {
  const cancelled = Promise.race(servers.map((server) => server.cancelled()));
  const metadata = new grpc.Metadata();
  metadata.set('x-hang', '1');
  // So that the time is not spent on the way there.
  await client.unary(Buffer.alloc(0));
  const error = (await t.throwsAsync(
    client.unary(Buffer.alloc(0), metadata, { deadline: Date.now() + 700 }),
  )) as grpc.ServiceError;
  t.is(error.code, grpc.status.DEADLINE_EXCEEDED);
  await cancelled;
});

test.serial(
  'round robin is per call: 30 calls on one connection reach each of 3 endpoints exactly 10 times',
  async (t) => {
    const before = servers.map(({ calls }) => calls.length);
    for (let i = 0; i < 30; i++) await client.unary(Buffer.from('x'));
    t.deepEqual(
      servers.map(({ calls }, i) => calls.length - before[i]!),
      [10, 10, 10],
    );
  },
);

test.serial('1,000 concurrent streams on one connection all answer', async (t) => {
  const calls = Array.from({ length: 1000 }, () => client.bidi());
  const echoes = calls.map(async (call, i) => {
    const replies = call[Symbol.asyncIterator]();
    call.write(Buffer.from(String(i)));
    const { value } = await replies.next();
    return (value as Buffer).toString() === String(i);
  });
  t.true((await Promise.all(echoes)).every((echoed) => echoed));
  // Only now, when each of them is open and has answered, do they end.
  for (const call of calls) call.end();
  await Promise.all(calls.map((call) => new Promise((resolve) => call.once('status', resolve).resume())));
});

test.serial('one long stream lives through 20 endpoint changes, and new calls follow each', async (t) => {
  const call = client.bidi();
  const replies = call[Symbol.asyncIterator]();
  const roundTrip = async (text: string): Promise<string> => {
    call.write(Buffer.from(text));
    return ((await replies.next()).value as Buffer).toString();
  };
  t.is(await roundTrip('first'), 'first');
  for (let change = 0; change < 20; change++) {
    const only = change % 3;
    const before = servers[only]!.calls.length;
    mesh.setEndpoints([mesh.inboundPorts[only]!]);
    // Calls move to the only endpoint within a few, whenever the push has arrived.
    let inARow = 0;
    for (let i = 0; i < 500 && inARow < 3; i++) {
      const seen = servers[only]!.calls.length;
      await client.unary(Buffer.from('x'));
      inARow = servers[only]!.calls.length > seen ? inARow + 1 : 0;
    }
    t.true(servers[only]!.calls.length >= before + 3, `change ${change} was not followed`);
    t.is(await roundTrip(`after ${change}`), `after ${change}`);
  }
  call.end();
  mesh.setEndpoints(mesh.inboundPorts);
});

test.serial('a call for an authority that no route knows is UNIMPLEMENTED, and the message says so', async (t) => {
  const stranger = new EchoClient(mesh.port, 'nobody');
  const error = (await t.throwsAsync(stranger.unary(Buffer.alloc(0)))) as grpc.ServiceError;
  stranger.close();
  t.is(error.code, grpc.status.UNIMPLEMENTED);
  t.regex(error.details, /nobody/);
});
