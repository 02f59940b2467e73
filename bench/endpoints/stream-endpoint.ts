// An endpoint that answers each call with a stream of messages of 1 KiB, each in a DATA frame of its own as long as the
// windows are open. Arguments: PORT MESSAGES
import net from 'node:net';
import {
  accept,
  defaultLimits,
  Flusher,
  HeaderShapes,
  type Stream,
  type StreamHandler,
} from '../../agent/http2/index.ts';
import { grpcMessage } from '../load/payload.ts';

const [port = 0, messages = 0] = process.argv.slice(2).map(Number);
/** Messages that may wait for a window. */
const maxUnsent = 64;

const shapes = new HeaderShapes();
const message = grpcMessage(1024, 0x62);
const head = shapes.block([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const trailers = shapes.block([['grpc-status', '0']]);
const environment = {
  shapes,
  flusher: new Flusher(),
  limits: defaultLimits('server'),
  now: () => performance.now(),
  log: () => {},
};

function answer(): StreamHandler {
  let sent = 0;
  let unsentBytes = 0;
  const send = (stream: Stream): void => {
    while (sent < messages && unsentBytes < maxUnsent * message.length) {
      sent++;
      unsentBytes += message.length;
      stream.sendData(message, 0, message.length, false);
      if (sent === messages) stream.sendHeaders(trailers, true);
    }
  };
  const begin = (stream: Stream): void => {
    stream.sendHeaders(head, false);
    send(stream);
  };
  return {
    onHeaders: (stream, _block, endStream) => {
      if (endStream) begin(stream);
    },
    onData: (stream, _buf, start, end, endStream) => {
      stream.credit(end - start);
      if (endStream) begin(stream);
    },
    onSent: (stream, bytes) => {
      unsentBytes -= bytes;
      send(stream);
    },
    onReset: () => {},
  };
}

const server = net.createServer((socket) => {
  accept(socket, environment, {
    onStream: answer,
    onRoom: () => {},
    onGoAway: () => {},
    onClosed: () => {},
  });
});
server.listen(port, '127.0.0.1');
