// docs/security.md tells each class of attack its test, and each limit its default: this holds it to that.
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { defaultLimits } from '../../agent/http2/index.ts';
import { defaultListenerLimits } from '../../agent/listener/connection-cap.ts';
import { attacks } from './attacks.ts';
import { endpointFloods } from './endpoint-floods.ts';
import { floods } from './floods.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const page = read('docs/security.md');

/** Of http2.md section 1.2: A1 to A7, and so on. */
const counts = { A: 7, B: 13, C: 16, D: 8, E: 8, F: 19 };
const classes = Object.entries(counts).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`),
);
const classOf = (id: string): string => id.split(' ')[0] ?? '';

/** Lines `| A1 + | what | where |`. */
const rows = [...page.matchAll(/^\| ([A-F][0-9]+)( \+)? \| .* \| ([^|]*) \|$/gm)].map(([, id, mark, where]) => ({
  id: id ?? '',
  isPlayed: mark !== undefined,
  where: where ?? '',
}));

test('every class has its line, in order', (t) => {
  t.deepEqual(
    rows.map(({ id }) => id),
    classes,
  );
});

test('what is said to be played by npm run attack is, and nothing else', (t) => {
  const played = new Set(attacks.map(({ id }) => classOf(id)));
  t.deepEqual(
    rows.filter(({ isPlayed }) => isPlayed).map(({ id }) => id),
    classes.filter((id) => played.has(id)),
  );
});

test('every test that is named is there, and names the class', (t) => {
  const client = new Set(floods.map(({ id }) => classOf(id)));
  const endpoint = new Set(endpointFloods.map(({ id }) => classOf(id)));
  const names = (file: string, id: string): boolean => new RegExp(`\\b${id}\\b`).test(read(`test/attack/${file}`));
  for (const { id, where: places } of rows) {
    const where = places.replaceAll(/test\/\S+/g, '');
    if (/\bclient\b/.test(where)) t.true(client.has(id), `${id} from a client`);
    if (/\bendpoint\b/.test(where)) t.true(endpoint.has(id), `${id} from an endpoint`);
    for (const part of ['connections', 'semantics']) {
      // The range F1 to F7 stands for those between.
      const isNamed = names(`${part}.test.ts`, id) || (/^F[2-6]$/.test(id) && names(`${part}.test.ts`, 'F1 to F7'));
      if (new RegExp(`\\b${part}\\b`).test(where)) t.true(isNamed, `${id} in ${part}`);
    }
    for (const [path] of places.matchAll(/test\/[\w/-]+\.test\.ts/g)) t.true(existsSync(new URL(path, root)), path);
  }
});

/** Lines of the tables of limits: name and default. */
const limitRows = new Map(
  [...page.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(([, name = '', value = '']) => [name, value]),
);

const said = (value: number | boolean): string => (value === Number.POSITIVE_INFINITY ? 'never' : String(value));

test('every limit of a connection and of a listener is named, with its default, and nothing else', (t) => {
  const server = Object.entries(defaultLimits('server'));
  const client = new Map<string, number | boolean>(Object.entries(defaultLimits('client')));
  const known = new Map<string, string>(
    Object.entries(defaultListenerLimits).map(([name, value]) => [name, said(value)]),
  );
  for (const [name, value] of server) {
    const other = client.get(name)!;
    known.set(name, value === other ? said(value) : `server ${said(value)}, client ${said(other)}`);
  }
  t.deepEqual([...limitRows.keys()].sort(), [...known.keys()].sort());
  for (const [name, value] of known) t.is(limitRows.get(name), value, name);
});

test('every class that a limit is said to bound is one', (t) => {
  for (const [, cell = ''] of page.matchAll(/^\| `\w+` \|.*\| ([^|]*) \|$/gm)) {
    for (const id of cell.split(', ')) t.true(['', 'all', ...classes].includes(id), id);
  }
});
