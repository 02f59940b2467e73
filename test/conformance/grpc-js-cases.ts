// The interop cases as a client on grpc-js, for an echo service on whatever stack behind an agent. Each throws what it did
// not like.
import assert from 'node:assert/strict';
import * as grpc from '@grpc/grpc-js';
import { ECHO_METHODS, type EchoClient } from '../support/echo-service.ts';
import type { EchoCase } from './interop-cases.ts';
import { COMPRESSIBLE_BYTES } from './wire-meter.ts';

/** Makes a client with a connection of its own, which the judge closes. */
type Connect = (options?: grpc.ClientOptions) => EchoClient;

const identity = (bytes: Buffer): Buffer => bytes;
const GZIP: grpc.ClientOptions = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
const SPECIAL_MESSAGE = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';

function metadataOf(values: Readonly<Record<string, grpc.MetadataValue>>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

async function failureOf(call: Promise<unknown>): Promise<grpc.ServiceError> {
  const error = await call.then(
    () => null,
    (failed: grpc.ServiceError) => failed,
  );
  assert.ok(error !== null, 'the call did not fail');
  return error;
}

async function echoes(client: EchoClient, message: Buffer, metadata?: grpc.Metadata): Promise<void> {
  const { reply } = await client.unary(message, metadata);
  assert.ok(reply.equals(message), `other bytes came back: ${reply.length} for ${message.length}`);
}

async function joins(client: EchoClient, messages: readonly Buffer[]): Promise<void> {
  assert.ok((await client.clientStream(messages)).equals(Buffer.concat(messages)), 'other bytes came back');
}

async function serverStreaming(client: EchoClient): Promise<void> {
  let replies = 0;
  for await (const reply of client.serverStream(Buffer.alloc(1000, 5), metadataOf({ 'x-count': '500' }))) {
    assert.ok((reply as Buffer).equals(Buffer.alloc(1000, 5)), `reply ${replies} has other bytes`);
    replies++;
  }
  assert.equal(replies, 500);
}

/** Sends each message when the one before it has come back. */
async function pingPong(client: EchoClient, messages: readonly Buffer[]): Promise<void> {
  const call = client.bidi();
  const replies = call[Symbol.asyncIterator]();
  for (const message of messages) {
    call.write(message);
    assert.ok(message.equals((await replies.next()).value as Buffer), 'other bytes came back');
  }
  call.end();
  assert.equal((await replies.next()).done, true);
}

async function customMetadata(client: EchoClient): Promise<void> {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const { headers, status } = await client.unary(Buffer.from('hello'), metadataOf({ 'x-raw-bin': bytes }));
  assert.deepEqual(headers.get('x-raw-bin'), [bytes]);
  assert.deepEqual(status.metadata.get('x-trailer-bin'), [Buffer.from([0, 1, 254, 255])]);
}

async function statusCodeAndMessage(client: EchoClient): Promise<void> {
  const { code, details } = await failureOf(client.unary(Buffer.alloc(0), metadataOf({ 'x-fail': '9' })));
  assert.equal(code, grpc.status.FAILED_PRECONDITION);
  assert.equal(details, 'asked to fail: 100 % ünïcode');
}

async function specialStatusMessage(client: EchoClient): Promise<void> {
  const asked = metadataOf({ 'x-fail': '2', 'x-message-bin': Buffer.from(SPECIAL_MESSAGE) });
  const { code, details } = await failureOf(client.unary(Buffer.alloc(0), asked));
  assert.equal(code, grpc.status.UNKNOWN);
  assert.equal(details, SPECIAL_MESSAGE);
}

async function unimplemented(client: EchoClient, path: string): Promise<void> {
  const call = new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
  assert.equal((await failureOf(call)).code, grpc.status.UNIMPLEMENTED);
}

async function cancelAfterBegin(client: EchoClient): Promise<void> {
  const failed = new Promise<grpc.ServiceError | null>((resolve) => {
    const { path } = ECHO_METHODS.clientStream;
    const call = client.makeClientStreamRequest(path, identity, identity, new grpc.Metadata(), {}, resolve);
    call.cancel();
  });
  assert.equal((await failed)?.code, grpc.status.CANCELLED);
}

async function cancelAfterFirstResponse(client: EchoClient): Promise<void> {
  const call = client.bidi();
  const failed = new Promise<grpc.ServiceError>((resolve) => {
    call.once('error', (error) => resolve(error as grpc.ServiceError));
  });
  call.once('data', () => call.cancel());
  call.write(Buffer.from('hello'));
  assert.equal((await failed).code, grpc.status.CANCELLED);
}

async function timeoutOnSleepingServer(client: EchoClient): Promise<void> {
  const call = client.unary(Buffer.alloc(0), metadataOf({ 'x-hang': '1' }), { deadline: Date.now() + 200 });
  assert.equal((await failureOf(call)).code, grpc.status.DEADLINE_EXCEEDED);
}

/** More calls at once than one connection to the endpoint takes. */
async function connectionScaling(client: EchoClient): Promise<void> {
  const calls = Array.from({ length: 30 }, () => client.bidi());
  const replies = calls.map((call) => call[Symbol.asyncIterator]());
  for (const [i, call] of calls.entries()) call.write(Buffer.from(`call ${i}`));
  for (const [i, reply] of replies.entries()) assert.equal(`${(await reply.next()).value}`, `call ${i}`);
  for (const call of calls) call.end();
  for (const reply of replies) assert.equal((await reply.next()).done, true);
}

/** Goes on sending until the reply is there. */
async function earlyEnd(client: EchoClient): Promise<void> {
  const message = Buffer.alloc(10_000, 1);
  const { path } = ECHO_METHODS.clientStream;
  const reply = new Promise<Buffer>((resolve, reject) => {
    const asked = metadataOf({ 'x-early': '1' });
    const call = client.makeClientStreamRequest(path, identity, identity, asked, {}, (error, answer) => {
      isOver = true;
      if (error === null) resolve(answer!);
      else reject(error);
    });
    let isOver = false;
    const more = (): void => {
      if (!isOver) call.write(message, more);
    };
    more();
  });
  assert.ok((await reply).equals(message), 'other bytes came back');
}

async function rpcSoak(client: EchoClient): Promise<void> {
  for (let i = 0; i < 10; i++) await echoes(client, Buffer.alloc(271_828, i));
}

async function channelSoak(connect: Connect): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const client = connect();
    await echoes(client, Buffer.alloc(271_828, i));
    client.close();
  }
}

const small = Array.from({ length: 50 }, (_, i) => Buffer.from(`message ${i}`));
const growing = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 7, i));
const compressible = ['z', 'y'].map((letter) => Buffer.alloc(COMPRESSIBLE_BYTES, letter));

export const grpcJsCases: Readonly<Record<EchoCase, (connect: Connect) => Promise<void>>> = {
  empty_unary: (connect) => echoes(connect(), Buffer.alloc(0)),
  large_unary: (connect) => echoes(connect(), Buffer.alloc(4 * 1024 * 1024, 'large')),
  client_streaming: (connect) => joins(connect(), growing),
  server_streaming: (connect) => serverStreaming(connect()),
  ping_pong: (connect) => pingPong(connect(), small),
  empty_stream: (connect) => pingPong(connect(), []),
  client_compressed_unary: (connect) => echoes(connect(GZIP), compressible[0]!),
  client_compressed_streaming: (connect) => joins(connect(GZIP), compressible),
  server_compressed_unary: (connect) => echoes(connect(), compressible[0]!),
  server_compressed_streaming: (connect) => pingPong(connect(), compressible),
  custom_metadata: (connect) => customMetadata(connect()),
  status_code_and_message: (connect) => statusCodeAndMessage(connect()),
  special_status_message: (connect) => specialStatusMessage(connect()),
  unimplemented_method: (connect) => unimplemented(connect(), '/test.Echo/No'),
  unimplemented_service: (connect) => unimplemented(connect(), '/test.No/Unary'),
  cancel_after_begin: (connect) => cancelAfterBegin(connect()),
  cancel_after_first_response: (connect) => cancelAfterFirstResponse(connect()),
  timeout_on_sleeping_server: (connect) => timeoutOnSleepingServer(connect()),
  very_large_request: (connect) => echoes(connect(), Buffer.alloc(10 * 1024 * 1024, 'very large')),
  cacheable_unary: async (connect) => {
    const client = connect();
    const asked = metadataOf({ 'x-user-ip': '1.2.3.4', 'cache-control': 'max-age=60' });
    for (let i = 0; i < 2; i++) await echoes(client, Buffer.from('cache me'), asked);
  },
  rpc_soak: (connect) => rpcSoak(connect()),
  channel_soak: channelSoak,
  max_concurrent_streams_connection_scaling: (connect) => connectionScaling(connect()),
  early_end: (connect) => earlyEnd(connect()),
};
