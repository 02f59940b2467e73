// How the calls that a cluster may carry are shared among those who call (circuit_breakers.max_requests, gRFC A32).
import test from 'ava';
import { RequestBudget } from '../../agent/upstream/request-budget.ts';

/** As many calls as one connection gets, at most `wanted`; it keeps them. */
function takeAll(budget: RequestBudget, wanted: number): number {
  for (let held = 0; held < wanted; held++) if (budget.take({ activeStreams: held + 1 }) !== null) return held;
  return wanted;
}

/** As `takeAll`, and gives them back. */
function tryAll(budget: RequestBudget, wanted: number): number {
  const taken = takeAll(budget, wanted);
  for (let i = 0; i < taken; i++) budget.give();
  return taken;
}

function budgetOf(maxRequests: number | null): RequestBudget {
  const budget = new RequestBudget();
  budget.setLimit(maxRequests);
  return budget;
}

test('a lone connection gets the whole budget and no more, as in Envoy', (t) => {
  for (const [maxRequests, carried] of [
    [null, 1024],
    [1000, 1000],
    [1, 1],
  ] as const) {
    const budget = budgetOf(maxRequests);
    t.is(takeAll(budget, 3000), carried);
    t.not(budget.take({ activeStreams: carried + 1 }), null);
    budget.give();
    t.is(budget.take({ activeStreams: carried }), null);
  }
});

test('a refusal says how many calls are under way, of how many, and whom more are carried for', (t) => {
  const budget = budgetOf(100);
  takeAll(budget, 100);
  t.is(
    budget.take({ activeStreams: 101 }),
    '100 calls are under way, of at most 100, and this connection has 101 streams: more are carried for those with few',
  );
  const small = budgetOf(7);
  takeAll(small, 7);
  t.is(small.take({ activeStreams: 1 }), '7 calls are under way, of at most 7');
});

test('a budget of 0 carries nothing, and a changed one counts from the next call on', (t) => {
  const budget = budgetOf(0);
  t.is(takeAll(budget, 1), 0);
  budget.setLimit(2);
  t.is(takeAll(budget, 3), 2);
  budget.setLimit(1);
  t.is(budget.take({ activeStreams: 3 }), '2 calls are under way, of at most 1');
  budget.setLimit(null);
  t.is(takeAll(budget, 2000), 1022);
});

test('(section 6, fair shares) a connection that comes to a full cluster has its calls carried', (t) => {
  const budget = budgetOf(null);
  takeAll(budget, 2000);
  t.is(tryAll(budget, 2000), 113, 'an eighth of what is then left');
  const named = budgetOf(1000);
  takeAll(named, 2000);
  t.is(tryAll(named, 2000), 14);
});

test('(section 6, fair shares) beside gluttons that hold all they get, one with few calls is never refused', (t) => {
  for (const [gluttons, few] of [
    [8, 50],
    [11, 35],
    [31, 3],
    [41, 1],
  ] as const) {
    const budget = budgetOf(null);
    for (let i = 0; i < gluttons; i++) takeAll(budget, 1024);
    t.is(tryAll(budget, few), few, `${few} calls beside ${gluttons} gluttons`);
  }
});

test('whoever calls, a budget is exceeded by no more than its reserve', (t) => {
  for (const [maxRequests, most] of [
    [null, 2048],
    [1000, 1125],
    [7, 7],
    [0, 0],
  ] as const) {
    const budget = budgetOf(maxRequests);
    for (let i = 0; i < 3000; i++) budget.take({ activeStreams: 1 });
    t.is(budget.active, most);
  }
});
