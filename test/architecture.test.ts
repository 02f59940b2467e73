// The rules of the layout, each with its reason. A newcomer who breaks one should learn here why it exists.
// The import ladder: an import may only point to a lower row or stay inside its own unit, types included.

import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  findCycle,
  type Import,
  listPaths,
  parseSourceFile,
  readSourceFiles,
  type SourceFile,
} from './support/source-tree.ts';

/** Row by row, lowest first. A unit is a folder, one file, or the files directly in a folder (`xds/*.ts`). */
const ladder: readonly { readonly what: string; readonly units: readonly string[] }[] = [
  {
    what: 'plain data and pure arithmetic',
    units: [
      'xds/model',
      'xds/proto-descriptions.ts',
      'agent/observe',
      'agent/stats',
      'agent/backoff.ts',
      'agent/drain.ts',
      'agent/native',
    ],
  },
  {
    what: 'wire formats',
    units: [
      'agent/http2',
      'agent/inject',
      'agent/interception',
      'agent/link.ts',
      'agent/takeover',
      'xds/decode',
      'xds/encode',
      'xds/protos.ts',
    ],
  },
  {
    what: 'calls and status; picking; files to model; client and server of xDS',
    units: ['agent/grpc', 'agent/grpc-web', 'agent/balancer', 'agent/config', 'xds/*.ts', 'xds/server'],
  },
  {
    what: 'which cluster; decisions on a call head; pools; accepting',
    units: ['agent/director', 'agent/filters', 'agent/upstream', 'agent/listener'],
  },
  { what: 'the story of a call, and local targets', units: ['agent/proxy', 'agent/local'] },
  { what: 'observers', units: ['agent/telemetry', 'agent/admin'] },
  {
    what: 'the only ones that compose',
    units: [
      'agent/agent.ts',
      'agent/agent-ports.ts',
      'agent/outbound-listener.ts',
      'agent/succession.ts',
      'agent/config-feed.ts',
      'agent/data-plane.ts',
      'agent/data-plane-worker.ts',
      'agent/workers.ts',
      'agent/webhook.ts',
      'agent/library',
      'agent/mesh',
    ],
  },
  { what: 'entries: commands, the library', units: ['agent/main.ts', 'agent/cli', 'agent/index.ts'] },
];

const compositionRow = 6;

/** Steps between units of one row: parts of the composition itself, and plain data that uses plain data. */
const allowedSteps = new Set([
  'agent/stats -> agent/observe',
  'agent/config -> agent/grpc',
  'agent/filters -> agent/director',
  'agent/local -> agent/proxy',
  'agent/main.ts -> agent/cli',
  'agent/agent.ts -> agent/agent-ports.ts',
  'agent/agent.ts -> agent/outbound-listener.ts',
  'agent/agent.ts -> agent/succession.ts',
  'agent/agent.ts -> agent/workers.ts',
  'agent/succession.ts -> agent/agent-ports.ts',
  'agent/succession.ts -> agent/workers.ts',
  'agent/workers.ts -> agent/config-feed.ts',
  'agent/data-plane-worker.ts -> agent/data-plane.ts',
]);

/** Where an outside dependency may be imported; whatever is missing here has no home yet. */
const homes: readonly { readonly dependency: RegExp; readonly units: readonly string[] }[] = [
  { dependency: /^@grpc\/grpc-js$/, units: ['xds', 'agent/local', 'agent/mesh', 'agent/telemetry'] },
  { dependency: /^@grpc\/proto-loader$/, units: ['xds', 'agent/local', 'agent/mesh', 'agent/telemetry'] },
  { dependency: /^@opentelemetry\//, units: ['agent/telemetry'] },
  { dependency: /^pino$/, units: ['agent/telemetry'] },
  { dependency: /^yaml$/, units: ['agent/config', 'agent/inject'] },
  { dependency: /^re2js$/, units: ['agent/director', 'agent/grpc', 'xds/decode'] },
  { dependency: /^xxhash-wasm$/, units: ['agent/balancer'] },
  { dependency: /^(?:koffi|node:ffi)$/, units: ['agent/native'] },
];

const barrels = ['agent/index.ts', 'xds/index.ts', 'agent/http2/index.ts'];

const product = readSourceFiles(['agent', 'xds']);
const tests = readSourceFiles(['test']);
const everything = readSourceFiles(['agent', 'xds', 'test', 'bench', 'examples', 'admin-ui', 'bin']);

/** The unit and row of a file, or undefined where the table does not name it. */
function placeOf(path: string): { readonly unit: string; readonly row: number } | undefined {
  // A file named by itself (xds/protos.ts) goes before the files directly in its folder (xds/*.ts).
  for (const isMember of [isFileOrInside, isDirectlyIn]) {
    for (const [row, { units }] of ladder.entries()) {
      const unit = units.find((candidate) => isMember(path, candidate));
      if (unit !== undefined) return { unit, row };
    }
  }
  return undefined;
}

function isFileOrInside(path: string, unit: string): boolean {
  return path === unit || path.startsWith(`${unit}/`);
}

function isDirectlyIn(path: string, unit: string): boolean {
  return unit.endsWith('/*.ts') && path.slice(0, path.lastIndexOf('/')) === unit.slice(0, -'/*.ts'.length);
}

/** Fails with every place where the rule is broken, and the reason for it. */
function failAt(t: ExecutionContext, places: readonly string[], reason: string): void {
  if (places.length === 0) t.pass();
  else t.fail(`${places.join('\n')}\nThe reason for this rule: ${reason}`);
}

/** Each import of the product that `judge` has something to say about, as `file:line what it says`. */
function faultyImports(judge: (file: SourceFile, line: Import) => string | undefined): string[] {
  return product.flatMap((file) =>
    file.imports.flatMap((line) => {
      const fault = judge(file, line);
      return fault === undefined ? [] : [`${file.path}:${line.line} ${fault}`];
    }),
  );
}

test('every file of agent/ and xds/ has a row on the import ladder', (t) => {
  const homeless = product.filter((file) => placeOf(file.path) === undefined);
  failAt(
    t,
    homeless.map((file) => `${file.path}:1 is in no unit of the table in test/architecture.test.ts`),
    'a file without a row may import anything, and soon does; a new unit needs a decision on who may use it.',
  );
});

test('an import points to a lower row of the ladder or stays inside its own unit', (t) => {
  const faults = faultyImports((file, line) => {
    const from = placeOf(file.path);
    const to = line.target === undefined ? undefined : placeOf(line.target);
    if (from === undefined || to === undefined || from.unit === to.unit || to.row < from.row) return undefined;
    if (allowedSteps.has(`${from.unit} -> ${to.unit}`)) return undefined;
    const words = [from, to].map(({ unit, row }) => `${unit} (row ${row}, ${ladder[row]?.what})`);
    return `imports '${line.specifier}': ${words.join(' must not know ')}`;
  });
  failAt(
    t,
    faults,
    'what is low on the ladder can be read, tested and replaced without what is above it. Move the shared type down, ' +
      'or pass the thing in from row 6, which composes.',
  );
});

test('docs/architecture.md shows this very ladder', (t) => {
  const page = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| ([0-9]) \| (.*?) \|/gm)].map(([, row, who]) => [
    Number(row),
    [...(who ?? '').matchAll(/`([^`]+)`/g)].map(([, unit]) => unit),
  ]);
  const expected = ladder.map(({ units }, row) => [row, [...units]]).reverse();
  t.deepEqual(rows, expected);
});

test('only the composition imports what observes', (t) => {
  const observers = ['agent/telemetry', 'agent/admin'];
  const faults = faultyImports((file, { target, specifier }) => {
    const from = placeOf(file.path);
    const observer = observers.find((unit) => target !== undefined && isFileOrInside(target, unit));
    if (observer === undefined || from?.unit === observer || from?.row === compositionRow) return undefined;
    return `imports '${specifier}', which belongs to ${observer}`;
  });
  failAt(t, faults, 'the core emits events and does not care who listens; row 6 alone decides that.');
});

test('xds/ never imports agent/', (t) => {
  const faults = faultyImports((file, { target, specifier }) =>
    file.path.startsWith('xds/') && target?.startsWith('agent/') ? `imports '${specifier}'` : undefined,
  );
  failAt(t, faults, 'the xDS client is published as outrigger/xds, for programs that have no agent.');
});

test('agent/ and xds/ import nothing from tests, benchmarks, examples or the page', (t) => {
  const faults = faultyImports((_, { target, specifier }) =>
    target !== undefined && !/^(?:agent|xds)\//.test(target) ? `imports '${specifier}'` : undefined,
  );
  failAt(t, faults, 'only agent/ and xds/ are compiled into dist/, so such an import breaks the published package.');
});

test('no files import each other in a circle', (t) => {
  const cycle = findCycle(everything);
  const places = cycle === undefined ? [] : [`${cycle[0]}:1 ${cycle.join(' -> ')}`];
  failAt(
    t,
    places,
    'files in a circle can only be understood together, and their order of loading decides what works.',
  );
});

test('each outside dependency is imported in its one home', (t) => {
  const faults = faultyImports((file, { target, specifier }) => {
    const home = homes.find(({ dependency }) => dependency.test(specifier));
    if (target !== undefined || (home === undefined && specifier.startsWith('node:'))) return undefined;
    if (home === undefined) return `imports '${specifier}', which has no home in test/architecture.test.ts`;
    if (home.units.some((unit) => isFileOrInside(file.path, unit))) return undefined;
    return `imports '${specifier}', whose home is ${home.units.join(', ')}`;
  });
  failAt(
    t,
    faults,
    'a dependency with one home can be replaced in one place, and none of them is on the path of a frame.',
  );
});

test('there are three barrel files and no others', (t) => {
  const others = product.filter((file) => /(?:^|\/)index\.ts$/.test(file.path) && !barrels.includes(file.path));
  failAt(
    t,
    others.map((file) => `${file.path}:1 is a barrel`),
    `a barrel is a border; the borders are ${barrels.join(', ')}. Elsewhere import the file itself.`,
  );
});

test('agent/http2 is imported through its index.ts', (t) => {
  const faults = faultyImports((file, { target, specifier }) => {
    if (!target?.startsWith('agent/http2/') || target === 'agent/http2/index.ts') return undefined;
    return file.path.startsWith('agent/http2/') ? undefined : `imports '${specifier}'`;
  });
  failAt(t, faults, 'the codec keeps its frames, windows and stream states to itself, so that they can change.');
});

test('no file has more than 400 lines', (t) => {
  const long = everything.filter((file) => file.lines.length > 400);
  failAt(
    t,
    long.map((file) => `${file.path}:${file.lines.length} is the last of ${file.lines.length} lines`),
    'a file is one idea that can be read in one sitting; a longer one holds two.',
  );
});

test('no file or folder is named utils, helpers, common or misc', (t) => {
  const paths = listPaths(['agent', 'xds', 'test', 'bench', 'examples', 'admin-ui', 'bin', 'deploy', 'docs']);
  const drawers = paths.filter((path) => /\/(?:utils?|helpers?|common|misc)(?:\.[^/]*|\/)$/.test(path));
  failAt(
    t,
    drawers.map((path) => `${path}:1`),
    'such a name says nothing and so attracts everything; name it for its concept or put it with its one user.',
  );
});

test('no test sleeps to wait', (t) => {
  const sleeps = [
    /\b(?:setTimeout|scheduler)\b.*['"](?:node:)?timers\/promises['"]/,
    /\bpromisify\(\s*setTimeout\b/,
    /\bnew Promise\b.*\bsetTimeout\(/,
    /\bsetTimeout\(\s*(?:\(\)\s*=>\s*)?(?:resolve|done|next|r|res)\b/,
    /\bAtomics\.wait\(/,
  ];
  const places = tests.flatMap((file) =>
    file.lines.flatMap((line, index) =>
      sleeps.some((sleep) => sleep.test(line)) ? [`${file.path}:${index + 1} ${line.trim()}`] : [],
    ),
  );
  failAt(
    t,
    places,
    'a sleep is too short on a busy machine and too long everywhere else; wait for the event, pass time in.',
  );
});

test('the reader of imports sees types, re-exports, imports over several lines and import()', (t) => {
  const text = [
    "import type { Route } from '../../xds/model/route.ts';",
    '// import nothing from "./comment.ts";',
    'import {',
    '  readFile,',
    "} from 'node:fs/promises';",
    "export * from './frame.ts';",
    "const stream: import('./stream.ts').Stream = await open();",
    "import './side-effect.ts';",
  ].join('\n');
  t.deepEqual(
    parseSourceFile('agent/http2/index.ts', text).imports.map(({ line, specifier, target }) => [
      line,
      target ?? specifier,
    ]),
    [
      [1, 'xds/model/route.ts'],
      [5, 'node:fs/promises'],
      [6, 'agent/http2/frame.ts'],
      [7, 'agent/http2/stream.ts'],
      [8, 'agent/http2/side-effect.ts'],
    ],
  );
});
