// Policies other than round robin: random, least request, ring hash and Maglev (gRFC A42, A48; envoy-behaviours 10).
import test from 'ava';
import fc from 'fast-check';
import { hashBytes, hashText } from '../../agent/balancer/hash.ts';
import { buildMaglev, buildRing } from '../../agent/balancer/hash-table.ts';
import type { LbPolicy } from '../../xds/model/cluster.ts';
import { all, assignment, balancer, countPicks, endpoint, endpoints, locality, none } from './endpoints.ts';

const ringHash: LbPolicy = { kind: 'ring-hash', minSize: 1_024, maxSize: 65_536, key: 'address' };
const maglev: LbPolicy = { kind: 'maglev', tableSize: 65_537, key: 'address' };

/** A random of its own for each test, the same in each run. */
function seeded(seed = 7): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

function hashes(count: number): bigint[] {
  return Array.from({ length: count }, (_, at) => hashText(`call ${at}`));
}

function near(actual: number, expected: number, tolerance: number): boolean {
  return Math.abs(actual - expected) <= expected * tolerance;
}

test('random spreads calls by weight', (t) => {
  const of = assignment(locality([endpoint('healthy', 1), endpoint('healthy', 3)]));
  const [light, heavy] = countPicks(balancer(of, { lbPolicy: { kind: 'random' }, random: seeded() }), 8_000);
  t.true(near(light!, 2_000, 0.1) && near(heavy!, 6_000, 0.1), `${light} and ${heavy}`);
});

test('random passes over an endpoint that is not usable, and finds the only one that is', (t) => {
  const from = balancer(assignment(locality(endpoints(50))), { lbPolicy: { kind: 'random' }, random: seeded() });
  t.is(countPicks(from, 500, (index) => index !== 3)[3], 0);
  t.deepEqual(countPicks(from, 20, (index) => index === 17)[17], 20);
});

test('least request takes the less loaded of two that were drawn', (t) => {
  const active = [5, 0, 5, 5];
  const from = balancer(assignment(locality(endpoints(4))), {
    lbPolicy: { kind: 'least-request', choices: 2 },
    random: seeded(),
    activeOf: (index) => active[index]!,
  });
  // Drawn at all in 7 of 16 pairs, and then taken.
  const idle = countPicks(from, 8_000)[1]!;
  t.true(near(idle, 3_500, 0.1), `${idle} of 8,000`);
});

test('least request with as many choices as endpoints always takes the least loaded', (t) => {
  const active = [3, 2, 9, 1];
  const from = balancer(assignment(locality(endpoints(4))), {
    lbPolicy: { kind: 'least-request', choices: 4 },
    random: seeded(),
    activeOf: (index) => active[index]!,
  });
  t.deepEqual(countPicks(from, 100), [0, 0, 0, 100]);
  t.deepEqual(
    countPicks(from, 100, (index) => index !== 3),
    [0, 100, 0, 0],
  );
});

test('least request balances an idle cluster by weight, and a busy one by load for its weight', (t) => {
  const of = assignment(locality([1, 3, 1, 1].map((weight) => endpoint('healthy', weight))));
  const lbPolicy: LbPolicy = { kind: 'least-request', choices: 2 };
  const idle = countPicks(balancer(of, { lbPolicy, random: seeded() }), 6_000);
  t.true(near(idle[1]!, 3_000, 0.1), `${idle}`);
  // Three calls for a weight of 3 are no more than one for a weight of 1.
  const active = [2, 3, 2, 2];
  const busy = countPicks(balancer(of, { lbPolicy, random: seeded(), activeOf: (index) => active[index]! }), 6_000);
  t.true(busy[1]! > 4_000, `${busy}`);
});

test('xxHash64 is the one of its own test vectors', (t) => {
  t.is(hashBytes(new Uint8Array(0)), 0xef46_db37_51d8_e999n);
  t.is(hashText('a'), 0xd24e_c4f1_a98c_6e5bn);
  t.is(hashText('abc'), 0x44bc_2cf5_ad77_0999n);
});

for (const [name, lbPolicy, tolerance] of [
  ['ring hash', ringHash, 0.5],
  ['Maglev', maglev, 0.2],
] as const) {
  test(`${name}: calls of one hash go to one endpoint, those of many hashes to all`, (t) => {
    const from = balancer(assignment(locality(endpoints(5))), { lbPolicy });
    const counts = [0, 0, 0, 0, 0];
    for (const hash of hashes(5_000)) {
      const picked = from.pick(all, hash);
      counts[picked]!++;
      t.is(from.pick(all, hash), picked);
    }
    t.true(
      counts.every((count) => near(count, 1_000, tolerance)),
      `${counts}`,
    );
  });

  test(`${name}: weights count`, (t) => {
    const of = assignment(locality([endpoint('healthy', 1), endpoint('healthy', 4)]));
    const from = balancer(of, { lbPolicy });
    const heavy = hashes(5_000).filter((hash) => from.pick(all, hash) === 1).length;
    t.true(near(heavy, 4_000, 0.15), `${heavy}`);
  });

  test(`${name}: agents that know the endpoints in another order agree`, (t) => {
    const some = endpoints(6);
    const one = balancer(assignment(locality(some)), { lbPolicy });
    const other = balancer(assignment(locality(some.toReversed())), { lbPolicy });
    for (const hash of hashes(500)) {
      t.is(one.endpoints[one.pick(all, hash)], other.endpoints[other.pick(all, hash)]);
    }
  });

  test(`${name}: when an endpoint leaves, hardly any other call moves`, (t) => {
    const some = endpoints(10);
    const before = balancer(assignment(locality(some)), { lbPolicy });
    const after = balancer(assignment(locality(some.slice(1))), { lbPolicy });
    const stayed = hashes(2_000).filter((hash) => before.pick(all, hash) !== 0);
    const moved = stayed.filter(
      (hash) => before.endpoints[before.pick(all, hash)] !== after.endpoints[after.pick(all, hash)],
    );
    t.true(moved.length < stayed.length * 0.1, `${moved.length} of ${stayed.length} moved`);
  });

  test(`${name}: the calls of an endpoint that is not usable spread over all others`, (t) => {
    const from = balancer(assignment(locality(endpoints(4))), { lbPolicy });
    const orphans = hashes(4_000).filter((hash) => from.pick(all, hash) === 2);
    const heirs = orphans.map((hash) => from.pick((index) => index !== 2, hash));
    t.false(heirs.includes(2));
    for (const heir of [0, 1, 3]) t.true(heirs.filter((index) => index === heir).length > orphans.length / 8);
    t.not(from.pick(none, orphans[0]!), -1);
  });

  test(`${name}: a hash_key takes the place of the address (10.1)`, (t) => {
    const keyed = (port: number) => ['a', 'b', 'c'].map((hashKey, at) => keyedEndpoint(port + at, hashKey));
    const here = balancer(assignment(locality(keyed(1_000))), { lbPolicy });
    const there = balancer(assignment(locality(keyed(2_000))), { lbPolicy });
    for (const hash of hashes(200)) t.is(here.pick(all, hash), there.pick(all, hash));
  });

  test(`${name}: priorities and locality weights share the hashes out`, (t) => {
    const of = assignment(
      locality([...endpoints(2), ...endpoints(3, 'unhealthy')]),
      locality(endpoints(1), { priority: 1 }),
    );
    const from = balancer(of, { lbPolicy });
    const below = hashes(5_000).filter((hash) => from.pick(all, hash) === 5).length;
    t.true(near(below, 2_200, 0.1), `${below} of 5,000, where 44 % are due (9.2)`);
    const weighted = assignment(locality(endpoints(1), { weight: 9 }), locality(endpoints(3), { weight: 1 }));
    const split = balancer(weighted, { lbPolicy, localityWeighted: true });
    const heavy = hashes(5_000).filter((hash) => split.pick(all, hash) === 0).length;
    t.true(near(heavy, 4_500, 0.1), `${heavy} of 5,000, where 90 % are due`);
  });

  test(`${name}: a call without a hash goes anywhere (10.2)`, (t) => {
    const counts = countPicks(balancer(assignment(locality(endpoints(4))), { lbPolicy, random: seeded() }), 2_000);
    t.true(
      counts.every((count) => count > 200),
      `${counts}`,
    );
  });
}

function keyedEndpoint(port: number, hashKey: string) {
  return { ...endpoint(), address: { host: '127.0.0.1', port }, hashKey };
}

test('a host name places an endpoint where the cluster says so, and it has one', (t) => {
  const named = (port: number) => ({ ...endpoint(), address: { host: '127.0.0.1', port }, hostname: `h${port % 10}` });
  const policy: LbPolicy = { ...ringHash, key: 'hostname' };
  const here = balancer(assignment(locality([named(11), named(12)])), { lbPolicy: policy });
  const there = balancer(assignment(locality([named(21), named(22)])), { lbPolicy: policy });
  for (const hash of hashes(100)) t.is(here.pick(all, hash), there.pick(all, hash));
});

test('a ring gives the lightest member a whole number of points, and never exceeds its maximum', (t) => {
  const member = (key: string, weight: number) => ({ key, weight });
  t.is(buildRing([member('a', 1 / 3), member('b', 2 / 3)], 10, 1_000).slots.length, 12);
  t.is(buildRing([member('a', 0.01), member('b', 0.99)], 10, 50).slots.length, 50);
  t.is(buildRing([member('a', 1)], 1, 1).slots.length, 1);
});

test('a ring has as many points of each endpoint as Envoy gives it, though shares of a ninth are rounded (10.3)', (t) => {
  const weights = [1, 2, 3, 1, 2];
  const points = [114, 228, 342, 114, 228];
  const of = weights.map((weight, at) => ({ ...keyedEndpoint(at + 1, `key-${at}`), weight }));
  for (const cluster of [
    balancer(assignment(locality(of)), { lbPolicy: ringHash }),
    balancer(assignment(locality(of.map((one) => ({ ...one, health: 'unhealthy' })))), { lbPolicy: ringHash }),
  ]) {
    const ring = points.flatMap((count, at) =>
      Array.from({ length: count }, (_, i) => ({ at, hash: hashText(`key-${at}_${i}`) })),
    );
    ring.sort((a, b) => (a.hash < b.hash ? -1 : 1));
    // A call that lies where one point more would be meets the endpoint of the next point that there is.
    for (const [at, count] of points.entries()) {
      for (const i of [0, count - 1, count]) {
        const hash = hashText(`key-${at}_${i}`);
        const next = ring.find((point) => point.hash >= hash) ?? ring[0]!;
        t.is(cluster.pick(all, hash), next.at, `point ${i} of endpoint ${at}`);
      }
    }
  }
});

test('a Maglev table has no empty slot, and each member about its share', (t) => {
  const check = fc.check(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (weights) => {
      const { slots } = buildMaglev(
        weights.map((weight, at) => ({ key: `m${at}`, weight })),
        1_009,
      );
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return (
        !slots.includes(-1) &&
        weights.every((weight, at) => {
          const share = slots.filter((member) => member === at).length;
          return Math.abs(share - (1_009 * weight) / total) <= Math.max(...weights) + 1;
        })
      );
    }),
    { numRuns: 50, seed: 11 },
  );
  t.false(check.failed, JSON.stringify(check.counterexample));
});

test('a panic threshold of 0 never calls a sick endpoint; overprovisioning of 100 is none (9.2, 9.3)', (t) => {
  const sick = assignment(locality([...endpoints(1), ...endpoints(2, 'unhealthy')]));
  t.deepEqual(countPicks(balancer(sick, { panicPercent: 0 }), 30), [30, 0, 0]);
  const nobody = assignment(locality(endpoints(2, 'unhealthy')));
  t.is(balancer(nobody, { panicPercent: 0 }).pick(all, null), -1);
  const spread = {
    ...assignment(locality([...endpoints(3), ...endpoints(1, 'unhealthy')]), locality(endpoints(1), { priority: 1 })),
    overprovisioningPercent: 100,
  };
  t.deepEqual(countPicks(balancer(spread), 400), [100, 100, 100, 0, 100]);
});
