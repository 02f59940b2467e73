// Which failures are tried again, and after how long (gRFC A6 and A44).
import test from 'ava';
import { isRetryable, retryDelayMs, unanswered } from '../../agent/proxy/retry-policy.ts';
import { RetryBudget } from '../../agent/upstream/retry-budget.ts';
import type { RetryPolicy } from '../../xds/model/retry-policy.ts';

const policy: RetryPolicy = {
  maxAttempts: 4,
  initialBackoffMs: 100,
  maxBackoffMs: 500,
  backoffMultiplier: 2,
  statuses: [14],
  httpStatuses: [502],
  unanswered: 'by-status',
};

test('waits grow by the multiplier up to the largest, give or take a fifth', (t) => {
  const middle = [1, 2, 3, 4, 5].map((attempts) => retryDelayMs(policy, attempts, null, () => 0.5));
  t.deepEqual(middle, [100, 200, 400, 500, 500]);
  t.is(
    retryDelayMs(policy, 1, null, () => 0),
    80,
  );
  t.true(retryDelayMs(policy, 1, null, () => 1 - 2 ** -53)! <= 120);
});

test('what the endpoint says goes before: so many milliseconds, or never', (t) => {
  for (const [pushback, delay] of [
    ['0', 0],
    ['250', 250],
    ['-1', null],
    ['', null],
    ['1e3', null],
    ['99999999999', null],
  ] as const) {
    t.is(
      retryDelayMs(policy, 1, pushback, () => 0.5),
      delay,
      pushback,
    );
  }
});

test('an answer is judged by its code, or by its HTTP status where it has none', (t) => {
  const answer = { httpStatus: 0, cause: null, pushback: null };
  t.true(isRetryable(policy, { ...answer, status: 14 }));
  t.false(isRetryable(policy, { ...answer, status: 13 }));
  t.true(isRetryable({ ...policy, statuses: [] }, { ...answer, status: 14, httpStatus: 502 }));
  t.false(isRetryable({ ...policy, statuses: [] }, { ...answer, status: 14, httpStatus: 503 }));
});

test('no answer is judged by its code, or by its cause where the policy names causes', (t) => {
  t.true(isRetryable(policy, unanswered(14, 'reset')));
  t.false(isRetryable(policy, unanswered(13, 'reset')));
  const byCause: RetryPolicy = { ...policy, unanswered: ['unconnected', 'refused'] };
  t.true(isRetryable(byCause, unanswered(14, 'unconnected')));
  t.true(isRetryable(byCause, unanswered(14, 'refused')));
  t.false(isRetryable(byCause, unanswered(14, 'reset')));
});

test('of many calls a fifth may be on a retry, of few all', (t) => {
  const budget = new RetryBudget();
  const taken = (activeCalls: number): number => {
    let count = 0;
    while (budget.take(activeCalls)) count++;
    return count;
  };
  t.is(taken(10), 10);
  t.is(taken(100), 10);
  t.is(taken(100), 0);
  budget.give();
  t.is(taken(100), 1);
});
