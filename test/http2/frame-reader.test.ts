// Bytes into frames: the same frames whatever the chunks, and no frame that is too large.
import test from 'ava';
import fc from 'fast-check';
import { FrameReader, type FrameSink } from '../../agent/http2/frame-reader.ts';
import { ReadBufferPool } from '../../agent/http2/read-buffer.ts';
import { ChunkInHand } from '../../agent/http2/write-slab.ts';
import { data, flag, frame, headers, paddedData, ping, preface, request } from '../support/h2-peer.ts';

/** Writes down what it is told, parts of one DATA frame joined. */
class Transcript implements FrameSink {
  readonly lines: string[] = [];
  isStopped = false;
  #body = '';

  onFrame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    this.lines.push(`frame ${type} ${flags} ${streamId} ${buf.toString('hex', start, end)}`);
  }

  onDataBegin(flags: number, streamId: number, length: number, padding: number): void {
    this.lines.push(`data ${flags} ${streamId} ${length} ${padding}`);
    this.#body = '';
  }

  onDataPart(buf: Buffer, start: number, end: number, isLast: boolean): void {
    this.#body += buf.toString('hex', start, end);
    if (isLast) this.lines.push(`body ${this.#body}`);
  }

  onReadError(code: number, reason: string): void {
    this.isStopped = true;
    this.lines.push(`error ${code} ${reason}`);
  }
}

/** The transcript of these bytes, read in chunks of these sizes, over and over. */
function transcript(bytes: Buffer, sizes: readonly number[], expectsPreface = false, maxFrames = 1e9): string[] {
  const sink = new Transcript();
  const reader = new FrameReader(sink, new ChunkInHand(new ReadBufferPool()), 16_384, expectsPreface);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    // A copy each time, wiped behind the reader: nothing may be kept of a chunk.
    const chunk = Buffer.from(bytes.subarray(at, at + sizes[i % sizes.length]!));
    let read = 0;
    while (read < chunk.length) read = reader.read(chunk, read, chunk.length, maxFrames);
    at += chunk.length;
    chunk.fill(0xee);
  }
  return sink.lines;
}

const anyFrame: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(fc.nat(20), fc.nat(255), fc.nat(0x7fff_ffff), fc.uint8Array({ maxLength: 300 }))
    .filter(([type]) => type !== 0)
    .map(([type, flags, id, payload]) => frame(type, flags, id, payload)),
  fc
    .tuple(fc.nat(0x7fff_ffff), fc.uint8Array({ maxLength: 2000 }), fc.boolean())
    .map(([id, payload, ends]) => data(id, payload, ends ? flag.endStream : 0)),
  fc
    .tuple(fc.nat(9), fc.string({ maxLength: 200 }), fc.nat(255))
    .map(([id, text, padding]) => paddedData(id, text, padding)),
);

test('(11) any cutting of a byte stream into chunks, and into turns, reads the same', (t) => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 4 }),
      (frames, sizes, maxFrames) => {
        const bytes = Buffer.concat([preface, ...frames]);
        const whole = transcript(bytes, [bytes.length], true);
        t.deepEqual(transcript(bytes, sizes, true, maxFrames), whole);
        t.deepEqual(transcript(bytes, [1], true), whole);
      },
    ),
    { seed: 11, numRuns: 150, interruptAfterTimeLimit: 1500 },
  );
  t.pass();
});

test('padding is told apart from payload, and an empty frame has an empty body', (t) => {
  const bytes = Buffer.concat([paddedData(1, 'ab', 5), paddedData(3, '', 0), data(5, '')]);
  t.deepEqual(transcript(bytes, [7]), ['data 8 1 8 6', 'body 6162', 'data 8 3 1 1', 'body ', 'data 0 5 0 0', 'body ']);
});

test('(12) a frame beyond the limit is refused by its header, and what follows is dropped', (t) => {
  const bytes = Buffer.concat([ping('12345678'), frame(4, 0, 0, Buffer.alloc(16_385)), ping('abcdefgh')]);
  for (const size of [bytes.length, 10, 1]) {
    const lines = transcript(bytes, [size]);
    t.is(lines.length, 2);
    t.regex(lines[1]!, /^error 6 a frame of 16385 bytes/);
  }
});

test('(C13) part of a frame waits for the rest, without a word', (t) => {
  const sink = new Transcript();
  const reader = new FrameReader(sink, new ChunkInHand(new ReadBufferPool()), 16_384, false);
  const bytes = ping('12345678');
  t.is(reader.read(bytes, 0, 12, 100), 12);
  t.true(reader.isInsideFrame);
  t.deepEqual(sink.lines, []);
  reader.read(bytes, 12, bytes.length, 100);
  t.false(reader.isInsideFrame);
  t.is(sink.lines.length, 1);
});

test('a reader stops between two frames when its turn is over', (t) => {
  const sink = new Transcript();
  const reader = new FrameReader(sink, new ChunkInHand(new ReadBufferPool()), 16_384, false);
  const bytes = Buffer.concat([ping('........'), data(1, 'abc'), headers(3, request()), ping('--------')]);
  t.is(reader.read(bytes, 0, bytes.length, 2), 17 + 12);
  t.is(sink.lines.length, 3);
});

test('a server begins 63 calls in a turn of 1,000 frames, whatever else a chunk holds', (t) => {
  const sink = new Transcript();
  const reader = new FrameReader(sink, new ChunkInHand(new ReadBufferPool()), 16_384, true);
  const call = headers(1, request());
  const bytes = Buffer.concat([preface, ...Array.from({ length: 200 }, () => call)]);
  let at = 0;
  for (const calls of [63, 63, 63, 11]) {
    const next = reader.read(bytes, at, bytes.length, 1000);
    t.is(next - at, calls * call.length + (at === 0 ? preface.length : 0));
    at = next;
  }
});
