// What a connection keeps: nothing of streams that have ended, and no more than its windows of one that nobody reads.
import { createServer } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { accept, type Connection, type HeaderBlock, type Stream, type StreamHandler } from '../../agent/http2/index.ts';
import { flag, H2Peer, headers, request, windowUpdate } from '../support/h2-peer.ts';
import { ConnectionLog, dial, environment, requestFields, serve } from './connection-fixture.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Heap and array buffers after a collection, MiB. */
function usedMiB(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1_048_576;
}

test.serial('(131) 100,000 streams one after the other leave nothing behind', async (t) => {
  const env = environment('server');
  const head = env.shapes.block([[':status', '200']]);
  const trailers = env.shapes.block([['grpc-status', '0']]);
  const answer: StreamHandler = {
    onHeaders(stream) {
      stream.sendHeaders(head, false);
      stream.sendData(Buffer.from('answer'), 0, 6, false);
      stream.sendHeaders(trailers, true);
    },
    onData() {},
    onReset() {},
    onSent() {},
  };
  const log = new ConnectionLog();
  const served: Connection[] = [];
  const server = createServer((socket) =>
    served.push(accept(socket, env, { onStream: () => answer, onRoom() {}, onGoAway() {}, onClosed() {} })),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { connection, environment: clientEnv } = await dial(t, address.port);
  const block = clientEnv.shapes.block(requestFields);

  const run = (calls: number): Promise<void> =>
    new Promise((resolve) => {
      let started = 0;
      let ended = 0;
      const caller: StreamHandler = {
        onHeaders(_stream: Stream, _block: HeaderBlock, endStream: boolean) {
          if (!endStream) return;
          ended++;
          if (ended === calls) resolve();
          else if (started < calls) start();
        },
        onData(stream, _buf, from, to) {
          stream.credit(to - from);
        },
        onReset() {},
        onSent() {},
      };
      const start = (): void => {
        started++;
        connection.openStream(caller).sendHeaders(block, true);
      };
      for (let i = 0; i < 20; i++) start();
    });
  await run(10_000);
  const before = usedMiB();
  await run(90_000);
  const grown = usedMiB() - before;
  t.true(grown < 1, `${grown.toFixed(2)} MiB more after 90,000 calls`);
  t.is(served[0]!.stats.streamsOpened, 100_000);
  t.deepEqual([connection.activeStreams, served[0]!.activeStreams, log.ends.length], [0, 0, 0]);
});

test.serial(
  '(108) a client that reads nothing of an endless stream holds up its source, and costs a window',
  async (t) => {
    const { port, environment: env, log } = await serve(t);
    const chunk = Buffer.alloc(65_536);
    let given = 0;
    const head = env.shapes.block([[':status', '200']]);
    log.onNewStream = (streamLog) => {
      streamLog.onEvent = (stream, event) => {
        if (event.kind !== 'headers') return;
        stream.sendHeaders(head, false);
        // A source with a window of 256 KiB, refilled as bytes leave.
        for (let i = 0; i < 4; i++) stream.sendData(chunk, 0, chunk.length, false);
        given = 4 * chunk.length;
      };
      streamLog.onSent = (stream, bytes) => {
        given += bytes;
        stream.sendData(chunk, 0, bytes, false);
      };
    };
    const peer = await H2Peer.ready(port, [0x4, 0x7fff_ffff]);
    peer.send(windowUpdate(0, 0x7fff_ffff - 65_535));
    const before = usedMiB();
    peer.socket.pause();
    peer.send(headers(1, request(), flag.endStream));
    // The kernel takes some; then nothing moves any more.
    let last = -1;
    while (given !== last) {
      last = given;
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    }
    const grown = usedMiB() - before;
    t.true(given < 16 * 1_048_576, `${given} bytes were given`);
    t.true(grown < 2, `${grown.toFixed(2)} MiB for ${(given / 1_048_576).toFixed(1)} MiB given`);
    const stream = (await log.stream(0)).stream!;
    t.true(stream.queuedBytes <= 262_144);
    peer.socket.destroy();
  },
);
