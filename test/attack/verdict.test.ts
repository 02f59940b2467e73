// When an attack counts as held off: each bar by itself, from measurements that are made up.
import test from 'ava';
import type { Latencies } from './innocent.ts';
import { formatRow } from './table.ts';
import { judge, type Measurement } from './verdict.ts';

const attack = {
  id: 'C1',
  title: 'PING flood',
  from: 'client',
  ends: ['GOAWAY 11'],
  limit: 'controlFrameBurst',
  prepare: () => ({ listen: () => Promise.resolve(0), run: () => Promise.resolve() }),
} as const;

const latencies = (p99Ms: number, failed = 0): Latencies => ({
  calls: 200,
  failed,
  failure: failed === 0 ? '' : 'grpc-status 14',
  p50Ms: 1,
  p99Ms,
});

const measured = (change: Partial<Measurement> = {}): Measurement => ({
  tally: { connections: 3, sentBytes: 1024 * 1024, receivedBytes: 0, ends: { 'GOAWAY 11': 3 } },
  attackerCpuMs: 100,
  agentCpuMs: 500,
  growthBytes: 30 * 1024 * 1024,
  quiet: latencies(2),
  during: latencies(9),
  hits: 3,
  errors: [],
  ...change,
});

test('an attack that ends as documented, is counted and costs its sender enough is held off', (t) => {
  t.deepEqual(judge(measured(), attack, 4), []);
});

test('another end than the documented one is a fall, and so is none', (t) => {
  const tally = { ...measured().tally, ends: { alive: 2, 'GOAWAY 11': 1 } };
  t.deepEqual(judge(measured({ tally }), attack, 4), ['2 ended with alive and not GOAWAY 11']);
  t.deepEqual(judge(measured({ tally: { ...tally, ends: {} } }), attack, 4), ['no connection was played to its end']);
});

test('a limit that is not counted, or a fault in the log, is a fall', (t) => {
  t.deepEqual(judge(measured({ hits: 0 }), attack, 4), ['controlFrameBurst was not counted']);
  t.deepEqual(judge(measured({ errors: ['a crash'] }), attack, 4), ['the agent logged a crash']);
});

test('a hundred times the CPU or the bytes of the attacker is a fall, growth within the noise of a heap is not', (t) => {
  t.deepEqual(judge(measured({ agentCpuMs: 10_100 }), attack, 4), ["the agent spent 101 times the attacker's CPU"]);
  const tally = { ...measured().tally, sentBytes: 1000 };
  t.regex(judge(measured({ tally }), attack, 4)[0] ?? '', /^the agent grew by 31457 bytes/);
  t.deepEqual(judge(measured({ tally, growthBytes: 20 * 1024 * 1024 }), attack, 4), []);
});

test('neighbours may wait three times as long as in the quiet, or twice as long as beside an honest client', (t) => {
  t.deepEqual(judge(measured({ during: latencies(30) }), attack, 4), ["neighbours' p99 was 30.0 ms, the bar 10.0"]);
  t.deepEqual(judge(measured({ quiet: latencies(10), during: latencies(30) }), attack, 4), []);
  t.deepEqual(judge(measured({ during: latencies(30) }), attack, 15), []);
  t.deepEqual(judge(measured({ during: latencies(9, 2) }), attack, 4), [
    '2 calls of neighbours failed, the first with grpc-status 14',
  ]);
});

test('a line of the table says what was spent, how it ended and what counted it', (t) => {
  t.is(
    formatRow({ attack, measured: measured(), faults: [] }),
    '| C1 | PING flood | client | 1.0 MiB | 500 : 100 ms = 5.0 | 30.0 MiB, 30.0 a byte | 2.0 > 9.0 ms | GOAWAY 11 (3) ' +
      '| controlFrameBurst (3) | held |',
  );
  t.regex(formatRow({ attack, measured: null, faults: ['the agent died'] }), /\| \*\*fell\*\* \|$/);
});
