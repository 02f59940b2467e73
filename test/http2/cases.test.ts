// No case of the HTTP/2 checklist may lose its test (docs/decisions/0007-http2-cases.md has those that have none).
import test from 'ava';
import {
  caseCount,
  decidedCases,
  numbersIn,
  pointsOfSectionSix,
  testsOfCases,
  testsOfSectionSix,
} from '../support/http2-cases.ts';

test('each of the 132 cases is named by a test, or by a decision that says why not', (t) => {
  const cases = testsOfCases();
  const decided = decidedCases();
  const numbers = Array.from({ length: caseCount }, (_, i) => i + 1);
  t.deepEqual(
    numbers.filter((number) => !cases.has(number) && !decided.includes(number)),
    [],
  );
  t.deepEqual(
    decided.filter((number) => cases.has(number)),
    [],
    'these have a test by now',
  );
  t.true(decided.length <= 5);
  t.deepEqual(
    [...cases.keys()].filter((number) => number < 1 || number > caseCount),
    [],
  );
});

test('each place where another proxy was seen to fall is named by a test', (t) => {
  const points = testsOfSectionSix();
  t.deepEqual([...points.keys()], pointsOfSectionSix);
  t.deepEqual(
    [...points].filter(([, tests]) => tests.length === 0).map(([point]) => point),
    [],
  );
});

test('a title names its cases in front', (t) => {
  t.deepEqual(numbersIn('(8, 100) calls wait'), [8, 100]);
  t.deepEqual(numbersIn('case 84: refused'), [84]);
  t.deepEqual(numbersIn('cases 42, 45 to 47: fields'), [42, 45, 46, 47]);
  t.deepEqual(numbersIn('cases 59 and 61: a deadline'), [59, 61]);
  t.deepEqual(numbersIn('(C9) SETTINGS that wake'), []);
  t.deepEqual(numbersIn('the window (6.9.2)'), []);
});
