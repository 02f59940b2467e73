import test from 'ava';
import { median, percentile, spreadOf } from '../../bench/report/statistics.ts';

test('a median is the middle one, or between the two middle ones, whatever the order', (t) => {
  t.is(median([9, 1, 5]), 5);
  t.is(median([4, 1, 3, 2]), 2.5);
  t.is(median([7]), 7);
  t.true(Number.isNaN(median([])));
});

test('a percentile is the nearest rank: a value that was seen', (t) => {
  const hundred = Float64Array.from({ length: 100 }, (_, at) => at + 1);
  t.is(percentile(hundred, 0.5), 50);
  t.is(percentile(hundred, 0.99), 99);
  t.is(percentile(hundred, 0.999), 100);
  t.is(percentile([3], 0.5), 3);
  t.true(Number.isNaN(percentile([], 0.5)));
});

test('a spread has the least, the median and the most, and there is none of nothing', (t) => {
  t.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
  t.is(spreadOf([]), null);
});
