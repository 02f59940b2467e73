// ClusterLoadAssignment -> model, and each problem with the path of its field (xds.md section 1.6).
import test from 'ava';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';
import { assignment, socketAddress } from './messages.ts';

test('endpoints with localities, weights, health and drops', (t) => {
  const lbEndpoint = (port: number, fields: object = {}) => ({
    endpoint: { address: socketAddress('::1', port), hostname: `h${port}` },
    ...fields,
  });
  const value = modelOf('endpoints', {
    cluster_name: 'e',
    endpoints: [
      {
        locality: { region: 'r', zone: 'z', sub_zone: 's' },
        load_balancing_weight: { value: 3 },
        lb_endpoints: [
          lbEndpoint(1, { load_balancing_weight: { value: 5 }, health_status: 'HEALTHY' }),
          lbEndpoint(2, { health_status: 'DRAINING' }),
          lbEndpoint(3, {
            health_status: 'DEGRADED',
            metadata: { filter_metadata: { 'envoy.lb': { fields: { hash_key: { stringValue: 'three' } } } } },
          }),
        ],
      },
      { priority: 1, load_balancer_endpoints: { lb_endpoints: [lbEndpoint(4, { health_status: 'TIMEOUT' })] } },
    ],
    policy: {
      overprovisioning_factor: { value: 200 },
      drop_overloads: [{ category: 'lb', drop_percentage: { numerator: 2_000_000, denominator: 'MILLION' } }],
    },
  });
  const endpoint = (port: number, weight: number, health: string, hashKey = '') => ({
    address: { host: '::1', port },
    weight,
    health,
    hostname: `h${port}`,
    hashKey,
  });
  t.deepEqual(value as unknown, {
    name: 'e',
    localities: [
      {
        region: 'r',
        zone: 'z',
        subZone: 's',
        priority: 0,
        weight: 3,
        endpoints: [endpoint(1, 5, 'healthy'), endpoint(2, 1, 'unhealthy'), endpoint(3, 1, 'degraded', 'three')],
      },
      { region: '', zone: '', subZone: '', priority: 1, weight: 0, endpoints: [endpoint(4, 1, 'unhealthy')] },
    ],
    dropOverloads: [{ category: 'lb', numerator: 1_000_000, denominator: 1_000_000 }],
    overprovisioningPercent: 200,
  });
});

test('case 85: no endpoints at all is valid', (t) => {
  t.deepEqual(modelOf('endpoints', assignment('e')), {
    name: 'e',
    localities: [],
    dropOverloads: [],
    overprovisioningPercent: 140,
  });
});

test('an endpoint may be a socket file, by its absolute path', (t) => {
  const pipe = (path: string) => lb({ endpoint: { address: { pipe: { path } } } });
  const [locality] = modelOf('endpoints', pipe('/run/app.sock')).localities;
  t.deepEqual(locality?.endpoints[0]?.address, { host: '/run/app.sock', port: 0 });
  t.deepEqual(warningsOf('endpoints', pipe('@abstract')), [
    `${at}.endpoint.address.pipe.path: "@abstract" is not supported, only absolute paths are`,
  ]);
});

test('an address that comes twice in a priority counts once, and the second is named', (t) => {
  const message = assignment('e', 1, 2, 1);
  t.deepEqual(
    modelOf('endpoints', message).localities[0]?.endpoints.map(({ address }) => address.port),
    [1, 2],
  );
  t.deepEqual(warningsOf('endpoints', message), [
    'endpoints[0]: 127.0.0.1:1 appears twice in priority 0; the first one counts',
  ]);
});

const heavy = { load_balancing_weight: { value: 4_294_967_295 } };
const place = (priority: number, zone = '', fields: object = {}) => ({ priority, locality: { zone }, ...fields });
const lb = (fields: object) => ({ cluster_name: 'e', endpoints: [{ lb_endpoints: [fields] }] });
const at = 'endpoints[0].lb_endpoints[0]';

const endpointProblems: readonly (readonly [what: string, message: object, errors: readonly string[]])[] = [
  ['no name', assignment('', 1), ['cluster_name: must not be empty']],
  [
    'a gap in the priorities',
    { cluster_name: 'e', endpoints: [place(0), place(2)] },
    ['endpoints: there is a priority 2, but none 1'],
  ],
  [
    'a priority out of range',
    { cluster_name: 'e', endpoints: [place(200)] },
    ['endpoints[0].priority: 200 is above 128'],
  ],
  [
    'a locality twice',
    { cluster_name: 'e', endpoints: [place(0, 'z'), place(0, 'y'), place(0, 'z')] },
    ['endpoints[2].locality: appears twice in priority 0'],
  ],
  [
    'locality weights that do not fit 32 bits',
    { cluster_name: 'e', endpoints: [place(0, 'a', heavy), place(0, 'b', heavy)] },
    ['endpoints: the locality weights of priority 0 sum to 8589934590, above 4294967295'],
  ],
  [
    'endpoint weights that do not fit 32 bits',
    {
      cluster_name: 'e',
      endpoints: [
        { lb_endpoints: [1, 2].map((port) => ({ endpoint: { address: socketAddress('::1', port) }, ...heavy })) },
      ],
    },
    ['endpoints[0]: the weights of the endpoints sum to 8589934590, above 4294967295'],
  ],
  [
    'a weight of 0',
    lb({ endpoint: { address: socketAddress('::1', 1) }, load_balancing_weight: { value: 0 } }),
    [`${at}.load_balancing_weight: must be 1 or more`],
  ],
  ['no endpoint', lb({}), [`${at}: no endpoint is set`]],
  ['no address', lb({ endpoint: {} }), [`${at}.endpoint.address: no address is set`]],
  [
    'a DNS name',
    lb({ endpoint: { address: socketAddress('shop', 1) } }),
    [`${at}.endpoint.address.socket_address.address: "shop" is not an IP address`],
  ],
  [
    'a port out of range',
    lb({ endpoint: { address: socketAddress('::1', 65_536) } }),
    [`${at}.endpoint.address.socket_address.port_value: 65536 is not a port`],
  ],
  [
    'an unknown health',
    lb({ endpoint: { address: socketAddress('::1', 1) }, health_status: 77 }),
    [`${at}.health_status: unknown value 77`],
  ],
  [
    'a name that is not there',
    lb({ endpoint_name: '__proto__' }),
    [`${at}: endpoint_name "__proto__" is not in named_endpoints`],
  ],
  [
    'a drop without category and share',
    { cluster_name: 'e', policy: { drop_overloads: [{}] } },
    ['policy.drop_overloads[0].category: must not be empty', 'policy.drop_overloads[0].drop_percentage: required'],
  ],
];

for (const [what, message, expected] of endpointProblems) {
  test(`endpoints, ${what}: refused, naming the field`, (t) => {
    t.deepEqual(errorsOf('endpoints', message), expected);
  });
}

test('addresses of other kinds are left out and named', (t) => {
  const message = {
    cluster_name: 'e',
    endpoints: [
      {
        lb_endpoints: [
          { endpoint: { address: { pipe: { path: '@s' } } } },
          { endpoint: { address: { envoy_internal_address: {} } } },
          { endpoint: { address: { socket_address: { protocol: 'UDP', address: '::1', port_value: 1 } } } },
          { endpoint: { address: socketAddress('::1', 2) } },
        ],
      },
    ],
  };
  t.is(modelOf('endpoints', message).localities[0]?.endpoints.length, 1);
  t.is(warningsOf('endpoints', message).length, 3);
});

test('endpoints that have the same transport_socket_match metadata share one object, in any order of its fields', (t) => {
  const metadata = (fields: object) => ({ filter_metadata: { 'envoy.transport_socket_match': { fields } } });
  const a = { tlsMode: { stringValue: 'istio' } };
  const b = { zone: { listValue: { values: [{ numberValue: 1 }] } } };
  const at = (port: number) => ({ endpoint: { address: socketAddress('10.0.0.1', port) } });
  const value = modelOf('endpoints', {
    cluster_name: 'c',
    endpoints: [
      {
        lb_endpoints: [
          { ...at(1), metadata: metadata({ ...a, ...b }) },
          { ...at(2), metadata: metadata({ ...b, ...a }) },
          { ...at(3), metadata: metadata({}) },
          at(4),
        ],
      },
    ],
  });
  const [one, two, ...others] = value.localities[0]!.endpoints;
  t.deepEqual(one?.socketLabels, { tlsMode: '"istio"', zone: '[1]' });
  t.is(one?.socketLabels, two?.socketLabels);
  for (const other of others) t.false('socketLabels' in other);
});

test("a locality's transport_socket_match metadata is that of each of its endpoints, beside their own", (t) => {
  const metadata = (value: string) => ({
    filter_metadata: { 'envoy.transport_socket_match': { fields: { tlsMode: { stringValue: value } } } },
  });
  const at = (port: number) => ({ endpoint: { address: socketAddress('10.0.0.1', port) } });
  const value = modelOf('endpoints', {
    cluster_name: 'c',
    endpoints: [{ metadata: metadata('istio'), lb_endpoints: [at(1), { ...at(2), metadata: metadata('off') }] }],
  });
  const [one, two] = value.localities[0]!.endpoints;
  t.deepEqual(one?.localityLabels, { tlsMode: '"istio"' });
  t.is(two?.localityLabels, one?.localityLabels);
  t.is(one?.socketLabels, undefined);
  t.deepEqual(two?.socketLabels, { tlsMode: '"off"' });
});
