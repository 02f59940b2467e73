// What sound peers say to each other, recorded on the wire: grpc-js calls grpc-js through an agent, so that there are a
// client's and a server's bytes of grpc-js and of ours.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { startDataPlane } from '../support/data-plane.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { plainMesh } from '../support/resources.ts';

export interface Recordings {
  /** From the preface on. */
  readonly clients: readonly Buffer[];
  readonly servers: readonly Buffer[];
}

/** Passes connections on to a port, and keeps what passes. */
async function startTee(port: number) {
  const up: Buffer[] = [];
  const down: Buffer[] = [];
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port, noDelay: true });
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('data', (chunk: Buffer) => {
      up.push(chunk);
      far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      down.push(chunk);
      near.write(chunk);
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => server.close(),
    client: () => Buffer.concat(up),
    server: () => Buffer.concat(down),
  };
}

export async function recordCalls(): Promise<Recordings> {
  const server = await startEchoServer();
  const behind = await startTee(server.port);
  const plane = startDataPlane(plainMesh('app', 'inbound', [behind.port]));
  const before = await startTee(await plane.port('app'));
  const client = new EchoClient(before.port, 'echo');
  const metadata = new grpc.Metadata();
  metadata.set('x-text', 'value');
  metadata.set('x-raw-bin', Buffer.from([0, 1, 254, 255]));
  for (let i = 0; i < 3; i++) await client.unary(Buffer.alloc(100 * i, i), metadata);
  const failing = new grpc.Metadata();
  failing.set('x-fail', '9');
  await client.unary(Buffer.alloc(0), failing).catch(() => {});
  await client.clientStream([Buffer.alloc(10), Buffer.alloc(2000), Buffer.alloc(0)]);
  const counted = new grpc.Metadata();
  counted.set('x-count', '5');
  for await (const _ of client.serverStream(Buffer.alloc(300, 5), counted));
  client.close();
  plane.stop();
  before.stop();
  behind.stop();
  await server.stop();
  return { clients: [before.client(), behind.client()], servers: [before.server(), behind.server()] };
}
