import test from 'ava';
import { connectionBackoffMs } from '../agent/backoff.ts';

const middle = (): number => 0.5;

test('a connection is tried again after 1 s, then 1.6 times that each time, up to 120 s (connection-backoff.md)', (t) => {
  t.deepEqual(
    [0, 1, 2, 3].map((failures) => Math.round(connectionBackoffMs(failures, middle))),
    [1_000, 1_600, 2_560, 4_096],
  );
  t.is(connectionBackoffMs(50, middle), 120_000);
  t.is(connectionBackoffMs(1_000_000, middle), 120_000);
});

test('agents that failed together are spread by 20 % to both sides', (t) => {
  t.is(
    connectionBackoffMs(0, () => 0),
    800,
  );
  t.is(Math.round(connectionBackoffMs(0, () => 0.999_999_9)), 1_200);
});
