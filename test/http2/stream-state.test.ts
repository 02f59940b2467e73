// The life of a stream (RFC 9113 section 5.1), what is remembered of it, and what it queues.
import test from 'ava';
import fc from 'fast-check';
import { FrameType } from '../../agent/http2/frame.ts';
import { ClosedStreams } from '../../agent/http2/stream-closed.ts';
import { StreamQueue } from '../../agent/http2/stream-queue.ts';
import { afterReceivingEnd, afterSendingEnd, judgeLateFrame, StreamState } from '../../agent/http2/stream-state.ts';

test('a stream has ended when both sides have, in either order, and a reset stream stays reset (5.1)', (t) => {
  const { open, halfClosedLocal, halfClosedRemote, ended, reset } = StreamState;
  t.is(afterSendingEnd(open), halfClosedLocal);
  t.is(afterReceivingEnd(open), halfClosedRemote);
  t.is(afterReceivingEnd(halfClosedLocal), ended);
  t.is(afterSendingEnd(halfClosedRemote), ended);
  t.is(afterSendingEnd(reset), reset);
  t.is(afterReceivingEnd(reset), reset);
});

test('a late frame is judged by how its stream closed', (t) => {
  const { DATA, HEADERS, PRIORITY, RST_STREAM, WINDOW_UPDATE } = FrameType;
  for (const type of [PRIORITY, RST_STREAM, WINDOW_UPDATE]) t.is(judgeLateFrame(type, 'end', 'server'), 'ignore');
  t.is(judgeLateFrame(DATA, 'own-reset', 'server'), 'ignore');
  t.is(judgeLateFrame(DATA, 'end', 'server'), 'stream-closed');
  t.is(judgeLateFrame(HEADERS, 'peer-reset', 'server'), 'stream-closed');
  t.is(judgeLateFrame(HEADERS, 'unknown', 'server'), 'protocol-error');
  t.is(judgeLateFrame(DATA, 'end', 'client'), 'ignore');
});

test('the last 256 closed streams are remembered, with how they closed', (t) => {
  const closed = new ClosedStreams();
  const causes = ['end', 'own-reset', 'peer-reset'] as const;
  for (let i = 0; i < 300; i++) closed.add(2 * i + 1, causes[i % 3]!);
  for (let i = 44; i < 300; i++) t.is(closed.closedBy(2 * i + 1), causes[i % 3]!);
  t.is(closed.closedBy(2 * 43 + 1), 'unknown');
  closed.add(0x7fff_ffff, 'own-reset');
  t.is(closed.closedBy(0x7fff_ffff), 'own-reset');
  t.is(closed.closedBy(0), 'unknown');
});

test('a queue gives back the bytes that it was given, in order, however they are cut', (t) => {
  const piece = fc.uint8Array({ maxLength: 40_000, size: 'max' });
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1 }),
      (pieces, takes) => {
        const queue = new StreamQueue();
        const out: Buffer[] = [];
        const take = (most: number): void => {
          if (queue.bytes === 0) return;
          const bytes = Math.min(most, queue.firstEnd - queue.firstStart);
          out.push(Buffer.from(queue.firstChunk.subarray(queue.firstStart, queue.firstStart + bytes)));
          queue.consume(bytes);
        };
        pieces.forEach((bytes, i) => {
          queue.append(Buffer.from(bytes), 0, bytes.length);
          take(takes[i % takes.length]!);
        });
        while (queue.bytes > 0) take(takes[0]!);
        t.true(Buffer.concat(out).equals(Buffer.concat(pieces)));
      },
    ),
    { seed: 51, numRuns: 60, interruptAfterTimeLimit: 1000 },
  );
  t.pass();
});

test('(D1) many small pieces are held in the memory of what they carry', (t) => {
  const queue = new StreamQueue();
  const chunk = Buffer.alloc(65_536);
  for (let i = 0; i < 65_536; i++) queue.append(chunk, i, i + 1);
  let chunks = 0;
  let memory = 0;
  while (queue.bytes > 0) {
    chunks++;
    memory += queue.firstChunk.length;
    queue.consume(queue.firstEnd - queue.firstStart);
  }
  t.true(memory <= 2 * 65_536, `${memory} bytes for 65536`);
  t.true(chunks < 20);
});
