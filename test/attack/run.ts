// `npm run attack`: plays every attack at full strength at an agent in a process of its own, measures what it costs both
// sides and the neighbours, and prints a table. All of it stays on the loopback interface and is bounded in time and
// number. Exit code 1 where the agent fell.
//
//   --only A1,D5       attacks of these classes
//   --seconds N        how long each attack lasts (default 2)
//   --width N          the attacker's connections at once (default 8)
//   --json FILE        every measurement
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measure } from './arena.ts';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';
import { honest } from './honest.ts';
import { type AttackRow, formatRow, tableHead } from './table.ts';
import { judge, type Measurement } from './verdict.ts';

/** An attack that fell is played again: what fails for the noise of a busy machine does not fail three times. */
const tries = 3;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '2' },
    width: { type: 'string', default: '8' },
    json: { type: 'string' },
  },
});
const options = { seconds: Number(values.seconds), width: Number(values.width) };
const words = values.only.split(',').filter((word) => word !== '');
const isAsked = ({ id }: Attack): boolean =>
  words.length === 0 || words.some((word) => id === word || id.startsWith(`${word} `));

const yardstick = await measure(honest, options);
const honestP99Ms = yardstick.during.p99Ms;
print(tableHead);
print(formatRow({ attack: honest, measured: yardstick, faults: [] }));
const rows: AttackRow[] = [];
for (const attack of attacks.filter(isAsked)) {
  const row = await playUntilHeld(attack);
  rows.push(row);
  print(formatRow(row));
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ yardstick, rows }, null, 2)}\n`);
const fallen = rows.filter(({ faults }) => faults.length > 0);
if (fallen.length > 0) print('');
for (const { attack, faults } of fallen) print(`${attack.id} from a hostile ${attack.from}: ${faults.join('; ')}`);
print('');
print(`${rows.length - fallen.length} held, ${fallen.length} fell`);
process.exitCode = fallen.length > 0 || rows.length === 0 ? 1 : 0;

async function playUntilHeld(attack: Attack): Promise<AttackRow> {
  let row: AttackRow = { attack, measured: null, faults: [] };
  for (let i = 0; i < tries; i++) {
    row = await play(attack);
    if (row.faults.length === 0) break;
  }
  return row;
}

async function play(attack: Attack): Promise<AttackRow> {
  let measured: Measurement;
  try {
    measured = await measure(attack, options);
  } catch (error) {
    return { attack, measured: null, faults: [error instanceof Error ? error.message : String(error)] };
  }
  return { attack, measured, faults: judge(measured, attack, honestP99Ms) };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
