// Which tests stand for which case of the xDS checklist (1 to 95), and in which mode. Their titles say so: `case 84: …`,
// `cases 42, 45 to 51 in delta: …`, `case 76 in ${mode}: …`. Run, this file prints the table.
//   node test/support/xds-cases.ts
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type TitledTest, testsIn } from './test-titles.ts';

const root = new URL('../../', import.meta.url);
/** Where the client is tested; the server has cases of its own kind. */
const folder = 'test/xds';

export const caseCount = 95;

export type Mode = 'sotw' | 'delta';

/** Cases that concern one mode only; all others concern both. */
const ofOneMode: Readonly<Record<Mode, readonly number[]>> = {
  sotw: [1, 3, 4, 5, 6, 8, 10, 11, 17, 18, 20, 23, 26, 27, 28, 32, 33, 38, 39, 40, 41, 54, 94, 95],
  delta: [29, 30, 31, 43, 44, 45, 50, 55, 56, 57, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 93],
};

/** Files whose subject lies above the stream, where there is no mode any more. */
const aboveModes = /\/(?:decode-.*|dependency-manager|subscription|config-dump|references|update-plan)\.test\.ts$/;

export interface CaseTest extends TitledTest {
  readonly modes: readonly Mode[];
}

export function modesOf(number: number): readonly Mode[] {
  if (ofOneMode.sotw.includes(number)) return ['sotw'];
  return ofOneMode.delta.includes(number) ? ['delta'] : ['sotw', 'delta'];
}

/** The tests of each case, by its number. */
export function testsOfCases(): Map<number, CaseTest[]> {
  const cases = new Map<number, CaseTest[]>();
  for (const { file, title } of testsIn(folder)) {
    const test = { file, title, modes: modesIn(file, title) };
    for (const number of numbersIn(title)) cases.set(number, [...(cases.get(number) ?? []), test]);
  }
  return cases;
}

/** The numbers of a title, in order; none when it names no case. */
export function numbersIn(title: string): number[] {
  const list = /^cases? (\d[\d, toand]*)(?: in [^:]+)?:/.exec(title)?.[1];
  if (list === undefined) return [];
  return list.split(/,|and/).flatMap((part) => {
    const [first, last] = part.split('to').map(Number);
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
  });
}

/** A title without a mode is of the state of the world, but in the file of delta. */
export function modesIn(file: string, title: string): readonly Mode[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a title.
  if (title.includes('${mode}') || aboveModes.test(file)) return ['sotw', 'delta'];
  return /\bin delta\b/.test(title) || file.endsWith('/delta.test.ts') ? ['delta'] : ['sotw'];
}

/** Cases that the decision sets apart, and in which mode: lines `- **86**: …` and `- **86** in delta: …`. */
export function decidedCases(): { readonly number: number; readonly modes: readonly Mode[] }[] {
  const text = readFileSync(new URL('docs/decisions/0008-xds-cases.md', root), 'utf8');
  return [...text.matchAll(/^- \*\*(\d+)\*\*(?: in (sotw|delta))?/gm)].map(([, number, mode]) => ({
    number: Number(number),
    modes: mode === undefined ? modesOf(Number(number)) : [mode as Mode],
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const decided = decidedCases();
  const cases = testsOfCases();
  for (let number = 1; number <= caseCount; number++) {
    const tests = cases.get(number) ?? [];
    for (const { file, title, modes } of tests) process.stdout.write(`${number}\t${modes}\t${file}\t${title}\n`);
    for (const mode of modesOf(number)) {
      if (tests.some(({ modes }) => modes.includes(mode))) continue;
      const isDecided = decided.some((one) => one.number === number && one.modes.includes(mode));
      process.stdout.write(`${number}\t${mode}\t${isDecided ? 'decision 0008' : 'NO TEST'}\n`);
    }
  }
}
