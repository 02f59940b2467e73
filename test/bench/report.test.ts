import test from 'ava';
import { formatPlot } from '../../bench/report/plot.ts';
import { formatReport } from '../../bench/report/report.ts';
import { withScale } from '../../bench/scale/scale-record.ts';
import { WORKLOADS } from '../../bench/workloads.ts';
import { figure, recordOf } from './figures.ts';

const loads = WORKLOADS.flatMap((workload) => workload.loads);
const figures = [
  figure({ round: 1, cpuUs: 3.9, callsPerSecond: 200_000 }),
  figure({ round: 2, cpuUs: 4.1, callsPerSecond: 210_000, failed: 2 }),
  figure({ proxy: 'haproxy', round: 1, cpuUs: 8, callsPerSecond: 100_000 }),
  figure({ proxy: 'haproxy', round: 2, cpuUs: 8, callsPerSecond: 100_000 }),
  figure({ proxy: 'outrigger, untraced', round: 1, cpuUs: 3.5, callsPerSecond: 220_000 }),
];
const report = formatReport(recordOf(figures, ['nginx: this machine lacks nginx']), loads, null);

test('a report begins with what is claimed, against whom, and by how much', (t) => {
  const top = report.split('\n').slice(0, 12).join('\n');
  t.true(top.includes('costs 4.0 us of CPU'));
  t.true(top.includes('haproxy 8.0 (2.0x)'));
});

test('a report has each bar with its figure, its spread and a verdict', (t) => {
  t.true(report.includes('| CPU per call, 10 x 50, against haproxy | 0.600x | 0.500x (0.487-0.512) | met |'));
  t.true(report.includes('| CPU per call, 10 x 50 | 0.125x |  | not measured |'));
});

test('a table has medians with their spread, and how many calls failed', (t) => {
  t.true(report.includes('| outrigger | 4.00 (3.90-4.10) | 205000 | 2 |'));
});

test('rows of a special configuration are in the tables, not in the summary', (t) => {
  t.is(report.split('\n').filter((line) => line.startsWith('| outrigger, untraced |')).length, 1);
});

test('a report names what was not measured, and loads without figures have no table', (t) => {
  t.true(report.includes('- Not measured: nginx: this machine lacks nginx'));
  t.false(report.includes('## Unary, 100 connections'));
});

test('the plot has a bar of one length for Outrigger and names each ratio', (t) => {
  const plot = formatPlot(figures, loads);
  t.true(plot.includes('>1.00</text>'));
  t.true(plot.includes('>2.00</text>'));
  t.false(plot.includes('NaN'));
});

test('what a large configuration costs has a section of its own, each bar with its verdict', (t) => {
  const scale = {
    began: '2030-01-02T03:04:05.000Z',
    busyCores: null,
    clusters: 10_000,
    endpoints: 100_000,
    routes: 10_000,
    appliedSeconds: { delta: 4, sotw: 11 },
    changeMs: { delta: 8, sotw: 600 },
    p99Ms: { quiet: 2, push: 3 },
    residentMiB: { small: 170, large: 400 },
    perEndpointKiB: 0.5,
    perClusterKiB: 12,
  };
  const lines = formatReport(recordOf(figures), loads, scale).split('\n');
  const busy = formatReport(recordOf(figures), loads, { ...scale, busyCores: 1.25 });
  t.true(busy.includes('Other processes kept 1.3 cores busy when it began'));
  t.false(lines.join('\n').includes('Other processes kept'));
  // New figures take the place of the former ones, and of nothing else.
  const again = { ...scale, changeMs: { delta: 9, sotw: 600 } };
  t.is(withScale(lines.join('\n'), again), formatReport(recordOf(figures), loads, again));
  const added = withScale('# Another report\n', scale);
  t.true(added.startsWith('# Another report\n\n## 10,000 clusters'));
  t.is(withScale(added, scale), added);
  t.true(lines.includes('## 10,000 clusters, 10,000 routes, 100,000 endpoints'));
  t.true(lines.includes('| applied whole, delta | 10 s | 4.00 s | met |'));
  t.true(lines.includes('| applied whole, state of the world | 10 s | 11.00 s | **missed** |'));
  t.true(lines.includes('| p99 of calls in flight during the push, against a quiet time | 2 x | 1.50 x | met |'));
});
