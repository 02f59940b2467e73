// Programs for a pod and its world, unmodified clients and servers: `serve HOST:PORT NAME` gRPC, `echo-serve HOST:PORT NAME`
// the echo service, `call HOST:PORT AUTHORITY` gRPC, `http-serve HOST:PORT`, `http-get URL`, `upper-serve HOST:PORT` (answers in capitals once its client has ended its
// half), `upper HOST:PORT TEXT`, `peer-serve HOST:PORT` (answers with the address it is called from).
import http from 'node:http';
import net from 'node:net';
import { buffer } from 'node:stream/consumers';
import * as grpc from '@grpc/grpc-js';
import { ECHO_METHODS, EchoClient, startEchoServer } from '../support/echo-service.ts';

const [action = '', where = '', word = ''] = process.argv.slice(2);
const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(where) ?? [];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function serve(): Promise<void> {
  const server = new grpc.Server();
  server.addService({ Unary: ECHO_METHODS.unary } as unknown as grpc.ServiceDefinition, {
    Unary: ({ request }: { request: Buffer }, callback: grpc.sendUnaryData<Buffer>) =>
      callback(null, Buffer.from(`${word} heard ${request}`)),
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(where, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  say('ready');
}

async function echoServe(): Promise<void> {
  const server = await startEchoServer(word, Number(port), {}, host);
  process.once('SIGTERM', () => void server.end().then(() => process.exit(0)));
  say('ready');
}

async function call(): Promise<void> {
  const client = new EchoClient(0, word, {}, grpc.credentials.createInsecure(), where);
  try {
    say(
      (
        await client.unary(Buffer.from('hello'), new grpc.Metadata(), { deadline: Date.now() + 10_000 })
      ).reply.toString(),
    );
  } catch (error) {
    say(String((error as grpc.ServiceError).message));
  }
  client.close();
}

switch (action) {
  case 'serve':
    await serve();
    break;
  case 'echo-serve':
    await echoServe();
    break;
  case 'call':
    await call();
    break;
  case 'http-serve':
    http
      .createServer((request, response) => response.end(`${request.method} ${request.url}`))
      .listen(Number(port), host, () => say('ready'));
    break;
  case 'http-get':
    say(
      await fetch(where).then(
        (response) => response.text(),
        (error: Error) => String(error.cause),
      ),
    );
    break;
  case 'upper-serve':
    net
      .createServer({ allowHalfOpen: true }, (socket) => {
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk;
        });
        socket.on('end', () => socket.end(text.toUpperCase()));
      })
      .listen(Number(port), host, () => say('ready'));
    break;
  case 'peer-serve':
    net
      .createServer((socket) => socket.end(socket.remoteAddress?.replace('::ffff:', '') ?? ''))
      .listen(Number(port), host, () => say('ready'));
    break;
  case 'upper': {
    const socket = net.connect({ host, port: Number(port), allowHalfOpen: true });
    socket.end(word);
    say((await buffer(socket)).toString());
    break;
  }
}
