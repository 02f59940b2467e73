// The endpoint behind the attacked agent, innocent and fast: it answers unary calls when their request has ended, never
// those to HOLD, those to BEGIN with headers only, and BULK with 64 KiB. It speaks through our own codec, so that it is not what an attack wears out.
import { createServer } from 'node:net';
import {
  accept,
  type ConnectionEnvironment,
  type ConnectionHandler,
  defaultLimits,
  Flusher,
  type HeaderBlock,
  HeaderShapes,
  type Stream,
  type StreamHandler,
} from '../../agent/http2/index.ts';
import { BEGIN, BULK, HOLD } from './flood.ts';

const bulk = Buffer.alloc(65_536, 1);
const message = Buffer.alloc(5);

const environment: ConnectionEnvironment = {
  shapes: new HeaderShapes(),
  flusher: new Flusher(),
  // It gives whoever asks all that is asked for: what is kept of it is the agent's to bound.
  limits: {
    ...defaultLimits('server'),
    maxQueuedBytes: Number.POSITIVE_INFINITY,
    maxUnreadBytes: Number.POSITIVE_INFINITY,
    maxPlaneQueuedBytes: Number.POSITIVE_INFINITY,
  },
  now: () => performance.now(),
  log: () => {},
};
const head = environment.shapes.block([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const trailers = environment.shapes.block([['grpc-status', '0']]);

class Answer implements StreamHandler {
  #path = '';

  onHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (stream.headersAre === 'head') this.#path = block.value(':path') ?? '';
    if (endStream) this.#answer(stream);
  }

  onData(stream: Stream, _buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#path === HOLD) return;
    stream.credit(end - start);
    if (endStream) this.#answer(stream);
  }

  onReset(): void {}

  onSent(): void {}

  #answer(stream: Stream): void {
    if (this.#path === HOLD) return;
    const body = this.#path === BULK ? bulk : message;
    stream.sendHeaders(head, false);
    if (this.#path === BEGIN) return;
    stream.sendData(body, 0, body.length, false);
    stream.sendHeaders(trailers, true);
  }
}

const handler: ConnectionHandler = {
  onStream: () => new Answer(),
  onRoom: () => {},
  onGoAway: () => {},
  onClosed: () => {},
};

const server = createServer({ noDelay: true }, (socket) => void accept(socket, environment, handler));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.send?.({ kind: 'listening', port: address.port });
});
process.on('disconnect', () => process.exit(0));
