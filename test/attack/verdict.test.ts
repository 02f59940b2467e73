// When an attack counts as held off: each bar by itself, from measurements that are made up.
import test from 'ava';
import type { Latencies } from './innocent.ts';
import { formatRow } from './table.ts';
import { judge, type Measurement, typical } from './verdict.ts';

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
  elsewhere: latencies(5),
  during: latencies(9),
  hits: 3,
  errors: [],
  ...change,
});

/** Beside a client that means well neighbours wait twice as long as elsewhere. */
const honest = [measured({ during: latencies(10) })];
const judgeOne = (change: Partial<Measurement> = {}, yardstick = honest): readonly string[] =>
  judge([measured(change)], attack, yardstick);

test('an attack that ends as documented, is counted and costs its sender enough is held off', (t) => {
  t.deepEqual(judgeOne(), []);
});

test('another end than the documented one is a fall, and so is none', (t) => {
  const tally = { ...measured().tally, ends: { alive: 2, 'GOAWAY 11': 1 } };
  t.deepEqual(judgeOne({ tally }), ['2 ended with alive and not GOAWAY 11']);
  t.deepEqual(judgeOne({ tally: { ...tally, ends: {} } }), ['no connection was played to its end']);
});

test('a limit that is not counted, or a fault in the log, is a fall', (t) => {
  t.deepEqual(judgeOne({ hits: 0 }), ['controlFrameBurst was not counted']);
  t.deepEqual(judgeOne({ errors: ['a crash'] }), ['the agent logged a crash']);
});

test('a hundred times the CPU or the bytes of the attacker is a fall, growth within the noise of a heap is not', (t) => {
  t.deepEqual(judgeOne({ agentCpuMs: 10_100 }), ["the agent spent 101 times the attacker's CPU"]);
  const tally = { ...measured().tally, sentBytes: 1000 };
  t.regex(judgeOne({ tally })[0] ?? '', /^the agent grew by 31457 bytes/);
  t.deepEqual(judgeOne({ tally, growthBytes: 20 * 1024 * 1024 }), []);
});

test('neighbours may wait three times as long as elsewhere, or twice as long as beside an honest client', (t) => {
  t.deepEqual(judgeOne({ during: latencies(21) }), ["neighbours' p99 was 4.2 times that elsewhere, the bar 4.0"]);
  t.deepEqual(judgeOne({ during: latencies(20) }), []);
  t.deepEqual(judgeOne({ during: latencies(16) }, [measured({ during: latencies(5) })]), [
    "neighbours' p99 was 3.2 times that elsewhere, the bar 3.0",
  ]);
  t.deepEqual(judgeOne({ during: latencies(9, 2) }), ['2 calls of neighbours failed, the first with grpc-status 14']);
});

test('10 ms are never too long, and on a busy machine all neighbours wait alike', (t) => {
  t.deepEqual(judgeOne({ during: latencies(10), elsewhere: latencies(0.5) }, [measured()]), []);
  t.deepEqual(judgeOne({ during: latencies(700), elsewhere: latencies(400) }), []);
});

test('of three plays what two have seen counts, of numbers the median, and a fault in the log at once', (t) => {
  const bad = measured({ during: latencies(99, 1), hits: 0, agentCpuMs: 20_000 });
  t.deepEqual(judge([bad, measured(), measured()], attack, honest), []);
  t.deepEqual(judge([bad, measured(), bad], attack, honest), [
    'controlFrameBurst was not counted',
    "the agent spent 200 times the attacker's CPU",
    '1 calls of neighbours failed, the first with grpc-status 14',
    "neighbours' p99 was 19.8 times that elsewhere, the bar 4.0",
  ]);
  const logged = measured({ errors: ['a crash'] });
  t.deepEqual(judge([logged, measured(), measured()], attack, honest), ['the agent logged a crash']);
  const [slow, slower] = [measured({ during: latencies(11) }), measured({ during: latencies(12) })];
  t.is(typical([slower, measured(), slow]), slow);
});

test('a line of the table says what was spent, how it ended and what counted it', (t) => {
  t.is(
    formatRow({ attack, measured: measured(), faults: [] }),
    '| C1 | PING flood | client | 1.0 MiB | 500 : 100 ms = 5.0 | 30.0 MiB, 30.0 a byte | 5.0 > 9.0 ms | GOAWAY 11 (3) ' +
      '| controlFrameBurst (3) | held |',
  );
  t.regex(formatRow({ attack, measured: null, faults: ['the agent died'] }), /\| \*\*fell\*\* \|$/);
});
