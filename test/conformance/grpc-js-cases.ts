// Cases of a client on grpc-js, for an echo service on whatever stack behind an agent. Each throws what it did not like.
import assert from 'node:assert/strict';
import * as grpc from '@grpc/grpc-js';
import { ECHO_METHODS, type EchoClient } from '../support/echo-service.ts';

const identity = (bytes: Buffer): Buffer => bytes;

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

async function largeUnary(client: EchoClient): Promise<void> {
  const message = Buffer.alloc(4 * 1024 * 1024, 'large');
  assert.ok((await client.unary(message)).reply.equals(message), 'other bytes came back');
}

async function clientStreaming(client: EchoClient): Promise<void> {
  const messages = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 7, i));
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

async function pingPong(client: EchoClient): Promise<void> {
  const call = client.bidi();
  const replies = call[Symbol.asyncIterator]();
  for (let i = 0; i < 50; i++) {
    call.write(Buffer.from(`message ${i}`));
    assert.equal(`${(await replies.next()).value}`, `message ${i}`);
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

async function unimplementedMethod(client: EchoClient): Promise<void> {
  const call = new Promise((resolve, reject) => {
    const path = ECHO_METHODS.unary.path.replace('Unary', 'No');
    client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
  assert.equal((await failureOf(call)).code, grpc.status.UNIMPLEMENTED);
}

async function timeoutOnSleepingServer(client: EchoClient): Promise<void> {
  const call = client.unary(Buffer.alloc(0), metadataOf({ 'x-hang': '1' }), { deadline: Date.now() + 200 });
  assert.equal((await failureOf(call)).code, grpc.status.DEADLINE_EXCEEDED);
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

export const grpcJsCases: Readonly<Record<string, (client: EchoClient) => Promise<void>>> = {
  large_unary: largeUnary,
  client_streaming: clientStreaming,
  server_streaming: serverStreaming,
  ping_pong: pingPong,
  custom_metadata: customMetadata,
  status_code_and_message: statusCodeAndMessage,
  unimplemented_method: unimplementedMethod,
  timeout_on_sleeping_server: timeoutOnSleepingServer,
  cancel_after_first_response: cancelAfterFirstResponse,
};
