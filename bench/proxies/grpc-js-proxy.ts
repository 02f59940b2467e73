// A proxy as one would write it with grpc-js: messages are taken out of one call and put into another, as bytes.
// Arguments: PORT ENDPOINT_PORT...
import * as grpc from '@grpc/grpc-js';
import { METHOD_PATH } from '../load/payload.ts';

const [port = 0, ...endpoints] = process.argv.slice(2).map(Number);
const clients = endpoints.map(
  (endpoint) => new grpc.Client(`127.0.0.1:${endpoint}`, grpc.credentials.createInsecure()),
);
const keep = (bytes: Buffer): Buffer => bytes;
let next = 0;

function method(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  const codec = {
    requestSerialize: keep,
    requestDeserialize: keep,
    responseSerialize: keep,
    responseDeserialize: keep,
  };
  return { path, requestStream: true, responseStream: true, ...codec };
}

function forward(path: string): grpc.handleBidiStreamingCall<Buffer, Buffer> {
  return (downstream) => {
    const client = clients[next++ % clients.length]!;
    const upstream = client.makeBidiStreamRequest(path, keep, keep, downstream.metadata);
    let trailers = new grpc.Metadata();
    downstream.on('data', (message: Buffer) => upstream.write(message));
    downstream.on('end', () => upstream.end());
    downstream.on('cancelled', () => upstream.cancel());
    upstream.on('data', (message: Buffer) => downstream.write(message));
    upstream.on('error', (error: grpc.ServiceError) => downstream.emit('error', error));
    upstream.on('status', ({ code, metadata }) => {
      trailers = metadata;
      if (code === grpc.status.OK) downstream.end(trailers);
    });
  };
}

const server = new grpc.Server({ 'grpc.max_concurrent_streams': 1000 });
server.addService({ getProduct: method(METHOD_PATH) }, { getProduct: forward(METHOD_PATH) });
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
