// The line through samples of memory.
import test from 'ava';
import { memoryTrend } from './memory-trend.ts';
import { Random } from './random.ts';

const random = new Random(1);
const noise = (): number => (random.next() - 0.5) * 1e6;

test('what grows by a megabyte a minute is seen through noise, and the warm-up does not count', (t) => {
  const samples = Array.from({ length: 100 }, (_, i) => ({
    ms: i * 6000,
    bytes: i < 30 ? i * 1e6 : 30e6 + i * 1e5 + noise(),
  }));
  const { bytesPerMinute, growthBytes } = memoryTrend(samples);
  t.true(Math.abs(bytesPerMinute - 1e6) < 1e5, `${bytesPerMinute}`);
  t.true(Math.abs(growthBytes - 6.9e6) < 5e5, `${growthBytes}`);
});

test('what only swings is flat', (t) => {
  const samples = Array.from({ length: 100 }, (_, i) => ({ ms: i * 6000, bytes: 30e6 + (i % 2) * 5e6 }));
  t.true(Math.abs(memoryTrend(samples).growthBytes) < 5e5);
});

test('two samples make no trend once the warm-up is taken away', (t) => {
  t.throws(() => memoryTrend([{ ms: 0, bytes: 1 }]), { message: /too few/ });
});

test('one seed draws the same again, and another does not', (t) => {
  const draw = (seed: number): number[] => {
    const from = new Random(seed);
    return Array.from({ length: 20 }, () => from.integer(1, 6));
  };
  t.deepEqual(draw(7), draw(7));
  t.notDeepEqual(draw(7), draw(8));
  t.true(draw(9).every((eye) => eye >= 1 && eye <= 6));
});
