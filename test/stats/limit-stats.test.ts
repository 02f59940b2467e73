// Limits of HTTP/2 that bit: what is counted, and what stands in the log.
import test from 'ava';
import { LimitStats } from '../../agent/stats/limit-stats.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { StatsRegion } from '../../agent/stats/stats-region.ts';

function limitStats() {
  const reader = new StatsReader();
  const buffer = new SharedArrayBuffer(64 * 1024);
  reader.addWorker(0, buffer);
  const lines: unknown[] = [];
  const clock = { ms: 0 };
  const limits = new LimitStats(
    new StatsRegion(buffer, (row) => reader.addRow(0, row)),
    (level, message, fields) => lines.push({ level, message, ...fields }),
    () => clock.ms,
  );
  const count = (limit: string, role: string): number | undefined =>
    reader.rows().find(({ labels }) => labels['limit'] === limit && labels['role'] === role)?.values[0];
  return { limits, lines, clock, count, names: () => reader.rows().map(({ name }) => name) };
}

test('each hit is counted by its limit and role, under one name', (t) => {
  const { limits, count, names } = limitStats();
  limits.hit('maxEmptyFrames', 'server', '10.0.0.1:4000');
  limits.hit('maxEmptyFrames', 'server', '10.0.0.2:4000');
  limits.hit('maxEmptyFrames', 'client', '10.0.0.9:50051');
  t.is(count('maxEmptyFrames', 'server'), 2);
  t.is(count('maxEmptyFrames', 'client'), 1);
  t.is(count('controlFrameBurst', 'server'), undefined);
  t.is(names().filter((name) => name === 'outrigger_http2_limit_hits_total').length, 2);
});

test('a flood of hits is one line a second for each limit, with the peer and how many there were', (t) => {
  const { limits, lines, clock } = limitStats();
  const line = (limit: string, peer: string, hits: number) => ({
    level: 'warn',
    message: 'a peer met a limit',
    limit,
    role: 'server',
    peer,
    hits,
  });
  for (let i = 0; i < 5000; i++) limits.hit('maxConcurrentStreams', 'server', '10.0.0.1:4000');
  limits.hit('maxContinuations', 'server', '10.0.0.2:4000');
  t.deepEqual(lines, [line('maxConcurrentStreams', '10.0.0.1:4000', 1), line('maxContinuations', '10.0.0.2:4000', 1)]);
  clock.ms = 1000;
  limits.hit('maxConcurrentStreams', 'server', '10.0.0.3:4000');
  t.deepEqual(lines.slice(2), [line('maxConcurrentStreams', '10.0.0.3:4000', 5000)]);
});

test('the end of a connection by its own age or idleness is counted, and is no warning', (t) => {
  const { limits, lines, count } = limitStats();
  for (const limit of ['idleTimeoutMs', 'maxConnectionAgeMs', 'lastStreamId'])
    limits.hit(limit, 'client', '10.0.0.1:1');
  t.is(count('maxConnectionAgeMs', 'client'), 1);
  t.deepEqual(
    lines.map((line) => (line as { level: string }).level),
    ['info', 'info', 'info'],
  );
});
