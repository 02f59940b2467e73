// The arithmetic of windows (RFC 9113 sections 5.2 and 6.9).
import test from 'ava';
import fc from 'fast-check';
import {
  dueIncrement,
  isWindowOverflow,
  streamSendWindow,
  unacknowledgedSlack,
} from '../../agent/http2/flow-window.ts';

test('a window follows every change of the initial window, below zero and back (6.9.2)', (t) => {
  const afterSending = -60_000;
  t.is(streamSendWindow(afterSending, 65_535), 5535);
  t.is(streamSendWindow(afterSending, 16_384), -43_616);
  t.is(streamSendWindow(afterSending + 50_000, 16_384), 6384);
});

test('any order of sending, updates and settings leads to the window that the RFC computes step by step', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), n: fc.nat(100_000) }),
    fc.record({ kind: fc.constant('update' as const), n: fc.integer({ min: 1, max: 100_000 }) }),
    fc.record({ kind: fc.constant('settings' as const), n: fc.nat(200_000) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let initial = 65_535;
      let credit = 0;
      let reference = 65_535;
      for (const { kind, n } of steps) {
        if (kind === 'send') {
          credit -= n;
          reference -= n;
        } else if (kind === 'update') {
          credit += n;
          reference += n;
        } else {
          reference += n - initial;
          initial = n;
        }
      }
      t.is(streamSendWindow(credit, initial), reference);
    }),
    { seed: 692, numRuns: 200 },
  );
  t.pass();
});

test('a window of 2^31-1 is allowed, one more is not (6.9.1)', (t) => {
  t.false(isWindowOverflow(0x7fff_ffff));
  t.true(isWindowOverflow(0x8000_0000));
});

test('a window is given back from its half on, and all of what is due', (t) => {
  t.is(dueIncrement(32_767, 65_535), 0);
  t.is(dueIncrement(32_768, 65_535), 32_768);
  t.is(dueIncrement(0, 65_535), 0);
});

test('only a window smaller than the default gives slack, and only before it is acknowledged (6.9.3)', (t) => {
  t.is(unacknowledgedSlack(false, 1000), 64_535);
  t.is(unacknowledgedSlack(true, 1000), 0);
  t.is(unacknowledgedSlack(false, 262_144), 0);
});
