// A person writes mesh.yaml and gets it wrong: each mistake is named where it is, all of them at once.
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import type { Mesh } from '../../agent/config/mesh.ts';
import { parseMeshConfig } from '../../agent/config/mesh-config.ts';

function parse(text: string): Mesh {
  const parsed = parseMeshConfig(text);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems, null, 2));
  return parsed.mesh;
}

/** `line:column message` of each problem. */
function problemsOf(text: string): string[] {
  const parsed = parseMeshConfig(text);
  return 'problems' in parsed ? parsed.problems.map((p) => `${p.line}:${p.column} ${p.message}`) : [];
}

const twoVersions = `services:
  catalogue:
    instances:
      catalogue-1: { version: v1, app: 127.0.0.1:50061 }
      catalogue-2: { version: v1, app: 127.0.0.1:50062 }
      catalogue-3: { version: v2, app: 127.0.0.1:50063 }
`;

test('the mesh.yaml of the project is sound, and has what the local mesh needs', (t) => {
  const mesh = parse(readFileSync(new URL('../../mesh.yaml', import.meta.url), 'utf8'));
  t.deepEqual(
    mesh.services.map(({ name, instances }) => [name, instances.length]),
    [
      ['shop', 1],
      ['catalogue', 3],
    ],
  );
  t.true(mesh.agents.every(({ admin }) => admin !== null));
  t.true(mesh.services.every(({ instances }) => instances.every(({ run, behind }) => run !== null && behind !== null)));
});

test('without a split each instance gets the same share', (t) => {
  t.deepEqual(parse(twoVersions).services[0]?.split, [
    { version: 'v1', weight: 2 },
    { version: 'v2', weight: 1 },
  ]);
});

test('a version that the split does not name gets nothing', (t) => {
  const mesh = parse(`${twoVersions}    split: { v2: 7 }\n`);
  t.deepEqual(mesh.services[0]?.split, [
    { version: 'v1', weight: 0 },
    { version: 'v2', weight: 7 },
  ]);
});

test('a version that looks like a number stays what was written', (t) => {
  const mesh = parse('services: { a: { instances: { x: { app: "1.2.3.4:5", version: 1.10 } } } }');
  t.is(mesh.services[0]?.instances[0]?.version, '1.10');
});

test('IPv6 addresses stand in brackets', (t) => {
  const mesh = parse('services: { a: { instances: { x: { app: "[::1]:5" } } } }');
  t.deepEqual(mesh.services[0]?.instances[0]?.app, { host: '::1', port: 5 });
});

for (const [method, expected] of [
  ['demo.Shop', { kind: 'prefix', value: '/demo.Shop/' }],
  ['demo.Shop/Order', { kind: 'exact', value: '/demo.Shop/Order' }],
  ['demo.Shop/Or*', { kind: 'prefix', value: '/demo.Shop/Or' }],
  ['demo.*', { kind: 'prefix', value: '/demo.' }],
] as const) {
  test(`a route for the method "${method}" matches the ${expected.kind} ${expected.value}`, (t) => {
    const mesh = parse(`${twoVersions}    routes: [{ method: "${method}", to: v2 }]\n`);
    t.deepEqual(mesh.services[0]?.routes[0]?.method, expected);
  });
}

test('headers match exactly, by a prefix, or by being there', (t) => {
  const mesh = parse(`${twoVersions}    routes: [{ headers: { X-User: ann, x-team: "q*", x-any: "*" }, to: v1 }]\n`);
  t.deepEqual(mesh.services[0]?.routes[0]?.headers, [
    { name: 'x-user', match: { kind: 'exact', value: 'ann' } },
    { name: 'x-team', match: { kind: 'prefix', value: 'q' } },
    { name: 'x-any', match: { kind: 'present' } },
  ]);
});

test('every problem is named at once, in the order of the file', (t) => {
  const text = `servces:
services:
  a:
    split: { v1: 0 }
    instances:
      x: { app: 1.2.3.4, verson: v1 }
      y: { app: 1.2.3.4:5, version: v2, agent: shop-agnt, inbound: 1.2.3.4:5 }
agents:
  shop-agent: {}
`;
  t.deepEqual(problemsOf(text), [
    '1:1 unknown key "servces"; did you mean "services"? (known: services, agents, clients)',
    '4:12 services.a.split: the shares sum to 0; they must sum to 1 or more',
    '4:14 services.a.split: unknown version "v1"; did you mean "v2"? (known: v2)',
    '6:7 services.a.instances: needs a "version", since other instances of the service have one',
    '6:17 services.a.instances.x.app: "1.2.3.4" is no address; write host:port, for example 127.0.0.1:50051',
    '6:26 services.a.instances.x: unknown key "verson"; did you mean "version"? (known: app, version, weight, agent, inbound, run)',
    '7:48 services.a.instances.y.agent: unknown agent "shop-agnt"; did you mean "shop-agent"? (known: shop-agent)',
    '7:68 services.a.instances.y.inbound: 1.2.3.4:5 is taken by y (app)',
  ]);
});

for (const [mistake, text, problem] of [
  ['an empty file', '', '1:1 a mesh has at least one service'],
  ['a list', '- a', '1:1 expected a mapping (key: value)'],
  [
    'YAML that does not parse',
    'a: [',
    '1:5 Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['a key given twice', 'services:\n  a: 1\n  a: 2', '3:3 Map keys must be unique'],
  ['a service without instances', 'services:\n  a:', '2:5 services.a: a service has at least one instance'],
  [
    'a weight below 0',
    `${twoVersions}    split: { v1: -1, v2: 1 }`,
    '7:18 services.catalogue.split.v1: expected a whole number from 0 to 1000000',
  ],
  [
    'a route that matches nothing in particular',
    `${twoVersions}    routes: [{ to: v1 }]`,
    '7:14 services.catalogue.routes[0]: a route matches a "method" or "headers"; what matches none follows "split"',
  ],
  [
    'a route that leads nowhere',
    `${twoVersions}    routes: [{ method: a.B }]`,
    '7:14 services.catalogue.routes[0]: needs "to", a version or a split',
  ],
  [
    'a method with a slash before it',
    `${twoVersions}    routes: [{ method: /a.B/C, to: v1 }]`,
    '7:24 services.catalogue.routes[0].method: "/a.B/C" names no method; write package.Service, package.Service/Method, or either with a * at its end',
  ],
  [
    'an instance with an agent but no address for it',
    'services: { a: { instances: { x: { app: "h:1", agent: g } } } }\nagents: { g: {} }',
    '1:31 services.a.instances: "agent" without "inbound": an agent takes the calls at an address of its own',
  ],
  [
    'one instance name in two services',
    'services:\n  a: { instances: { x: { app: "h:1" } } }\n  b: { instances: { x: { app: "h:2" } } }',
    '3:21 services.b.instances: "x" is already an instance of a',
  ],
  [
    'a port above 65535',
    'services: { a: { instances: { x: { app: "h:65536" } } } }',
    '1:41 services.a.instances.x.app: "h:65536" is no address; write host:port, for example 127.0.0.1:50051',
  ],
  [
    'a placeholder that means nothing',
    'services: { a: { run: "node x.ts {ap}", instances: { x: { app: "h:1" } } } }',
    '1:23 services.a.run: unknown placeholder "ap"; did you mean "app"? (known: app, name, version, inbound, outbound)',
  ],
  [
    'a client without a command',
    `${twoVersions}clients: { c: {} }`,
    '7:15 clients.c: a client needs "run", the command that starts it',
  ],
] as const) {
  test(`${mistake} is named with its place`, (t) => {
    t.is(problemsOf(text)[0], problem);
  });
}

test('any text parses or has problems with places inside it, and nothing throws', (t) => {
  const words = fc.constantFrom(
    'services',
    'agents',
    ':',
    ' ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '- ',
    'a',
    '&a',
    '*a',
    '1',
    '"',
    '!!x',
    '<<',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words, { maxLength: 40 }).map((parts) => parts.join('')),
      ),
      (text) => {
        const parsed = parseMeshConfig(text);
        const lines = text.split('\n').length;
        if ('problems' in parsed) {
          t.true(
            parsed.problems.length > 0 &&
              parsed.problems.every(({ line, column }) => line >= 1 && line <= lines && column >= 1),
          );
        }
      },
    ),
    { interruptAfterTimeLimit: 1_500, markInterruptAsFailure: false, numRuns: 2_000 },
  );
});
