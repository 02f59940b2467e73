// How the calls that a cluster may carry are shared among those who call (circuit_breakers.max_requests, gRFC A32).
import test from 'ava';
import { RequestBudget } from '../../agent/upstream/request-budget.ts';

/** Takes as many calls as it gets, at most `wanted`. */
function takeAll(budget: RequestBudget, peer: string, wanted: number, nowMs = 0): number {
  for (let held = 0; held < wanted; held++) {
    if (budget.take({ peer, activeStreams: held + 1 }, nowMs) !== null) return held;
  }
  return wanted;
}

function budgetOf(maxRequests: number | null): RequestBudget {
  const budget = new RequestBudget();
  budget.setLimit(maxRequests);
  return budget;
}

test('a lone connection may use the whole budget that a cluster names', (t) => {
  const budget = budgetOf(100);
  t.is(takeAll(budget, 'a', 200), 100);
  t.is(budget.take({ peer: 'a', activeStreams: 101 }, 0), '100 calls are under way, of at most 100');
  budget.give();
  t.is(budget.take({ peer: 'a', activeStreams: 101 }, 0), null);
});

test('a budget of 0 carries nothing, and a changed one counts from the next call on', (t) => {
  const budget = budgetOf(0);
  t.is(takeAll(budget, 'a', 1), 0);
  budget.setLimit(2);
  t.is(takeAll(budget, 'a', 3), 2);
  budget.setLimit(1);
  t.is(budget.take({ peer: 'a', activeStreams: 3 }, 0), '2 calls are under way, of at most 1');
  budget.setLimit(null);
  t.is(takeAll(budget, 'a', 2000), 1022);
});

test('(section 6, fair shares) without a budget 1,024 calls are carried, and 128 more of those who have few', (t) => {
  const budget = budgetOf(null);
  t.is(takeAll(budget, 'hog', 2000), 1024);
  t.is(budget.take({ peer: 'newcomer', activeStreams: 1 }, 0), null);
  t.is(takeAll(budget, 'second hog', 2000), 14, 'an eighth of what is left, less the newcomer');
});

test('(section 6, fair shares) ten connections that hold all they get leave something to the others', (t) => {
  for (const maxRequests of [null, 1000]) {
    const budget = budgetOf(maxRequests);
    t.is(takeAll(budget, 'innocent', 1), 1);
    for (let i = 0; i < 10; i++) takeAll(budget, `hog ${i}`, 1024);
    const { active } = budget;
    for (let i = 0; i < 50; i++) {
      t.is(budget.take({ peer: 'innocent', activeStreams: 1 }, 59_000), null);
      budget.give();
    }
    t.is(
      budget.take({ peer: 'hog 0', activeStreams: 900 }, 59_000),
      `${active} calls are under way, of at most ${maxRequests ?? 1152}, and this connection has 900 streams: ` +
        'the rest is kept for those with few',
    );
  }
});

test('a connection is alone again a minute after the last call of another', (t) => {
  const budget = budgetOf(100);
  t.is(takeAll(budget, 'b', 1), 1);
  t.is(takeAll(budget, 'a', 100), 87);
  t.is(budget.take({ peer: 'a', activeStreams: 88 }, 60_001), null);
});
