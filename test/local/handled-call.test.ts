// The border between a grpc-js server's call and a call that is proxied: who may send how much.
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { Metadata } from '@grpc/grpc-js';
import test from 'ava';
import { Flusher, HeaderShapes, type Stream, type StreamHandler } from '../../agent/http2/index.ts';
import { HandledCall, type ServerCall } from '../../agent/local/handled-call.ts';

/** What a server hands to its handler; what is written waits until the test takes it. */
class HeldCall extends Duplex implements ServerCall {
  readonly metadata = new Metadata();
  readonly written: Buffer[] = [];
  letThrough: () => void = () => {};

  constructor() {
    super({ objectMode: true, highWaterMark: 1 });
  }

  override _read(): void {}

  override _write(message: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(message);
    this.letThrough = done;
    this.emit('test:written');
  }

  getPeer(): string {
    return '::1:5000';
  }

  getHost(): string {
    return 'echo.test';
  }

  getDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  sendMetadata(): void {}
}

function begin() {
  const call = new HeldCall();
  const shapes = new HeaderShapes();
  const sent: number[] = [];
  const received: number[] = [];
  let stream: Stream | null = null;
  const handler: StreamHandler = {
    onHeaders: () => {},
    onData: (_stream, _buf, start, end) => received.push(end - start),
    onReset: () => {},
    onSent: (_stream, bytes) => {
      sent.push(bytes);
      call.emit('test:sent');
    },
  };
  HandledCall.begin(call, {
    path: '/a.B/C',
    maxMessageBytes: 1000,
    shapes,
    flusher: new Flusher(),
    onEnd: () => {},
    accept: (of) => {
      stream = of;
      return handler;
    },
  });
  const head = shapes.block([
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ]);
  return { call, stream: stream! as Stream, head, sent, received };
}

test('what the client has not taken is not told as sent, so that its endpoint sends no more', async (t) => {
  const { call, stream, head, sent } = begin();
  const message = Buffer.from([0, 0, 0, 0, 1, 7]);
  stream.sendHeaders(head, false);
  stream.sendData(message, 0, message.length, false);
  stream.sendData(message, 0, message.length, false);
  await new Promise(setImmediate);
  t.deepEqual(call.written, [Buffer.from([7])]);
  t.deepEqual(sent, []);
  t.is(stream.queuedBytes, 12);
  const told = once(call, 'test:sent');
  const second = once(call, 'test:written');
  call.letThrough();
  await second;
  call.letThrough();
  await told;
  t.deepEqual(sent, [12]);
  t.is(stream.queuedBytes, 0);
});

test('of a client that sends more than goes on, no more is read until it does', async (t) => {
  const { call, stream, received } = begin();
  call.push(Buffer.alloc(300_000));
  await once(call, 'data');
  t.true(call.isPaused());
  t.deepEqual(received, [5, 300_000]);
  stream.credit(300_005);
  t.false(call.isPaused());
});

test('the peer is told in the spelling of all addresses', (t) => {
  const { stream } = begin();
  t.is(stream.connection.peer, '[::1]:5000');
});
