// What a cluster's endpoints get of its calls, by weight, locality, priority and health.
// The numbers in brackets are those of reference envoy-behaviours.
import test from 'ava';
import fc from 'fast-check';
import { all, assignment, balancer, countPicks, endpoint, endpoints, locality, none, pickMany } from './endpoints.ts';

test('n x k calls over k endpoints give each exactly n, wherever the round begins', (t) => {
  for (const random of [0, 0.3, 0.999]) {
    const from = balancer(assignment(locality(endpoints(7))), { random: () => random });
    t.deepEqual(countPicks(from, 7 * 13), new Array(7).fill(13));
  }
});

test('the balancer answers indices of its own flat list, locality after locality', (t) => {
  const [a, b, c] = [endpoint(), endpoint(), endpoint()];
  const from = balancer(assignment(locality([a, b]), locality([c], { priority: 1 })));
  t.deepEqual(from.endpoints, [a, b, c]);
});

test('round robin is exact by weight: 1 and 3 over 400 calls are 100 and 300 (9.8)', (t) => {
  const from = balancer(assignment(locality([endpoint('healthy', 1), endpoint('healthy', 3)])));
  t.deepEqual(countPicks(from, 400), [100, 300]);
});

test('weights are interleaved: a heavy endpoint is never called more often in a row than its share asks', (t) => {
  const light = Array.from({ length: 100 }, () => endpoint('healthy', 1));
  const from = balancer(assignment(locality([endpoint('healthy', 100), ...light])));
  const order = pickMany(from, 200);
  t.is(order.filter((picked) => picked === 0).length, 100);
  t.false(order.some((picked, at) => picked === 0 && order[at + 1] === 0 && order[at + 2] === 0));
});

test('localities of weight 9 and 1 get 540 and 60 of 600 calls (9.8)', (t) => {
  const of = assignment(locality(endpoints(2), { weight: 9 }), locality(endpoints(3), { weight: 1 }));
  t.deepEqual(countPicks(balancer(of, { localityWeighted: true }), 600), [270, 270, 20, 20, 20]);
});

test('without locality weighting the weights of localities mean nothing (9.1)', (t) => {
  const of = assignment(locality(endpoints(1), { weight: 9 }), locality(endpoints(3), { weight: 1 }));
  t.deepEqual(countPicks(balancer(of), 400), [100, 100, 100, 100]);
});

test('with locality weighting a locality without a weight gets nothing (9.1)', (t) => {
  const of = assignment(locality(endpoints(1), { weight: 2 }), locality(endpoints(3)));
  t.deepEqual(countPicks(balancer(of, { localityWeighted: true }), 100), [100, 0, 0, 0]);
});

test('where no locality has a weight they are one round robin', (t) => {
  const of = assignment(locality(endpoints(1)), locality(endpoints(3)));
  t.deepEqual(countPicks(balancer(of, { localityWeighted: true }), 400), [100, 100, 100, 100]);
});

test('a locality loses weight with its endpoints, once overprovisioning no longer covers it', (t) => {
  const half = [...endpoints(1), ...endpoints(1, 'unhealthy')];
  const of = assignment(locality(half, { weight: 1 }), locality(endpoints(2), { weight: 1 }));
  // 70 % of its weight is left, against 100 %.
  t.deepEqual(countPicks(balancer(of, { localityWeighted: true }), 170), [70, 0, 50, 50]);
});

test('three healthy of four still carry everything: a lower priority gets nothing (9.2)', (t) => {
  const of = assignment(
    locality([...endpoints(3), ...endpoints(1, 'unhealthy')]),
    locality(endpoints(2), { priority: 1 }),
  );
  t.deepEqual(countPicks(balancer(of), 300), [100, 100, 100, 0, 0, 0]);
});

test('two healthy of five carry 56 %, the next priority 44 %, and no sick endpoint is called (9.2, 9.3)', (t) => {
  const of = assignment(
    locality([...endpoints(2), ...endpoints(3, 'unhealthy')]),
    locality(endpoints(1), { priority: 1 }),
  );
  t.deepEqual(countPicks(balancer(of), 1_000), [280, 280, 0, 0, 0, 440]);
});

test('one healthy of three in a lone priority is a panic: all three are called, sick ones too (9.3)', (t) => {
  const of = assignment(locality([...endpoints(1), ...endpoints(2, 'unhealthy')]));
  t.deepEqual(countPicks(balancer(of), 300), [100, 100, 100]);
});

test('half of a lone priority being healthy is no panic', (t) => {
  const of = assignment(locality([...endpoints(2), ...endpoints(2, 'unhealthy')]));
  t.deepEqual(countPicks(balancer(of), 100), [50, 50, 0, 0]);
});

test('where nobody is healthy every endpoint of every priority is called', (t) => {
  const of = assignment(locality(endpoints(1, 'unhealthy')), locality(endpoints(3, 'unhealthy'), { priority: 1 }));
  t.deepEqual(countPicks(balancer(of), 400), [100, 100, 100, 100]);
});

test('a degraded endpoint gets nothing while a healthy lower priority can carry the rest (9.4)', (t) => {
  const of = assignment(locality([endpoint(), endpoint('degraded')]), locality([endpoint()], { priority: 1 }));
  t.deepEqual(countPicks(balancer(of), 100), [70, 0, 30]);
});

test('a wholly degraded priority with a healthy one below it gets nothing (9.4)', (t) => {
  const of = assignment(locality(endpoints(2, 'degraded')), locality(endpoints(1), { priority: 1 }));
  t.deepEqual(countPicks(balancer(of), 100), [0, 0, 100]);
});

test('degraded endpoints get what the healthy ones of all priorities cannot carry', (t) => {
  const of = assignment(locality([endpoint(), endpoint('degraded')]));
  t.deepEqual(countPicks(balancer(of), 100), [70, 30]);
});

test('a cluster without endpoints has none to pick (9.7)', (t) => {
  t.is(balancer(assignment()).pick(all, null), -1);
  t.is(balancer(assignment(locality([]))).pick(all, null), -1);
});

test('an endpoint that is not usable is passed over, and the others stay exact', (t) => {
  const from = balancer(assignment(locality(endpoints(4))));
  t.deepEqual(
    countPicks(from, 300, (index) => index !== 1),
    [100, 0, 100, 100],
  );
});

test('a weighted endpoint that is not usable is passed over, and the others stay exact by weight', (t) => {
  const from = balancer(assignment(locality([1, 5, 3, 50].map((weight) => endpoint('healthy', weight)))));
  t.deepEqual(
    countPicks(from, 90, (index) => index !== 3),
    [10, 50, 30, 0],
  );
});

test('an endpoint that is usable again has no claim to the calls it missed', (t) => {
  const from = balancer(assignment(locality([1, 1, 2].map((weight) => endpoint('healthy', weight)))));
  pickMany(from, 1_000, (index) => index !== 2);
  const counts = countPicks(from, 400);
  t.true(Math.abs(counts[2]! - 200) <= 1, `it got ${counts[2]} of 400`);
});

test('a locality of which nothing is usable passes its turns to the others', (t) => {
  const of = assignment(locality(endpoints(2), { weight: 9 }), locality(endpoints(2), { weight: 1 }));
  const from = balancer(of, { localityWeighted: true });
  t.deepEqual(
    countPicks(from, 100, (index) => index >= 2),
    [0, 0, 50, 50],
  );
});

test('a priority of which nothing is usable spills to the next, and to degraded endpoints at last', (t) => {
  const of = assignment(
    locality(endpoints(1)),
    locality(endpoints(2), { priority: 1 }),
    locality(endpoints(1, 'degraded'), { priority: 2 }),
  );
  const from = balancer(of);
  t.deepEqual(countPicks(from, 100), [100, 0, 0, 0]);
  t.deepEqual(
    countPicks(from, 100, (index) => index !== 0),
    [0, 50, 50, 0],
  );
  t.is(
    from.pick((index) => index === 3, null),
    3,
  );
});

test('where nothing at all is usable the call goes to the endpoint whose turn it is', (t) => {
  const from = balancer(assignment(locality(endpoints(3)), locality(endpoints(1), { priority: 1 })));
  t.deepEqual(countPicks(from, 300, none), [100, 100, 100, 0]);
});

test('each endpoint is asked about at most once or twice for a call, however many are unusable', (t) => {
  const weights = Array.from({ length: 500 }, (_, at) => 1 + (at % 7) * 100);
  const from = balancer(assignment(locality(weights.map((weight) => endpoint('healthy', weight)))));
  let asked = 0;
  const picked = from.pick((index) => {
    asked++;
    return index === 499;
  }, null);
  t.is(picked, 499);
  t.true(asked <= 2 * weights.length, `${asked} questions`);
});

const weight = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2_000 }));

test('equal endpoints never differ by more than one call, in any window of calls', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.nat(50),
      fc.nat(50),
      (count, random, skip, window) => {
        const from = balancer(assignment(locality(endpoints(count))), { random: () => random });
        pickMany(from, skip);
        const counts = countPicks(from, window);
        return Math.max(...counts) - Math.min(...counts) <= 1;
      },
    ),
    { seed: 1, interruptAfterTimeLimit: 1_000 },
  );
  t.pass();
});

test('any whole cycle of calls is exact by weight, wherever it begins', (t) => {
  fc.assert(
    fc.property(
      fc.array(weight, { minLength: 1, maxLength: 6 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.nat(100),
      (weights, random, skip) => {
        const of = assignment(locality(weights.map((each) => endpoint('healthy', each))));
        const from = balancer(of, { random: () => random });
        pickMany(from, skip);
        const cycle = weights.reduce((sum, each) => sum + each, 0);
        t.deepEqual(countPicks(from, cycle), weights);
        t.deepEqual(countPicks(from, cycle), weights);
      },
    ),
    { seed: 2, interruptAfterTimeLimit: 1_000 },
  );
});

test('whatever is usable, the usable ones alone are picked and share exactly by weight', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ weight: fc.integer({ min: 1, max: 9 }), usable: fc.boolean() }), {
        minLength: 1,
        maxLength: 8,
      }),
      (members) => {
        const of = assignment(locality(members.map((each) => endpoint('healthy', each.weight))));
        const cycle = members.reduce((sum, each) => sum + (each.usable ? each.weight : 0), 0);
        fc.pre(cycle > 0);
        const counts = countPicks(balancer(of), 3 * cycle, (index) => members[index]!.usable);
        t.deepEqual(
          counts,
          members.map((each) => (each.usable ? 3 * each.weight : 0)),
        );
      },
    ),
    { seed: 3, interruptAfterTimeLimit: 1_000 },
  );
});
