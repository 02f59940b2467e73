// Editors check agent.yaml by the schema, the agent by its reader: what one takes the other takes, as far as a schema can
// tell.
import { globSync, readFileSync } from 'node:fs';
import test from 'ava';
import { parse as parseYaml } from 'yaml';
import { parseAgentFile } from '../../agent/config/agent-file/agent-file.ts';
import { schemaProblems } from './json-schema.ts';

const path = new URL('../../agent/config/agent-file/agent-file.schema.json', import.meta.url);
const schema = JSON.parse(readFileSync(path, 'utf8'));
const pem = (name: string) => readFileSync(new URL(`../http2/fixtures/${name}`, import.meta.url));
/** Of one file without anything in it. */
const descriptors = Buffer.from('\n\t\n\x07a.proto', 'latin1');

function readerProblems(text: string): readonly string[] {
  const readFile = (file: string) =>
    file.endsWith('.binpb') ? descriptors : pem(file.slice(file.lastIndexOf('/') + 1));
  return parseAgentFile(text, { name: 'agent.yaml', folder: '/', readFile }).problems;
}

const one = 'backends: { a: { endpoints: ["10.0.0.1:1"] } }\n';
const route = (text: string) => `${one}frontends: [{ listen: "127.0.0.1:1", routes: [${text}] }]`;
const frontend = (text: string) => `${one}frontends: [{ listen: "127.0.0.1:1", routes: [{ backend: a }], ${text} }]`;
const backend = (text: string) =>
  `backends: { a: { ${text} } }\nfrontends: [{ listen: "127.0.0.1:1", routes: [{ backend: a }] }]`;

const sound: readonly string[] = [
  route('{ backend: a }'),
  route('{ name: all, split: { a: 1 }, timeout: 5s, max_deadline: 1.5h }'),
  route(
    '{ backend: a, authority: "api:443", request_headers: { set: { x-a: 1 }, add: { x-b: "%%" }, remove: [x-c] } }',
  ),
  route('{ backend: a, authority: { endpoint: true }, response_headers: { remove: [server] } }'),
  route('{ reject: { status: NOT_FOUND, message: 7 } }'),
  route('{ backend: a, retry: { attempts: 3, on: [UNAVAILABLE, ABORTED], backoff: 50ms, max_backoff: 1s } }'),
  route('{ match: { service: "*", method: "Get*", authority: ["*.a.example", "[::1]:5"] }, backend: a }'),
  route('{ match: { service: a.B, headers: { x: 1, y: { present: false }, z: { regex: "a+" } } }, backend: a }'),
  frontend('name: public, direction: outbound, tls: { cert: server.pem, key: server-key.pem, client_ca: ca.pem }'),
  frontend('grpc_web: { origins: ["https://a.example:8443", "https://*.b.example"], credentials: true, max_age: 10m }'),
  frontend('grpc_web: {}'),
  frontend('tls: [{ cert: client.pem, key: client-key.pem }, { cert: server.pem, key: server-key.pem }]'),
  frontend('health: true, tls: { cert: server.pem, key: server-key.pem, client_ca: ca.pem, client_cert: optional }'),
  frontend('edge: true, forwarded_for: overwrite, client_cert_header: set'),
  frontend('reflection: { descriptors: [shop.binpb, cart.binpb] }'),
  frontend('call_rate: { per_second: 5, burst: 10, status: UNAVAILABLE }'),
  frontend(
    'max_concurrent_streams: 5, idle_timeout: 1m, max_connection_age: 2h, keepalive: { interval: 10s, timeout: 1s }',
  ),
  backend('endpoints: ["dns:///a.example:1", { address: "unix:/a", weight: 2, priority: 0 }]'),
  backend(
    'localities: [{ region: a, zone: b, sub_zone: c, weight: 1, priority: 0, endpoints: ["10.0.0.1:1", { address: "a:1" }] }]',
  ),
  backend('endpoints: ["a:1"], tls: {}, balance: maglev, hash_by: { cookie: c }, connect_timeout: 1s, max_requests: 4'),
  backend(
    'endpoints: ["1.1.1.1:1"], tls: { ca: ca.pem, cert: client.pem, key: client-key.pem, server_name: a, names: [b] }',
  ),
  backend(
    'endpoints: ["a:1"], balance: ring_hash, hash_by: source_ip, panic_threshold: 0, dns_refresh: 1s, idle_timeout: 1s',
  ),
  `admin: 127.0.0.1:0\nnode: { id: a, cluster: b }\ntelemetry: { service_name: a, otlp_endpoint: "http://a:1", sample_ratio: 0.5 }\n${route('{ backend: a }')}`,
];

/** Each wrong in one thing that a schema can tell. */
const wrong: readonly string[] = [
  one,
  `${one}frontends: []`,
  `${one}frontends: [{ routes: [{ backend: a }] }]`,
  `${one}frontends: [{ listen: "127.0.0.1:1", routes: [] }]`,
  `${one}frontends: [{ listen: "127.0.0.1", routes: [{ backend: a }] }]`,
  `${route('{ backend: a }')}\nadmim: 127.0.0.1:1`,
  `${route('{ backend: a }')}\ntelemetry: { sample_ratio: 2 }`,
  `${route('{ backend: a }')}\ntelemetry: { otlp_endpoint: "a:1" }`,
  route('{}'),
  route('{ backend: a, split: { a: 1 } }'),
  route('{ split: { a: -1 } }'),
  route('{ split: { a: 1.5 } }'),
  route('{ split: {} }'),
  route('{ backend: a, timeout: 5 }'),
  route('{ reject: { status: 5 } }'),
  route('{ reject: { status: OK } }'),
  route('{ reject: {} }'),
  route('{ backend: a, retry: { attempts: 1, on: [UNAVAILABLE] } }'),
  route('{ backend: a, retry: { attempts: 2 } }'),
  route('{ backend: a, retry: { attempts: 2, on: [] } }'),
  route('{ backend: a, retry: { attempts: 2, on: [OK] } }'),
  route('{ reject: { status: NOT_FOUND }, retry: { attempts: 2, on: [UNAVAILABLE] } }'),
  route('{ reject: { status: NOT_FOUND }, timeout: 5s }'),
  route('{ match: { service: /a.B/C }, backend: a }'),
  route('{ match: { method: a-b }, backend: a }'),
  route('{ match: { authority: [] }, backend: a }'),
  route('{ match: { authority: "http://a" }, backend: a }'),
  route('{ match: { headers: { "x y": 1 } }, backend: a }'),
  route('{ match: { headers: { x-bin: 1 } }, backend: a }'),
  route('{ match: { headers: { x: { prefix: a, exact: b } } }, backend: a }'),
  route('{ match: { headers: { x: {} } }, backend: a }'),
  route('{ match: { headers: { x: { present: 1 } } }, backend: a }'),
  route('{ backend: a, request_headers: { set: { "a b": c } } }'),
  route('{ backend: a, request_headers: { drop: [a] } }'),
  route('{ backend: a, authority: { endpoint: false } }'),
  route('{ backend: a, authority: "a/b" }'),
  frontend('tls: { cert: server.pem }'),
  frontend('direction: sideways'),
  frontend('max_concurrent_streams: 0'),
  frontend('grpc_web: { origins: [a.example] }'),
  frontend('tls: []'),
  frontend('tls: [{ cert: server.pem }]'),
  frontend('edge: 1'),
  frontend('health: yes please'),
  frontend('reflection: true'),
  frontend('reflection: { descriptors: [] }'),
  frontend('reflection: { descriptor: [shop.binpb] }'),
  frontend('tls: { cert: server.pem, key: server-key.pem, client_cert: optional }'),
  frontend('tls: { cert: server.pem, key: server-key.pem, client_ca: ca.pem, client_cert: maybe }'),
  frontend('forwarded_for: always'),
  frontend('client_cert_header: drop'),
  frontend('call_rate: { burst: 1 }'),
  frontend('call_rate: { per_second: 1, status: NOT_FOUND }'),
  frontend('grpc_web: { origins: ["https://a.example/"] }'),
  frontend('grpc_web: { credentials: 1 }'),
  frontend('keepalive: { timeout: 1s }'),
  backend('balance: random'),
  backend('endpoints: []'),
  backend('endpoints: ["a:1"], localities: [{ endpoints: ["a:1"] }]'),
  backend('endpoints: ["a"]'),
  backend('endpoints: [{ weight: 1 }]'),
  backend('endpoints: [{ address: "a:1", weight: 0 }]'),
  backend('localities: [{ endpoints: [{ address: "a:1", priority: 0 }] }]'),
  backend('localities: [{ zone: a }]'),
  backend('endpoints: ["a:1"], balance: fair'),
  backend('endpoints: ["a:1"], balance: maglev, hash_by: user'),
  backend('endpoints: ["a:1"], balance: maglev, hash_by: { header: a, cookie: b }'),
  backend('endpoints: ["a:1"], tls: { cert: client.pem }'),
  backend('endpoints: ["a:1"], panic_threshold: 101'),
  `backends: { "a b": { endpoints: ["a:1"] } }\nfrontends: [{ listen: "127.0.0.1:1", routes: [{ backend: "a b" }] }]`,
];

for (const [index, text] of sound.entries()) {
  test(`schema and reader both take sound file ${index + 1}`, (t) => {
    t.deepEqual(readerProblems(text), []);
    t.deepEqual(schemaProblems(schema, parseYaml(text)), []);
  });
}

for (const [index, text] of wrong.entries()) {
  test(`schema and reader both refuse wrong file ${index + 1}`, (t) => {
    t.not(readerProblems(text).length, 0, text);
    t.not(schemaProblems(schema, parseYaml(text)).length, 0, text);
  });
}

const root = new URL('../../', import.meta.url);
const examples: string[] =
  readFileSync(new URL('docs/agent-yaml.md', root), 'utf8').match(/(?<=```yaml\n).*?(?=```)/gs) ?? [];
for (const file of globSync('examples/*/agent.yaml', { cwd: root })) {
  examples.push(readFileSync(new URL(file, root), 'utf8'));
}

for (const [index, text] of examples.entries()) {
  test(`example ${index + 1} of the documentation is sound, without a warning`, (t) => {
    const readFile = (file: string) =>
      file.endsWith('.binpb') ? descriptors : pem(/key$/.test(file) ? 'server-key.pem' : 'server.pem');
    const { problems, warnings } = parseAgentFile(text, { name: 'agent.yaml', folder: '/', readFile });
    t.deepEqual([...problems, ...warnings, ...schemaProblems(schema, parseYaml(text))], []);
  });
}

/** Where a key that nobody knows may stand, and the schema of that place. */
const places: readonly (readonly [file: string, schema: { readonly properties: object }])[] = [
  [`${route('{ backend: a }')}\n??: 1`, schema],
  [`${route('{ backend: a }')}\nnode: { ??: 1 }`, schema.properties.node],
  [`${route('{ backend: a }')}\ntelemetry: { ??: 1 }`, schema.properties.telemetry],
  [frontend('??: 1'), schema.definitions.frontend],
  [frontend('tls: { ??: 1 }'), schema.definitions.frontendTls],
  [frontend('keepalive: { ??: 1 }'), schema.definitions.frontend.properties.keepalive],
  [frontend('call_rate: { ??: 1 }'), schema.definitions.frontend.properties.call_rate],
  [frontend('grpc_web: { ??: 1 }'), schema.definitions.frontend.properties.grpc_web],
  [route('{ ??: 1 }'), schema.definitions.route],
  [route('{ match: { ??: 1 } }'), schema.definitions.match],
  [route('{ request_headers: { ??: 1 } }'), schema.definitions.headers],
  [route('{ backend: a, retry: { ??: 1 } }'), schema.definitions.route.properties.retry],
  [route('{ reject: { ??: 1 } }'), schema.definitions.route.properties.reject],
  [backend('??: 1'), schema.definitions.backend],
  [backend('tls: { ??: 1 }'), schema.definitions.backend.properties.tls],
];

for (const [file, { properties }] of places) {
  test(`the reader and the schema know the same keys: ${Object.keys(properties).join(', ')}`, (t) => {
    const problem = readerProblems(file).find((text) => text.includes('unknown key "??"'));
    const known = /\(known: (.*)\)/.exec(problem ?? '')?.[1]?.split(', ') ?? [];
    t.deepEqual(known.toSorted(), Object.keys(properties).toSorted());
  });
}
