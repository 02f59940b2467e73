// What an agent counted, through silence and restarts.
import test from 'ava';
import { AgentSeries } from '../../agent/admin/agent-series.ts';
import type { MergedRow } from '../../agent/stats/stats-reader.ts';

function rows(calls: number, startTime = 1): MergedRow[] {
  return [
    { kind: 'counter', name: 'calls_total', labels: { a: 'b' }, values: Float64Array.of(calls) },
    { kind: 'gauge', name: 'process_start_time_seconds', labels: {}, values: Float64Array.of(startTime) },
  ];
}

const totalOf = (series: AgentSeries) => series.totals().map(({ values }) => values[0]);
const recentOf = (series: AgentSeries) => {
  const { seconds, rows } = series.recent();
  return [seconds, ...rows.map(({ values }) => values[0])];
};

test('the recent counts are those of the window, however long the series is', (t) => {
  const series = new AgentSeries(2000);
  t.deepEqual(series.recent(), { seconds: 0, rows: [] });
  series.sample(0, rows(10));
  t.deepEqual(recentOf(series), [0, 0]);
  series.sample(1000, rows(11));
  t.deepEqual(recentOf(series), [1, 1]);
  for (let second = 2; second < 10; second++) series.sample(second * 1000, rows(10 + second * second));
  t.deepEqual(recentOf(series), [2, 81 - 49]);
  t.deepEqual(totalOf(series), [91]);
});

test('an agent that restarts begins at zero, and the total goes on', (t) => {
  const series = new AgentSeries(4000);
  series.sample(0, rows(100));
  series.sample(1000, rows(110));
  // More than before, and yet another process.
  series.sample(2000, rows(150, 2));
  t.deepEqual(totalOf(series), [260]);
  t.deepEqual(recentOf(series), [2, 160]);
  series.sample(3000, rows(149, 2));
  t.deepEqual(totalOf(series), [260]);
});

test('a silent agent counts nothing, and what it counted meanwhile is no burst when it is back', (t) => {
  const series = new AgentSeries(4000);
  series.sample(0, rows(10));
  series.sample(1000, rows(20));
  for (let second = 2; second < 7; second++) series.sample(second * 1000, null);
  t.deepEqual(recentOf(series), [4, 0]);
  series.sample(7000, rows(1000));
  t.deepEqual(recentOf(series), [0, 0]);
  t.deepEqual(totalOf(series), [1000]);
  series.sample(8000, rows(1005));
  t.deepEqual(recentOf(series), [1, 5]);
});
