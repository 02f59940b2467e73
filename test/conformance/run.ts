// `npm run conformance`: asks judges who are not of this project what they think of the agent, and prints a table.
// `node test/conformance/run.ts NAME…` asks only those whose name contains one of the words. Exit code 1 where any case
// failed; what was skipped is told with its reason and fails nothing.
import { cCore } from './c-core.ts';
import { grpcGoEcho, grpcGoInterop } from './grpc-go.ts';
import { h2spec } from './h2spec.ts';
import { hpackEncoder } from './hpack-encoder.ts';
import { hpackStories } from './hpack-stories.ts';
import type { Judge, Verdict } from './judge.ts';
import { negative } from './negative.ts';

const judges: readonly Judge[] = [h2spec, hpackStories, hpackEncoder, grpcGoInterop, grpcGoEcho, negative, cCore];

async function hear(judge: Judge): Promise<readonly Verdict[]> {
  try {
    return await judge.judge();
  } catch (error) {
    return [{ kind: 'failed', name: 'the judge itself', reason: error instanceof Error ? error.message : `${error}` }];
  }
}

const words = process.argv.slice(2);
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
process.exit(failures > 0 || asked.length === 0 ? 1 : 0);
