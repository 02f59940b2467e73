// A person writes agent.yaml: what it says becomes resources, and each mistake is named where it is, all of them at once.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type ParsedAgentFile, parseAgentFile } from '../../agent/config/agent-file/agent-file.ts';
import type { Cluster } from '../../xds/model/cluster.ts';
import type { Route } from '../../xds/model/route.ts';

const fixtures = fileURLToPath(new URL('../http2/fixtures', import.meta.url));

function parse(text: string): ParsedAgentFile {
  return parseAgentFile(text, { name: 'agent.yaml', folder: fixtures, readFile: (path) => readFileSync(path) });
}

function sound(text: string): ParsedAgentFile {
  const parsed = parse(text);
  if (parsed.problems.length > 0) throw new Error(parsed.problems.join('\n'));
  return parsed;
}

/** Without the name of the file. */
function problemsOf(text: string): string[] {
  return parse(text).problems.map((problem) => problem.replace('agent.yaml:', ''));
}

function routesOf({ resources }: ParsedAgentFile): readonly Route[] {
  const [route] = resources.flatMap((resource) => (resource.type === 'route' ? [resource.value] : []));
  return route?.virtualHosts[0]?.routes ?? [];
}

function clusterOf({ resources }: ParsedAgentFile, name: string): Cluster {
  const found = resources.find((resource) => resource.type === 'cluster' && resource.value.name === name);
  if (found?.type !== 'cluster') throw new Error(`there is no cluster ${name}`);
  return found.value;
}

/** One route at one frontend. */
function withRoutes(...routes: readonly string[]): string {
  return [
    'frontends:',
    '  - listen: 127.0.0.1:8080',
    '    routes:',
    ...routes.map((route) => `      - ${route}`),
    'backends: { a: { endpoints: ["10.0.0.1:1"] }, b: { endpoints: ["10.0.0.2:1"] } }',
    '',
  ].join('\n');
}

test('routes, splits and rejections become a route configuration, backends clusters', (t) => {
  const parsed = sound(`
frontends:
  - listen: 0.0.0.0:443
    tls: { cert: server.pem, key: server-key.pem }
    routes:
      - { match: { service: com.example.internal.* }, reject: { status: UNIMPLEMENTED, message: Unknown method } }
      - { match: { authority: staging.api.example.com }, backend: staging }
      - { match: { service: shop.Cart, headers: { x-canary: "1" } }, backend: cart-v2 }
      - { match: { service: shop.Cart }, split: { cart-v1: 90, cart-v2: 10 } }
backends:
  staging: { endpoints: [ "api-service.staging.svc.local:443" ], tls: {} }
  cart-v1: { endpoints: [ 10.0.0.1:50051, 10.0.0.2:50051 ], balance: round_robin }
  cart-v2: { endpoints: [ "dns:///cart-v2:50051" ] }
`);
  const [internal, staging, canary, cart] = routesOf(parsed);
  t.deepEqual(internal?.match.path, { kind: 'prefix', value: '/com.example.internal.' });
  t.deepEqual(internal?.action, { kind: 'reject', status: 12, message: 'Unknown method' });
  t.is(staging?.match.headers[0]?.name, ':authority');
  t.deepEqual(canary?.match.headers[0]?.match, { kind: 'exact', value: '1', ignoreCase: false });
  t.like(cart?.action, {
    clusters: [
      { name: 'cart-v1', weight: 90 },
      { name: 'cart-v2', weight: 10 },
    ],
  });
  t.like(clusterOf(parsed, 'staging').tls, { hostnameIsSni: true, trustedCaPem: null });
  t.is(clusterOf(parsed, 'cart-v1').discovery.kind, 'static');
  t.is(clusterOf(parsed, 'cart-v2').discovery.kind, 'strict-dns');
  t.deepEqual(
    [...parsed.files.keys()].map((path) => path.slice(fixtures.length + 1)),
    ['server.pem', 'server-key.pem'],
  );
});

for (const [match, path] of [
  ['service: shop.Cart', { kind: 'prefix', value: '/shop.Cart/' }],
  ['service: shop.*', { kind: 'prefix', value: '/shop.' }],
  ['service: shop.Cart, method: Add', { kind: 'exact', value: '/shop.Cart/Add' }],
  ['service: shop.Cart, method: Get*', { kind: 'prefix', value: '/shop.Cart/Get' }],
  ['method: Check', { kind: 'regex', value: '/[^/]*/Check' }],
  ['service: shop.*, method: Get*', { kind: 'regex', value: '/shop\\.[^/]*/Get[^/]*' }],
] as const) {
  test(`a match of { ${match} } looks at the path by ${path.kind} ${path.value}`, (t) => {
    t.deepEqual(routesOf(sound(withRoutes(`{ match: { ${match} }, backend: a }`)))[0]?.match.path, path);
  });
}

test('endpoints have weights and priorities, or stand in localities', (t) => {
  const parsed = sound(`
frontends: [{ listen: "127.0.0.1:1", routes: [{ match: { service: a }, backend: flat }, { backend: zoned }] }]
backends:
  flat: { endpoints: [{ address: "unix:/run/app.sock", weight: 3 }, { address: "[::1]:5", priority: 1 }] }
  zoned:
    balance: maglev
    hash_by: { header: X-User }
    localities:
      - { region: eu, zone: a, weight: 3, endpoints: ["10.0.0.1:1"] }
      - { region: eu, zone: b, weight: 1, endpoints: ["10.0.0.2:1"] }
`);
  const localitiesOf = (name: string) => {
    const { discovery } = clusterOf(parsed, name);
    return discovery.kind === 'static' ? discovery.endpoints.localities : [];
  };
  t.like(localitiesOf('flat')[0], {
    priority: 0,
    endpoints: [{ address: { host: '/run/app.sock', port: 0 }, weight: 3 }],
  });
  t.like(localitiesOf('flat')[1], { priority: 1, endpoints: [{ address: { host: '::1', port: 5 } }] });
  t.true(clusterOf(parsed, 'zoned').localityWeighted);
  t.like(localitiesOf('zoned')[1], { region: 'eu', zone: 'b', weight: 1 });
  t.like(routesOf(parsed)[1]?.action, { hashPolicies: [{ kind: 'header', name: 'x-user' }] });
});

test('a route changes headers, authority and time limits', (t) => {
  const route = `{ backend: a, timeout: 1.5s, max_deadline: 1m, authority: api, request_headers: { set: { X-Peer: "%DOWNSTREAM_REMOTE_ADDRESS%" }, remove: [cookie] } }`;
  const [found] = routesOf(sound(withRoutes(route)));
  t.like(found?.action, { timeoutMs: 1500, grpcTimeoutMaxMs: 60_000, hostRewrite: { kind: 'literal', value: 'api' } });
  t.deepEqual(found?.mutations?.requestRemove, ['cookie']);
  t.deepEqual(found?.mutations?.requestAdd, [
    { name: 'x-peer', value: [{ kind: 'downstream-address' }], action: 'overwrite', keepEmpty: false },
  ]);
});

const mistakes: readonly (readonly [what: string, text: string, problems: readonly string[]])[] = [
  [
    'an unknown key',
    withRoutes('{ backand: a, backend: b }'),
    ['4:11: frontends[0].routes[0]: unknown key "backand"; did you mean "backend"?'],
  ],
  [
    'a name that is no backend',
    withRoutes('{ backend: c }'),
    ['4:20: frontends[0].routes[0].backend: unknown backend "c"'],
  ],
  [
    'a share of a backend that there is not',
    withRoutes('{ split: { a: 1, ab: 1 } }'),
    ['4:26: frontends[0].routes[0].split: unknown backend "ab"; did you mean "a"?'],
  ],
  [
    'shares that sum to nothing',
    withRoutes('{ split: { a: 0, b: 0 } }'),
    ['4:18: frontends[0].routes[0].split: the shares sum to 0'],
  ],
  [
    'a share that is no number',
    withRoutes('{ split: { a: 0.5 } }'),
    ['4:23: frontends[0].routes[0].split.a: expected a whole number from 0 to 1000000'],
  ],
  [
    'a route that goes nowhere',
    withRoutes('{ match: {} }'),
    ['4:9: frontends[0].routes[0]: a route has one of "backend", "split" and "reject"'],
  ],
  [
    'a status that is none',
    withRoutes('{ reject: { status: NOTFOUND } }'),
    ['4:29: frontends[0].routes[0].reject.status: unknown status "NOTFOUND"; did you mean "NOT_FOUND"?'],
  ],
  [
    'a header of two kinds',
    withRoutes('{ match: { headers: { x: { exact: a, prefix: b } } }, backend: a }'),
    ['4:34: frontends[0].routes[0].match.headers.x: a header is matched in one way'],
  ],
  [
    'an expression that RE2 does not take',
    withRoutes('{ match: { headers: { x: { regex: "(" } } }, backend: a }'),
    ['4:43: frontends[0].routes[0].match.headers.x.regex: not a valid RE2 expression'],
  ],
  [
    'a duration without its unit',
    withRoutes('{ backend: a, timeout: 5 }'),
    ['4:32: frontends[0].routes[0].timeout: "5" is no duration'],
  ],
  [
    'two frontends at one address',
    'frontends: [{ listen: "127.0.0.1:1", routes: [{ backend: a }] }, { name: x, listen: "127.0.0.1:1", routes: [{ backend: a }] }]\nbackends: { a: { endpoints: ["10.0.0.1:1"] } }',
    ['1:66: frontends[1]: the address 127.0.0.1:1 is taken by frontends[0]'],
  ],
  [
    'a priority left out',
    'frontends: [{ listen: "127.0.0.1:1", routes: [{ backend: a }] }]\nbackends: { a: { endpoints: [{ address: "10.0.0.1:1", priority: 1 }] } }',
    ['2:29: backends.a.endpoints: priorities begin at 0 and leave none out: there is no 0'],
  ],
  [
    'TLS to addresses without a name to check',
    'frontends: [{ listen: "127.0.0.1:1", routes: [{ backend: a }] }]\nbackends: { a: { endpoints: ["10.0.0.1:1"], tls: {} } }',
    ['2:50: backends.a.tls: needs "server_name", the name in the certificate: not every endpoint has a name'],
  ],
  [
    'a certificate that is not there',
    'frontends: [{ listen: "127.0.0.1:1", tls: { cert: no.pem, key: server-key.pem }, routes: [{ backend: a }] }]\nbackends: { a: { endpoints: ["10.0.0.1:1"] } }',
    ["1:51: frontends[0].tls.cert: can't read no.pem: there is no such file"],
  ],
  [
    'a key of another certificate',
    'frontends: [{ listen: "127.0.0.1:1", tls: { cert: server.pem, key: client-key.pem }, routes: [{ backend: a }] }]\nbackends: { a: { endpoints: ["10.0.0.1:1"] } }',
    ['1:68: frontends[0].tls.key: the key does not belong to the certificate'],
  ],
  [
    'two certificates of one name',
    'frontends: [{ listen: "127.0.0.1:1", tls: [{ cert: client.pem, key: client-key.pem }, { cert: server.pem, key: server-key.pem }, { cert: server.pem, key: server-key.pem }], routes: [{ backend: a }] }]\nbackends: { a: { endpoints: ["10.0.0.1:1"] } }',
    ['1:130: frontends[0].tls[2]: echo.test is a name of the certificate of frontends[0].tls[1] too'],
  ],
  [
    'ring_hash without what is hashed',
    'frontends: [{ listen: "127.0.0.1:1", routes: [{ backend: a }] }]\nbackends: { a: { endpoints: ["10.0.0.1:1"], balance: ring_hash } }',
    ['2:54: backends.a.balance: needs "hash_by" beside it'],
  ],
  ['no frontend', 'backends: { a: { endpoints: ["10.0.0.1:1"] } }', ['1:1: needs "frontends", where calls arrive']],
  ['what is no YAML', 'frontends: [', ['1:13: ']],
];

for (const [what, text, expected] of mistakes) {
  test(`${what} is said, by line and column`, (t) => {
    const problems = problemsOf(text);
    t.is(problems.length, expected.length, problems.join('\n'));
    for (const [index, start] of expected.entries()) t.true(problems[index]?.startsWith(start), problems[index]);
  });
}

test('all problems of a file are said at once, in its order', (t) => {
  const problems = problemsOf(
    withRoutes('{ match: { service: x }, backend: c }', '{ split: { d: -1 } }').replace('10.0.0.1:1', '10.0.0.1'),
  );
  t.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['4:43:', '5:20:', '5:23:', '6:30:'],
  );
});

for (const [first, second, isReached] of [
  ['{}', '{ service: shop.Cart }', false],
  ['{ service: shop.Cart }', '{ service: shop.Cart }', false],
  ['{ service: shop.* }', '{ service: shop.Cart, method: Add }', false],
  ['{ service: shop.Cart }', '{ service: shop.* }', true],
  ['{ method: Get* }', '{ service: shop.Cart, method: GetCart }', false],
  ['{ method: GetCart }', '{ method: Get* }', true],
  ['{ authority: api.example.com }', '{ authority: "API.example.com:443" }', false],
  ['{ authority: "api.example.com:443" }', '{ authority: api.example.com }', true],
  ['{ authority: "*.example.com" }', '{ authority: [a.example.com, "*.b.example.com"] }', false],
  ['{ authority: "*.example.com" }', '{ authority: [a.example.com, example.com] }', true],
  ['{ headers: { x-a: { present: true } } }', '{ headers: { x-a: "1", x-b: "2" } }', false],
  ['{ headers: { x-a: { prefix: v } } }', '{ headers: { X-A: v1 } }', false],
  ['{ headers: { x-a: "1" } }', '{ headers: { x-a: { present: true } } }', true],
  ['{ headers: { x-a: { present: false } } }', '{ headers: { x-a: "1" } }', true],
  ['{ headers: { x-a: "1", x-b: "1" } }', '{ headers: { x-a: "1" } }', true],
  ['{ headers: { x-a: { regex: "a|b" } } }', '{ headers: { x-a: { regex: "a|b" } } }', false],
] as const) {
  test(`behind a route for ${first}, one for ${second} is ${isReached ? 'reached' : 'not reached, which is an error'}`, (t) => {
    const problems = problemsOf(withRoutes(`{ match: ${first}, backend: a }`, `{ match: ${second}, backend: b }`));
    if (isReached) t.deepEqual(problems, []);
    else
      t.regex(problems.join('\n'), /^5:18: frontends\[0\]\.routes\[1\]\.match: (?:no call gets here|matches the same)/);
  });
}

test('a backend that no route names is told, and no error', (t) => {
  t.deepEqual(sound(withRoutes('{ backend: a }')).warnings, [
    'agent.yaml:5:47: no route sends calls to the backend "b"',
  ]);
});

test('what counts at the start is read too', (t) => {
  const { settings } = sound(`admin: 127.0.0.1:9000
node: { id: edge-1, cluster: edge }
telemetry: { service_name: edge, otlp_endpoint: "http://127.0.0.1:4318", sample_ratio: 0.25 }
${withRoutes('{ backend: a }')}`);
  t.deepEqual(settings, {
    admin: { host: '127.0.0.1', port: 9000 },
    node: { id: 'edge-1', cluster: 'edge' },
    env: {
      OTEL_SERVICE_NAME: 'edge',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    },
  });
});
