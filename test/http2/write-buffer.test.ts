// Frames on their way out: what is copied, what is referred to, and that the memory comes back.
import test from 'ava';
import { ReadBufferPool, SocketReadBuffer } from '../../agent/http2/read-buffer.ts';
import { WriteBuffer, WriteFlight } from '../../agent/http2/write-buffer.ts';
import { ChunkInHand, SlabPool } from '../../agent/http2/write-slab.ts';
import { data, flag, frame, rstStream, windowUpdate } from '../support/h2-peer.ts';

function make(): {
  pool: ReadBufferPool;
  slabs: SlabPool;
  chunk: ChunkInHand;
  write: WriteBuffer;
  flight: WriteFlight;
} {
  const pool = new ReadBufferPool();
  const slabs = new SlabPool();
  const chunk = new ChunkInHand(pool);
  return { pool, slabs, chunk, write: new WriteBuffer(slabs, chunk), flight: new WriteFlight() };
}

test('small frames stand in one piece, in their order', (t) => {
  const { write, flight } = make();
  const hello = Buffer.from('hello');
  write.data(1, hello, 0, 5, false, true);
  write.windowUpdate(3, 77);
  write.reset(5, 8);
  write.data(1, hello, 5, 5, true, true);
  const expected = Buffer.concat([data(1, 'hello'), windowUpdate(3, 77), rstStream(5, 8), data(1, '', flag.endStream)]);
  t.is(write.bytes, expected.length);
  write.take(flight);
  t.is(flight.parts.length, 1);
  t.deepEqual(Buffer.from(flight.parts[0]!), expected);
  t.is(write.bytes, 0);
});

test('frames that follow each other in a chunk leave as one slice of it, their headers rewritten in place', (t) => {
  const { pool, slabs, chunk, write, flight } = make();
  const payloads = [Buffer.alloc(16_384, 'a'), Buffer.alloc(16_384, 'b'), Buffer.alloc(16_384, 'c')];
  const bytes = Buffer.concat(payloads.map((payload) => data(9, payload)));
  const source = pool.take(2);
  bytes.copy(source.buffer);
  chunk.begin(source.buffer, source);
  write.windowUpdate(0, 5);
  payloads.forEach((_, i) => {
    const start = i * (16_384 + 9) + 9;
    chunk.payloadAt = start;
    write.data(1001, source.buffer, start, start + 16_384, i === 2, true);
  });
  write.windowUpdate(0, 6);
  const last = payloads.length - 1;
  const expected = Buffer.concat([
    windowUpdate(0, 5),
    ...payloads.map((payload, i) => data(1001, payload, i === last ? flag.endStream : 0)),
    windowUpdate(0, 6),
  ]);
  t.is(write.bytes, expected.length);
  write.take(flight);
  t.is(flight.parts.length, 3);
  t.is(flight.parts[1]!.buffer, source.buffer.buffer, 'not copied');
  t.deepEqual(Buffer.concat(flight.parts), expected);
  t.is(source.holds, 1);
  t.is(pool.heldBytes, 65_536);
  flight.release(slabs);
  t.deepEqual([source.holds, pool.heldBytes], [0, 0]);
});

test('the same bytes may go to two streams: only the first has its header in the chunk', (t) => {
  const { pool, chunk, write, flight } = make();
  const payload = Buffer.alloc(10_000, 'x');
  const source = pool.take(1);
  data(9, payload).copy(source.buffer);
  chunk.begin(source.buffer, source);
  chunk.payloadAt = 9;
  write.data(1, source.buffer, 9, 10_009, false, true);
  write.data(3, source.buffer, 9, 10_009, false, true);
  write.take(flight);
  t.deepEqual(Buffer.concat(flight.parts), Buffer.concat([data(1, payload), data(3, payload)]));
});

test('bytes that are not of the chunk in hand, or small, or to be written later, are copied', (t) => {
  const { pool, chunk, write, flight } = make();
  const other = Buffer.alloc(20_000, 'o');
  const source = pool.take(1);
  source.buffer.fill('s');
  chunk.begin(source.buffer, source);
  write.data(1, other, 0, 10_000, false, true);
  write.data(1, source.buffer, 0, 100, false, true);
  write.data(1, source.buffer, 0, 10_000, false, false);
  write.take(flight);
  t.is(source.holds, 0);
  other.fill(0);
  source.buffer.fill(0);
  const expected = [
    data(1, Buffer.alloc(10_000, 'o')),
    data(1, Buffer.alloc(100, 's')),
    data(1, Buffer.alloc(10_000, 's')),
  ];
  t.deepEqual(Buffer.concat(flight.parts), Buffer.concat(expected));
});

test('frames fill as many slabs as they need, and slabs are used again', (t) => {
  const { slabs, write, flight } = make();
  const payload = Buffer.alloc(16_000, 'p');
  for (let i = 0; i < 20; i++) write.data(1, payload, 0, payload.length, false, true);
  write.take(flight);
  t.deepEqual(Buffer.concat(flight.parts), Buffer.concat(Array.from({ length: 20 }, () => data(1, payload))));
  const used = new Set(flight.slabs);
  flight.release(slabs);
  t.true(used.has(slabs.take()));
});

test('GOAWAY carries no more than 256 bytes of text', (t) => {
  const { write, flight } = make();
  write.goAway(7, 11, 'é'.repeat(300));
  write.take(flight);
  const body = Buffer.concat([Buffer.from([0, 0, 0, 7, 0, 0, 0, 11]), Buffer.alloc(256, 0xe9)]);
  t.deepEqual(Buffer.concat(flight.parts), frame('GOAWAY', 0, 0, body));
});

test('a socket that fills its buffer gets a larger one, and a smaller one again when it reads little', (t) => {
  const memory = new SocketReadBuffer(new ReadBufferPool());
  t.is(memory.next(0).length, 4096);
  t.is(memory.next(4096).length, 16_384);
  t.is(memory.next(16_384).length, 65_536);
  t.is(memory.next(65_536).length, 262_144);
  t.is(memory.next(262_144).length, 262_144);
  for (let i = 0; i < 63; i++) t.is(memory.next(100).length, 262_144);
  t.is(memory.next(100).length, 65_536);
});

test('a buffer that a write still needs is replaced, and used again when it is free', (t) => {
  const pool = new ReadBufferPool();
  const memory = new SocketReadBuffer(pool);
  memory.next(4096);
  const first = memory.current;
  first.hold();
  t.not(memory.next(10), first.buffer);
  t.is(memory.next(10), memory.current.buffer, 'the second one stays');
  first.release();
  t.is(pool.take(1), first);
});

test('(E3) sockets that have read little share one buffer, and no write ever refers to it', (t) => {
  const { pool, chunk, write, flight } = make();
  const one = new SocketReadBuffer(pool);
  const other = new SocketReadBuffer(pool);
  t.is(one.current, other.current);
  const { buffer } = one.current;
  chunk.begin(buffer, one.current);
  write.data(1, buffer, 0, buffer.length, false, true);
  chunk.end();
  write.take(flight);
  t.is(flight.sources.length, 0);
  t.is(pool.heldBytes, 0);
  one.next(4096);
  t.not(one.current, other.current);
  one.free();
  t.is(new SocketReadBuffer(pool).current, other.current);
});

test('(E3) of large buffers 64 MiB are lent; then sockets keep what they have, and give it back sooner', (t) => {
  const pool = new ReadBufferPool();
  const fill = (): SocketReadBuffer => {
    const memory = new SocketReadBuffer(pool);
    for (const bytes of [4096, 16_384, 65_536]) memory.next(bytes);
    return memory;
  };
  const lent = (memories: readonly SocketReadBuffer[]): number =>
    memories.reduce((sum, { current }) => sum + (current.buffer.length === 4096 ? 0 : current.buffer.length), 0);
  const memories = Array.from({ length: 1000 }, fill);
  t.true(lent(memories) <= 67_108_864);
  t.true(lent(memories) > 67_000_000);
  memories[0]!.next(100);
  t.is(memories[0]!.current.buffer.length, 65_536);
  for (const memory of memories) memory.free();
  t.is(fill().current.buffer.length, 262_144);
});
