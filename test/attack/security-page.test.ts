// docs/security.md tells each class of attack its test, and each limit its default: this holds it to that.
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { defaultLimits } from '../../agent/http2/index.ts';
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

test('every limit that is named is one, with the default that is said', (t) => {
  const lines = [...page.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)];
  t.true(lines.length > 20);
  const known = new Map(
    [...Object.entries(defaultLimits('server')), ...Object.entries(defaultLimits('client'))]
      .filter(([name, value]) => name !== 'resetsBeforeRotation' || value !== 0)
      .map(([name, value]) => [name, value]),
  );
  for (const [, name = '', value = ''] of lines) t.is(String(known.get(name)), value, name);
});
