// `npm run attack`: plays every attack at full strength at an agent in a process of its own, measures what it costs both
// sides and the neighbours, and prints a table. All of it stays on the loopback interface and is bounded in time and
// number. Exit code 1 where the agent fell.
//
//   --only A1,D5       attacks of these classes; `corpus` and `fuzz` are two more
//   --seconds N        how long each attack lasts (default 2)
//   --width N          the attacker's connections at once (default 8)
//   --corpus DIR       recorded hostile inputs (or H2_CORPUS; see corpus.ts); without it they are skipped
//   --fuzz-minutes N   how long recorded calls are made wrong (default 2)
//   --seed N           of that (default: the day)
//   --json FILE        every measurement
//   --write FILE       the table, as Markdown
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Elsewhere, measure } from './arena.ts';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';
import { readCorpus } from './corpus.ts';
import { type Endured, endureCorpus, endureFuzz } from './endurance.ts';
import { honestBulk, honestCalls } from './honest.ts';
import { attackPage } from './page.ts';
import { type AttackRow, enduredHead, formatEndured, formatRow, tableHead } from './table.ts';
import { judge, type Measurement, typical } from './verdict.ts';

/** Behind so many plays of an attack it is judged; one that has held is not played again. */
const judgedAt = [1, 3, 5];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '2' },
    width: { type: 'string', default: '8' },
    corpus: { type: 'string', default: process.env['H2_CORPUS'] ?? 'node_modules/.cache/peers/h2-corpus' },
    'fuzz-minutes': { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 86_400_000)) },
    json: { type: 'string' },
    write: { type: 'string' },
  },
});
const options = { seconds: Number(values.seconds), width: Number(values.width) };
const words = values.only.split(',').filter((word) => word !== '');
const isAsked = ({ id }: { readonly id: string }): boolean =>
  words.length === 0 || words.some((word) => id === word || id.startsWith(`${word} `));

const lines: string[] = [];
const rows: AttackRow[] = [];
const asked = attacks.filter(isAsked);
const yardsticks: AttackRow[] = [];
if (asked.length > 0) {
  print(tableHead);
  const beside = await Elsewhere.start();
  const calls = await measureHonest(honestCalls, beside);
  const bulk = asked.some(({ isBulk }) => isBulk) ? await measureHonest(honestBulk, beside) : calls;
  for (const attack of asked) {
    const row = await play(attack, attack.isBulk ? bulk : calls, beside);
    rows.push(row);
    print(formatRow(row));
  }
  await beside.stop();
  print('');
}

const endured: Endured[] = [];
const corpus = isAsked({ id: 'corpus' }) ? readCorpus(values.corpus) : [];
if (corpus === null) print(`skipped: no recorded inputs in ${values.corpus}; name their folder with --corpus\n`);
else if (corpus.length > 0) endured.push(await endureCorpus(corpus));
const minutes = Number(values['fuzz-minutes']);
if (isAsked({ id: 'fuzz' }) && minutes > 0) endured.push(await endureFuzz(minutes, Number(values.seed)));
if (endured.length > 0) {
  print(enduredHead);
  for (const row of endured) print(formatEndured(row));
  print('');
}

const all = [
  ...rows.map(({ attack, faults }) => ({ name: `${attack.id} from a hostile ${attack.from}`, faults })),
  ...endured.map(({ title, faults }) => ({ name: title, faults })),
];
const fallen = all.filter(({ faults }) => faults.length > 0);
for (const { name, faults } of fallen) print(`${name}: ${faults.join('; ')}\n`);
print(`${all.length - fallen.length} held, ${fallen.length} fell`);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ yardsticks, rows, endured }, null, 2)}\n`);
if (values.write !== undefined) writeFileSync(values.write, `${attackPage(lines, options)}\n`);
process.exitCode = fallen.length > 0 || all.length === 0 ? 1 : 0;

async function measureHonest(honest: Attack, beside: Elsewhere): Promise<Measurement> {
  const measured = await measure(honest, options, beside);
  const row: AttackRow = { attack: honest, measured, faults: [] };
  yardsticks.push(row);
  print(formatRow(row));
  return measured;
}

/** Once, where that is enough; else again and again, each time behind a client that means well. */
async function play(attack: Attack, first: Measurement, beside: Elsewhere): Promise<AttackRow> {
  const plays: Measurement[] = [];
  const honest = [first];
  let faults: readonly string[] = [];
  try {
    for (const count of judgedAt) {
      while (plays.length < count) {
        if (plays.length > 0) honest.push(await measure(attack.isBulk ? honestBulk : honestCalls, options, beside));
        plays.push(await measure(attack, options, beside));
      }
      faults = judge(plays, attack, honest);
      if (faults.length === 0) break;
    }
  } catch (error) {
    faults = [error instanceof Error ? error.message : String(error)];
  }
  return { attack, measured: typical(plays), faults };
}

function print(line: string): void {
  lines.push(line);
  process.stdout.write(`${line}\n`);
}
