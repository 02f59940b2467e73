// Numbers as the page writes them.

import test from 'ava';
import { nextRange } from '../../admin-ui/src/chart-scale.ts';
import {
  formatAge,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  shortMethod,
  shortVersion,
} from '../../admin-ui/src/number-format.ts';

test('a duration has three digits and the unit that suits it', (t) => {
  const inputs = [0.0004, 0.64, 0.9996, 3.417, 41.04, 380.2, 999.6, 2100, 75_000];
  t.deepEqual(inputs.map(formatDuration), [
    '0 µs',
    '640 µs',
    '1.00 ms',
    '3.42 ms',
    '41.0 ms',
    '380 ms',
    '1.00 s',
    '2.10 s',
    '75.0 s',
  ]);
  t.deepEqual([null, Number.NaN].map(formatDuration), ['–', '–']);
});

test('what is small but there is never written as nothing, nor what is nearly all as all', (t) => {
  t.deepEqual([0, 0.03, 0.06, 12.34, 99.96, 1234.5].map(formatRate), ['0.0', '<0.1', '0.1', '12.3', '100', '1,235']);
  t.deepEqual([0, 0.001, 0.1, 0.999, 1, null].map(formatShare), ['0%', '<1%', '10%', '>99%', '100%', '–']);
});

test('counts, ages, methods and versions are cut to what is read', (t) => {
  t.is(formatCount(12_408.4), '12,408');
  t.deepEqual([0, 12_000, 240_000, 7_300_000].map(formatAge), ['now', '12 s ago', '4 min ago', '2 h ago']);
  t.deepEqual(['demo.shop.Shop/Order', 'Shop/Order', 'order', 'a.B/C.D'].map(shortMethod), [
    'Shop/Order',
    'Shop/Order',
    'order',
    'B/C.D',
  ]);
  t.deepEqual(['7', '', '0123456789abcdef'].map(shortVersion), ['7', '', '0123456']);
});

test('a chart grows at once and shrinks only when more than half of it stands empty', (t) => {
  t.deepEqual(nextRange('linear', [3, 18], [0, 10]), [0, 20]);
  t.deepEqual(nextRange('linear', [9], [0, 20]), [0, 20]);
  t.deepEqual(nextRange('linear', [4], [0, 20]), [0, 5]);
  t.deepEqual(nextRange('linear', [null, 0], null), [0, 5]);
});

test('a logarithmic chart spans whole powers of ten, two at least', (t) => {
  t.deepEqual(nextRange('logarithmic', [3, 820, null], null), [1, 1000]);
  t.deepEqual(nextRange('logarithmic', [30], null), [10, 1000]);
});
