import test from 'ava';
import {
  busyTime,
  type CpuProfile,
  formatProfile,
  lastPart,
  withRelativePaths,
} from '../../bench/report/cpu-profile.ts';
import { withProfileTable } from '../../bench/report/profile-table.ts';

function node(id: number, functionName: string, url: string): CpuProfile['nodes'][number] {
  return { id, callFrame: { functionName, scriptId: '1', url, lineNumber: 41, columnNumber: 0 } };
}

const profile: CpuProfile = {
  nodes: [
    node(1, '(idle)', ''),
    node(2, 'decode', 'file:///project/agent/http2/header-decoder.ts'),
    node(3, 'writeBuffer', ''),
  ],
  startTime: 1000,
  endTime: 1500,
  samples: [2, 2, 1, 2, 3],
  timeDeltas: [100, 100, 100, 100, 100],
};

test('the last part of a profile has the samples of that time', (t) => {
  const part = lastPart(profile, 300);
  t.deepEqual(part.samples, [2, 1, 2, 3]);
  t.is(part.startTime, 1200);
  t.deepEqual(part.timeDeltas, [100, 100, 100, 100]);
});

test('a profile is told as shares of the busy time, by file and by function, without paths of the machine', (t) => {
  const text = formatProfile(withRelativePaths(lastPart(profile, 200), '/project/'), 'A run');
  t.true(text.includes('  50.0 %  agent/http2/header-decoder.ts\n'));
  t.true(text.includes('By part\n  50.0 %  header blocks\n  50.0 %  writing to sockets\n'));
  t.true(text.includes('%  decode  agent/http2/header-decoder.ts:42'));
  t.true(text.includes('%  writeBuffer\n'));
  t.false(text.includes('/project/'));
  t.false(text.includes('idle'));
});

test('the page has the shares of each load in the place of those of a former run', (t) => {
  const time = busyTime(withRelativePaths(profile, '/project/'));
  const page = withProfileTable(
    'before\n<!-- made by `npm run bench`: do not edit -->\nof before\n<!-- end -->\nafter',
    [
      { title: 'one load', time },
      { title: 'another', time },
    ],
  );
  t.true(page.startsWith('before\n'));
  t.true(page.endsWith('<!-- end -->\nafter'));
  t.false(page.includes('of before'));
  t.true(page.includes('| share of the busy time, % | one load | another | what it is |\n'));
  t.true(page.includes('| header blocks | 75.0 | 75.0 | '));
  t.true(page.includes('| writing to sockets | 25.0 | 25.0 | '));
});

test('a page without a place for the shares is left alone, with an error', (t) => {
  t.throws(() => withProfileTable('a page', []), { message: /no place for the profile/ });
});
