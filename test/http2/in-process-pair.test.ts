// A connection within the process: what one end writes the other reads, at its own pace.
import { once } from 'node:events';
import test from 'ava';
import { createInProcessPair } from '../../agent/http2/in-process-pair.ts';

test('memory that was written may be used again as soon as the write has completed', async (t) => {
  const [a, b] = createInProcessPair();
  const memory = Buffer.from('first');
  await new Promise((resolve) => {
    a.write(memory, resolve);
  });
  memory.fill(0);
  t.is(String(b.read()), 'first');
});

test('a write completes only when the other end has room', async (t) => {
  const [a, b] = createInProcessPair();
  let completed = 0;
  const chunk = Buffer.alloc(b.readableHighWaterMark);
  a.write(chunk, () => completed++);
  a.write(chunk, () => completed++);
  await new Promise(setImmediate);
  t.is(completed, 0);
  b.read();
  await once(b, 'readable');
  t.true(completed >= 1);
});

test('the end of one is the end of the other, in order or not', async (t) => {
  const [a, b] = createInProcessPair();
  const ended = once(b.resume(), 'end');
  a.end('last');
  await ended;
  const [c, d] = createInProcessPair();
  const closed = once(d, 'close');
  c.destroy();
  await closed;
  d.on('error', () => {});
  t.true(d.destroyed);
});

test('a write that waits fails when the other end goes', async (t) => {
  const [a, b] = createInProcessPair();
  a.on('error', () => {});
  const failed = new Promise<Error | null | undefined>((resolve) => {
    a.write(Buffer.alloc(1_000_000), resolve);
  });
  b.destroy();
  t.truthy(await failed);
});
