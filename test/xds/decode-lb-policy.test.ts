// Balancing policies of a cluster -> model, in the older and the newer form (xds.md section 1.5).
import test from 'ava';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';
import { pack } from './messages.ts';

const eds = { name: 'c', type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } };

function policy(name: string, config: object = {}): object {
  const typeName = `envoy.extensions.load_balancing_policies.${name}`;
  return { typed_extension_config: { name, typed_config: pack(typeName, config) } };
}

test('locality weights count where a policy asks for them (envoy-behaviours.md 9.1)', (t) => {
  const weighted = { locality_lb_config: { locality_weighted_lb_config: {} } };
  const roundRobin = policy('round_robin.v3.RoundRobin');
  const cases: readonly (readonly [object[], boolean, number])[] = [
    [[roundRobin], false, 0],
    [[policy('round_robin.v3.RoundRobin', weighted)], true, 0],
    [[policy('least_request.v3.LeastRequest', weighted)], true, 0],
    [[policy('ring_hash.v3.RingHash', { locality_weighted_lb_config: {} })], true, 0],
    [[policy('wrr_locality.v3.WrrLocality', { endpoint_picking_policy: { policies: [roundRobin] } })], true, 0],
    // An unknown policy in front of a known one is skipped (gRFC A52).
    [
      [{ typed_extension_config: { typed_config: { type_url: 'x/unheard.of', value: Buffer.alloc(0) } } }, roundRobin],
      false,
      0,
    ],
  ];
  for (const [policies, localityWeighted, warnings] of cases) {
    // Where there is a list, the old fields do not count.
    const message = { ...eds, lb_policy: 'MAGLEV', load_balancing_policy: { policies } };
    t.is(modelOf('cluster', message).localityWeighted, localityWeighted);
    t.is(warningsOf('cluster', message).length, warnings);
  }
});

test('balancing policies in their older form, with Envoy’s defaults', (t) => {
  const of = (fields: object) => modelOf('cluster', { ...eds, ...fields }).lbPolicy;
  t.deepEqual(of({ lb_policy: 'RANDOM' }), { kind: 'random' });
  t.deepEqual(of({ lb_policy: 'LEAST_REQUEST' }), { kind: 'least-request', choices: 2 });
  t.deepEqual(of({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: { value: 5 } } }), {
    kind: 'least-request',
    choices: 5,
  });
  t.deepEqual(of({ lb_policy: 'RING_HASH' }), { kind: 'ring-hash', minSize: 1024, maxSize: 65_536, key: 'address' });
  t.deepEqual(
    of({
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: { minimum_ring_size: { value: 9 }, maximum_ring_size: { value: 10 } },
      common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } },
    }),
    { kind: 'ring-hash', minSize: 9, maxSize: 10, key: 'hostname' },
  );
  t.deepEqual(of({ lb_policy: 'MAGLEV' }), { kind: 'maglev', tableSize: 65_537, key: 'address' });
});

test('balancing policies in their newer form', (t) => {
  const of = (name: string, config: object) =>
    modelOf('cluster', { ...eds, load_balancing_policy: { policies: [policy(name, config)] } });
  t.deepEqual(of('random.v3.Random', {}).lbPolicy, { kind: 'random' });
  t.deepEqual(of('least_request.v3.LeastRequest', { choice_count: { value: 3 } }).lbPolicy, {
    kind: 'least-request',
    choices: 3,
  });
  t.like(of('least_request.v3.LeastRequest', { selection_method: 'FULL_SCAN' }).lbPolicy, {
    choices: Number.MAX_SAFE_INTEGER,
  });
  t.deepEqual(of('maglev.v3.Maglev', { table_size: { value: 11 } }).lbPolicy, {
    kind: 'maglev',
    tableSize: 11,
    key: 'address',
  });
  t.like(of('ring_hash.v3.RingHash', { use_hostname_for_hashing: true }).lbPolicy, { key: 'hostname' });
  const inner = policy('least_request.v3.LeastRequest');
  const outer = of('wrr_locality.v3.WrrLocality', { endpoint_picking_policy: { policies: [inner] } });
  t.like(outer, { localityWeighted: true, lbPolicy: { kind: 'least-request', choices: 2 } });
});

test('what a balancing policy asks for and does not get is named', (t) => {
  const warnings = (fields: object) => warningsOf('cluster', { ...eds, ...fields });
  t.deepEqual(
    warnings({
      lb_policy: 'LEAST_REQUEST',
      least_request_lb_config: { slow_start_config: {}, active_request_bias: { default_value: 1 } },
      common_lb_config: { zone_aware_lb_config: {} },
    }),
    [
      'common_lb_config.zone_aware_lb_config: calls are not kept in their own zone',
      'least_request_lb_config.active_request_bias: calls under way count in proportion to the weight',
      'least_request_lb_config.slow_start_config: a new endpoint has its whole share at once',
    ],
  );
  t.deepEqual(
    warnings({
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2', minimum_ring_size: { value: 100_000 } },
      common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: { value: 150 } } },
    }),
    [
      'ring_hash_lb_config.minimum_ring_size: rings have at most 65536 points here',
      'ring_hash_lb_config.hash_function: MURMUR_HASH_2 is not supported, xxHash takes its place',
      'common_lb_config.consistent_hashing_lb_config.hash_balance_factor: the load of an endpoint is not bounded',
    ],
  );
});

test('numbers of a balancing policy that make no sense are refused by their path', (t) => {
  const errors = (fields: object) => errorsOf('cluster', { ...eds, ...fields });
  t.deepEqual(errors({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: { value: 1 } } }), [
    'least_request_lb_config.choice_count: must be 2 or more',
  ]);
  t.deepEqual(
    errors({
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: { minimum_ring_size: { value: 9 }, maximum_ring_size: { value: 8 } },
    }),
    ['ring_hash_lb_config.minimum_ring_size: 9 is above the maximum, 8'],
  );
  t.deepEqual(errors({ lb_policy: 'MAGLEV', maglev_lb_config: { table_size: { value: 12 } } }), [
    'maglev_lb_config.table_size: 12 is not a prime',
  ]);
  t.deepEqual(errors({ common_lb_config: { healthy_panic_threshold: { value: 101 } } }), [
    'common_lb_config.healthy_panic_threshold: 101 is not a percentage',
  ]);
});

test('a panic threshold that is there and empty is 0: never (control-planes.md section 1)', (t) => {
  t.is(modelOf('cluster', { ...eds, common_lb_config: { healthy_panic_threshold: {} } }).panicPercent, 0);
});

test('another policy is accepted as round robin, and named', (t) => {
  t.deepEqual(warningsOf('cluster', { ...eds, lb_policy: 'CLUSTER_PROVIDED' }), [
    'lb_policy: CLUSTER_PROVIDED is not supported, round robin takes its place',
  ]);
  const unheard = { typed_extension_config: { typed_config: { type_url: 'x/unheard.of', value: Buffer.alloc(0) } } };
  t.deepEqual(warningsOf('cluster', { ...eds, load_balancing_policy: { policies: [unheard] } }), [
    'load_balancing_policy.policies: none of these is supported, round robin takes their place',
  ]);
});
