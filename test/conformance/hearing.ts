// Asks judges one after another and prints a table of what they say: `npm run conformance`, `npm run interop`.
import type { Judge, Verdict } from './judge.ts';

async function hear(judge: Judge): Promise<readonly Verdict[]> {
  try {
    return await judge.judge();
  } catch (error) {
    return [{ kind: 'failed', name: 'the judge itself', reason: error instanceof Error ? error.message : `${error}` }];
  }
}

/**
 * Asks those whose name contains one of `words`, or all where there is none. Answers the exit code: 1 where any case
 * failed, or nobody was asked; what was skipped is told with its reason and fails nothing.
 */
export async function hold(judges: readonly Judge[], words: readonly string[]): Promise<number> {
  const asked = judges.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  const notes: string[] = [];
  let failures = 0;
  process.stdout.write('| judge | cases | passed | failed | skipped |\n|---|---|---|---|---|\n');
  for (const judge of asked) {
    const verdicts = await hear(judge);
    const count = (kind: Verdict['kind']): number => verdicts.filter((verdict) => verdict.kind === kind).length;
    const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
    failures += failed;
    process.stdout.write(`| ${judge.name} | ${verdicts.length} | ${passed} | ${failed} | ${skipped} |\n`);
    for (const verdict of verdicts) {
      if (verdict.kind !== 'passed') notes.push(`${verdict.kind}: ${judge.name}: ${verdict.name}: ${verdict.reason}`);
    }
  }
  if (notes.length > 0) process.stdout.write(`\n${notes.join('\n')}\n`);
  return failures > 0 || asked.length === 0 ? 1 : 0;
}
