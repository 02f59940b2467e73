// What data planes count together: the limits of a cluster are the agent's, whichever of its threads a call arrives at.
import test from 'ava';
import { Counted, SharedCount, SharedCounts } from '../../agent/stats/shared-counts.ts';
import { RequestBudget } from '../../agent/upstream/request-budget.ts';
import { RetryBudget } from '../../agent/upstream/retry-budget.ts';

function count(counts: SharedCounts, row: number, place: number, kind: number = Counted.calls): SharedCount {
  return new SharedCount(counts.row(row), place, kind);
}

function take(of: SharedCount, times: number): void {
  for (let i = 0; i < times; i++) of.take(of.total);
}

test('the threads carry as many calls together as the limit says, and none of them more', (t) => {
  const counts = new SharedCounts(3, 8);
  counts.assign('orders');
  const place = counts.placeOf('orders');
  const budgets = [0, 1, 2].map((row) => new RequestBudget(count(counts, row, place)));
  for (const budget of budgets) budget.setLimit(5);
  const alone = { activeStreams: 1 };
  t.deepEqual(
    [0, 1, 2, 0, 1].map((row) => budgets[row]!.take(alone)),
    [null, null, null, null, null],
  );
  t.is(budgets[2]!.take(alone), '5 calls are under way, of at most 5');
  t.deepEqual(
    budgets.map(({ active }) => active),
    [2, 2, 1],
  );
  budgets[0]!.give();
  t.is(budgets[2]!.take(alone), null, 'room that one has made is for all');
  t.is(budgets[1]!.total, 5);
});

test('the share of a thread that has died is given back, and no other one', (t) => {
  const counts = new SharedCounts(2, 4);
  for (const name of ['a', 'b']) counts.assign(name);
  const [a, b] = [counts.placeOf('a'), counts.placeOf('b')];
  take(count(counts, 0, a), 3);
  take(count(counts, 1, a), 4);
  take(count(counts, 1, b), 5);
  take(count(counts, 1, a, Counted.retries), 6);
  counts.clearRow(1);
  t.is(count(counts, 0, a).total, 3);
  t.is(count(counts, 0, b).total, 0);
  t.is(count(counts, 0, a, Counted.retries).total, 0);
});

test('what was judged by a total that another thread has changed meanwhile is judged again', (t) => {
  const counts = new SharedCounts(2, 1);
  counts.assign('a');
  const [one, other] = [count(counts, 0, 0), count(counts, 1, 0)];
  const seen = one.total;
  t.true(other.take(seen));
  t.false(one.take(seen));
  t.is(one.total, 1);
});

test('retries are a fifth of the calls of all threads, and at least ten', (t) => {
  const counts = new SharedCounts(2, 1);
  counts.assign('a');
  const budgets = [0, 1].map((row) => new RetryBudget(count(counts, row, 0, Counted.retries)));
  const taken = (calls: number): number => {
    let retries = 0;
    while (budgets[retries % 2]!.take(calls)) retries++;
    for (let i = 0; i < retries; i++) budgets[i % 2]!.give();
    return retries;
  };
  t.is(taken(20), 10);
  t.is(taken(100), 20);
});

test('a cluster gets a place that nobody counts in any more; beyond the last, threads count for themselves', (t) => {
  const counts = new SharedCounts(2, 2);
  counts.assign('a');
  counts.assign('a');
  const place = counts.placeOf('a');
  const calls = count(counts, 1, place);
  take(calls, 1);
  counts.release('a');
  t.is(counts.placeOf('a'), -1);
  counts.assign('b');
  t.not(counts.placeOf('b'), place, 'a call of a is still under way');
  counts.assign('c');
  t.is(counts.placeOf('c'), -1, 'none is left');
  calls.give();
  counts.assign('c');
  t.is(counts.placeOf('c'), place);
});
