import test from 'ava';
import type { Figure } from '../../bench/figure.ts';
import { PROXIES } from '../../bench/proxies/proxies.ts';
import { BARS, type Bar, judge } from '../../bench/report/bars.ts';
import { WORKLOADS } from '../../bench/workloads.ts';
import { figure } from './figures.ts';

const bar: Bar = {
  what: 'CPU per call',
  load: '10x50',
  measure: 'cpuUs',
  subject: 'outrigger',
  reference: { kind: 'best', proxies: ['nghttpx', 'haproxy'] },
  most: 0.6,
};

/** One figure of CPU per round. */
function rounds(proxy: string, ...values: readonly number[]): Figure[] {
  return values.map((cpuUs, at) => figure({ proxy, round: at + 1, cpuUs }));
}

test('a bar is judged by the ratios of the rounds, against the better of the two', (t) => {
  const figures = [...rounds('outrigger', 4, 8, 4), ...rounds('nghttpx', 8, 16, 8), ...rounds('haproxy', 9, 17, 9)];
  const { against, figure: ratio, verdict } = judge(bar, figures);
  t.is(against, 'nghttpx');
  // The second round was slow for all, which changes nothing.
  t.deepEqual(ratio, { median: 0.5, least: 0.5, most: 0.5 });
  t.is(verdict, 'met');
});

test('a bar that only some round met is within the spread, one that none met is missed', (t) => {
  const other = rounds('haproxy', 10, 10, 10);
  t.is(judge(bar, [...rounds('outrigger', 5, 7, 8), ...other]).verdict, 'within the spread');
  t.is(judge(bar, [...rounds('outrigger', 7, 7, 8), ...other]).verdict, 'missed');
  t.is(judge(bar, [...rounds('outrigger', 6, 6, 9), ...other]).verdict, 'met');
});

test('a bar without figures of either side is not measured', (t) => {
  t.is(judge(bar, rounds('outrigger', 4)).verdict, 'not measured');
  t.is(judge(bar, rounds('haproxy', 4)).verdict, 'not measured');
  // In no round were there both.
  t.is(
    judge(bar, [...rounds('outrigger', 4), figure({ proxy: 'haproxy', round: 2, cpuUs: 8 })]).verdict,
    'not measured',
  );
});

test('a round in which calls failed counts for nothing', (t) => {
  const failing = figure({ round: 1, cpuUs: 1, units: 1000, failed: 11 });
  const figures = [failing, figure({ round: 2, cpuUs: 9, failed: 10 }), ...rounds('haproxy', 10, 10)];
  t.is(judge(bar, figures).figure?.least, 0.9);
  t.is(judge(bar, [failing, ...rounds('haproxy', 10)]).verdict, 'not measured');
});

test('an absolute bar is judged by the figures themselves', (t) => {
  const idle: Bar = { ...bar, measure: 'perConnectionKiB', reference: { kind: 'absolute', unit: 'KiB' }, most: 30 };
  const { against, figure: size, verdict } = judge(idle, [figure({ perConnectionKiB: 14 })]);
  t.is(against, null);
  t.is(size?.median, 14);
  t.is(verdict, 'met');
});

test('every bar is measured by some workload, for each proxy that it names', (t) => {
  const measured = WORKLOADS.flatMap(({ loads, proxies }) =>
    loads.map((load) => ({ load: load.name, proxies: load.proxies ?? proxies })),
  );
  for (const { what, load, subject, reference } of BARS) {
    const proxies = measured.find((one) => one.load === load)?.proxies ?? [];
    const named = [subject, ...(reference.kind === 'best' ? reference.proxies : [])];
    t.deepEqual(
      named.filter((proxy) => !proxies.includes(proxy)),
      [],
      what,
    );
  }
});

test('every proxy that a workload names exists', (t) => {
  const names = PROXIES.map(({ name }) => name);
  const named = WORKLOADS.flatMap(({ proxies, loads }) => [...proxies, ...loads.flatMap((load) => load.proxies ?? [])]);
  t.deepEqual(
    named.filter((name) => !names.includes(name)),
    [],
  );
});
