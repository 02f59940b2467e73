// (132) Frames at random, sound and unsound, at connections of both roles: whatever comes, nothing is thrown, every
// stream ends once, and every connection closes.
import test from 'ava';
import fc from 'fast-check';
import type { Stream } from '../../agent/http2/index.ts';
import {
  data,
  type Fields,
  flag,
  frame,
  goAway,
  H2Peer,
  headers,
  paddedData,
  ping,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { dial, environment, requestFields, type StreamEvent, StreamLog, serve } from './connection-fixture.ts';

const streamId = fc.constantFrom(1, 1, 1, 3, 3, 5, 7, 9, 2, 0);
const flags = fc.constantFrom(0, 0, flag.endStream);
const fields: fc.Arbitrary<Fields> = fc.constantFrom<Fields>(
  request(),
  request(),
  [...request(), ['content-length', '10']],
  [[':status', '200']],
  [[':status', '200']],
  [[':status', '100']],
  [['grpc-status', '0']],
  [['Bad', 'name']],
);

const anyFrame: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(streamId, fields, flags).map(([id, block, f]) => headers(id, block, f)) },
  { weight: 6, arbitrary: fc.tuple(streamId, fc.nat(3000), flags).map(([id, n, f]) => data(id, Buffer.alloc(n), f)) },
  { weight: 1, arbitrary: fc.tuple(streamId, fc.nat(50)).map(([id, n]) => paddedData(id, 'x', n)) },
  { weight: 2, arbitrary: fc.tuple(streamId, fc.nat(13)).map(([id, code]) => rstStream(id, code)) },
  { weight: 2, arbitrary: fc.tuple(streamId, fc.nat(100_000)).map(([id, n]) => windowUpdate(id, n)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 7 }), fc.nat(70_000)).map(([id, n]) => settings([id, n])),
  },
  { weight: 1, arbitrary: fc.constantFrom(ping('12345678'), settingsAck(), goAway(3, 0), goAway(1, 0)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(12), fc.nat(255), streamId, fc.uint8Array({ maxLength: 40 }))
      .map(([type, f, id, payload]) => frame(type, f, id, payload)),
  },
);

const script = fc.record({
  frames: fc.array(anyFrame, { minLength: 1, maxLength: 25 }),
  cut: fc.nat(400),
  /** What handlers do with each event, one after the other. */
  deeds: fc.array(fc.constantFrom('respond', 'send', 'end', 'reset', 'nothing', 'nothing', 'drain'), {
    minLength: 1,
    maxLength: 8,
  }),
  ending: fc.constantFrom<'end' | 'reset'>('end', 'reset'),
});

const { shapes } = environment('server');
const head = shapes.block([[':status', '200']]);
const trailers = shapes.block([['grpc-status', '0']]);
const body = Buffer.alloc(20_000);

function act(deed: string, stream: Stream): void {
  if (deed === 'respond') stream.sendHeaders(head, false);
  else if (deed === 'send') stream.sendData(body, 0, body.length, false);
  else if (deed === 'end') stream.sendHeaders(trailers, true);
  else if (deed === 'reset') stream.reset(8);
  else if (deed === 'drain') stream.connection.drain(50);
}

/** Nothing comes behind a reset, and only one end. */
function isOrderly(events: readonly StreamEvent[]): boolean {
  const ends = events.filter((event) => event.kind === 'reset' || event.end).length;
  const reset = events.findIndex(({ kind }) => kind === 'reset');
  return ends <= 2 && (reset === -1 || reset === events.length - 1);
}

async function play(peer: H2Peer, bytes: Buffer, cut: number, ending: 'end' | 'reset'): Promise<void> {
  peer.socket.write(bytes.subarray(0, cut));
  await new Promise((resolve) => setImmediate(resolve));
  peer.socket.write(bytes.subarray(cut));
  await Promise.race([peer.roundTrip().catch(() => {}), peer.closed]);
  // A reset of a socket that has ended would leave its handle open (Node 26).
  if (ending === 'end' || peer.socket.writableEnded) peer.socket.end();
  else peer.socket.resetAndDestroy();
}

test('a server survives any frames', async (t) => {
  await fc.assert(
    fc.asyncProperty(script, async ({ frames, cut, deeds, ending }) => {
      const { port, environment: env, log, connection } = await serve(t, { lingerTimeoutMs: 20 });
      let at = 0;
      log.onNewStream = (stream) => {
        stream.onEvent = (s, event) => event.kind !== 'reset' && act(deeds[at++ % deeds.length]!, s);
      };
      const peer = await H2Peer.connect(port);
      await play(peer, Buffer.concat([preface, settings(), settingsAck(), ...frames]), cut, ending);
      await log.closed;
      peer.socket.destroy();
      t.deepEqual(
        env.logs.filter(({ level }) => level === 'error'),
        [],
      );
      t.is((await connection).activeStreams, 0);
      t.true(log.streams.every(({ events }) => isOrderly(events)));
      t.is(log.ends.length, 1);
    }),
    { seed: 132, numRuns: 150, interruptAfterTimeLimit: 2500 },
  );
  t.pass();
});

test('a client survives any frames', async (t) => {
  const listening = await H2Peer.listen();
  t.teardown(listening.close);
  await fc.assert(
    fc.asyncProperty(script, async ({ frames, cut, deeds, ending }) => {
      const { connection, log, environment: env } = await dial(t, listening.port, { lingerTimeoutMs: 20 });
      const peer = await listening.next();
      let at = 0;
      const calls = Array.from({ length: 4 }, () => {
        const call = new StreamLog();
        call.onEvent = (s, event) => event.kind !== 'reset' && act(deeds[at++ % deeds.length]!, s);
        connection.openStream(call).sendHeaders(env.shapes.block(requestFields), false);
        return call;
      });
      await play(peer, Buffer.concat([settings(), settingsAck(), ...frames]), cut, ending);
      await log.closed;
      peer.socket.destroy();
      t.deepEqual(
        env.logs.filter(({ level }) => level === 'error'),
        [],
      );
      t.is(connection.activeStreams, 0);
      t.true(calls.every(({ events }) => isOrderly(events)));
      t.is(log.ends.length, 1);
    }),
    { seed: 132, numRuns: 150, interruptAfterTimeLimit: 2500 },
  );
  t.pass();
});
