// No case of the xDS checklist may lose its test, in either mode (docs/decisions/0008-xds-cases.md has those that have
// none).
import test from 'ava';
import { caseCount, decidedCases, modesIn, modesOf, numbersIn, testsOfCases } from '../support/xds-cases.ts';

test('each of the 95 cases is named by a test, in both modes where it concerns both, or by a decision', (t) => {
  const cases = testsOfCases();
  const decided = decidedCases();
  const missing: string[] = [];
  const settled: string[] = [];
  for (let number = 1; number <= caseCount; number++) {
    for (const mode of modesOf(number)) {
      const hasTest = (cases.get(number) ?? []).some(({ modes }) => modes.includes(mode));
      const isDecided = decided.some((one) => one.number === number && one.modes.includes(mode));
      if (!hasTest && !isDecided) missing.push(`${number} in ${mode}`);
      if (hasTest && isDecided) settled.push(`${number} in ${mode}`);
    }
  }
  t.deepEqual(missing, []);
  t.deepEqual(settled, [], 'these have a test by now');
  t.true(decided.length <= 5);
  t.deepEqual(
    [...cases.keys()].filter((number) => number < 1 || number > caseCount),
    [],
  );
});

test('a title names its cases and its modes in front', (t) => {
  t.deepEqual(numbersIn('case 84: refused'), [84]);
  t.deepEqual(numbersIn('cases 42, 45 to 47 in delta: names'), [42, 45, 46, 47]);
  t.deepEqual(numbersIn('cases 59 and 61: a deadline'), [59, 61]);
  t.deepEqual(numbersIn('control-planes.md 2.3: a cluster'), []);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a title.
  t.deepEqual(modesIn('test/xds/ttl.test.ts', 'case 76 in ${mode}: gone'), ['sotw', 'delta']);
  t.deepEqual(modesIn('test/xds/delta.test.ts', 'case 70: again'), ['delta']);
  t.deepEqual(modesIn('test/xds/ads-mode.test.ts', 'case 60 in delta: again'), ['delta']);
  t.deepEqual(modesIn('test/xds/ads-mode.test.ts', 'case 60: again'), ['sotw']);
});
