// Which tests stand for which case of the HTTP/2 checklist (1 to 132). Their titles say so, in one of three ways:
// `(8, 100) calls …`, `case 84: …`, `cases 42, 45 to 51: …`. And which stand for a point of its section 6, where other
// proxies were seen to fall: `… (section 6, fair shares)`. Run, this file prints the table.
//   node test/support/http2-cases.ts
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type TitledTest, testsIn } from './test-titles.ts';

const root = new URL('../../', import.meta.url);
/** Where the cases of HTTP/2 are tested; other folders count cases of other lists. */
const folders = ['test/http2', 'test/grpc', 'test/proxy', 'test/upstream', 'test/integration'];

export const caseCount = 132;

/** Where nghttpx, Envoy, HAProxy, nginx and node:http2 were seen to fall; h2spec is asked by `npm run conformance`. */
export const pointsOfSectionSix: readonly string[] = [
  'stalled readers',
  'window arithmetic',
  'reset budget',
  'fair shares',
  'deadline race',
  'local answers',
  'reset codes',
  'refused streams',
  'fresh connections',
  'large messages both ways',
  'early ends',
  'trailers under load',
  'cancels at once',
  'malformed fields',
];

/** The tests of each case, by its number. */
export function testsOfCases(): Map<number, TitledTest[]> {
  const cases = new Map<number, TitledTest[]>();
  for (const test of folders.flatMap(testsIn)) {
    for (const number of numbersIn(test.title)) cases.set(number, [...(cases.get(number) ?? []), test]);
  }
  return cases;
}

/** The tests of each point of section 6, by its name; those that name a point which is not there under theirs. */
export function testsOfSectionSix(): Map<string, TitledTest[]> {
  const points = new Map<string, TitledTest[]>(pointsOfSectionSix.map((point) => [point, []]));
  for (const test of [...folders, 'test/attack'].flatMap(testsIn)) {
    const point = /\bsection 6, ([a-z -]+)\)/.exec(test.title)?.[1];
    if (point !== undefined) points.set(point, [...(points.get(point) ?? []), test]);
  }
  return points;
}

/** The numbers of a title, in order; none when it names no case. */
export function numbersIn(title: string): number[] {
  const list = /^\((\d[\d, to]*)\)/.exec(title)?.[1] ?? /^cases? (\d[\d, toand]*):/.exec(title)?.[1];
  if (list === undefined) return [];
  return list.split(/,|and/).flatMap((part) => {
    const [first, last] = part.split('to').map(Number);
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
  });
}

/** Cases that a decision sets apart: lines `- **86**: …`. */
export function decidedCases(): number[] {
  const text = readFileSync(new URL('docs/decisions/0007-http2-cases.md', root), 'utf8');
  return [...text.matchAll(/^- \*\*(\d+)\*\*/gm)].map(([, number]) => Number(number));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const decided = decidedCases();
  const cases = testsOfCases();
  for (const [point, tests] of testsOfSectionSix()) {
    for (const { file, title } of tests) process.stdout.write(`${point}\t${file}\t${title}\n`);
    if (tests.length === 0) process.stdout.write(`${point}\tNO TEST\n`);
  }
  for (let number = 1; number <= caseCount; number++) {
    const tests = cases.get(number) ?? [];
    for (const { file, title } of tests) process.stdout.write(`${number}\t${file}\t${title}\n`);
    if (tests.length === 0)
      process.stdout.write(`${number}\t${decided.includes(number) ? 'decision 0007' : 'NO TEST'}\n`);
  }
}
