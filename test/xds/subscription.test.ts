// The life of a subscription to one name, and the pauses between attempts; both are plain functions.
import test from 'ava';
import fc from 'fast-check';
import { backoffMs, nackDelayMs } from '../../xds/backoff.ts';
import { nextSubscriptionState, type SubscriptionEvent, type SubscriptionState } from '../../xds/subscription.ts';

const events: readonly SubscriptionEvent[] = ['sent', 'received', 'timed-out', 'late', 'removed', 'stream-broken'];

const table: Readonly<Record<SubscriptionState, readonly SubscriptionState[]>> = {
  started: ['requested', 'received', 'started', 'started', 'does-not-exist', 'started'],
  requested: ['requested', 'received', 'does-not-exist', 'overdue', 'does-not-exist', 'started'],
  received: ['received', 'received', 'received', 'received', 'does-not-exist', 'received'],
  'does-not-exist': [
    'does-not-exist',
    'received',
    'does-not-exist',
    'does-not-exist',
    'does-not-exist',
    'does-not-exist',
  ],
  overdue: ['overdue', 'received', 'overdue', 'overdue', 'does-not-exist', 'started'],
};

for (const [state, expected] of Object.entries(table)) {
  test(`a subscription that is ${state}: what each event makes of it`, (t) => {
    t.deepEqual(
      events.map((event) => nextSubscriptionState(state as SubscriptionState, event)),
      expected,
    );
  });
}

test('case 59: the backoff grows by 1.6 from 1 s to 120 s, 20 % up or down', (t) => {
  t.deepEqual(
    [0, 1, 2, 9, 10, 11, 100].map((attempt) => backoffMs(attempt, 0.5)),
    [1000, 1600, 2560, 68_719, 109_951, 120_000, 120_000],
  );
  t.deepEqual([backoffMs(0, 0), backoffMs(0, 1), backoffMs(1000, 1)], [800, 1200, 144_000]);
  t.deepEqual([backoffMs(1000, 0, 60_000), backoffMs(1000, 1, 60_000)], [48_000, 72_000], 'those who wait longest too');
});

test('case 24: the NACK of a repeated response is kept back for 1 s, 2 s, 4 s ... 30 s', (t) => {
  t.deepEqual(
    [0, 1, 2, 3, 4, 5, 1000].map((repeats) => nackDelayMs(repeats, 0.5)),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
  );
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (repeats, random) => {
      const ms = nackDelayMs(repeats, random);
      return ms >= 800 && ms <= 36_000;
    }),
    { seed: 1, interruptAfterTimeLimit: 2000 },
  );
});
