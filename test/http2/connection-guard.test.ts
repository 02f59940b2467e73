// What a peer may cost: token buckets and counters, with time passed in.
import test from 'ava';
import { ConnectionGuard, RateBudget } from '../../agent/http2/connection-guard.ts';
import { defaultLimits } from '../../agent/http2/limits.ts';

test('a bucket allows its burst, then its rate', (t) => {
  const budget = new RateBudget(10, 5);
  for (let i = 0; i < 10; i++) t.true(budget.spend(0));
  t.false(budget.spend(0));
  t.false(budget.spend(100), 'half a token');
  t.true(budget.spend(200));
  t.false(budget.spend(200));
  for (let i = 0; i < 10; i++) t.true(budget.spend(60_000), 'never more than the burst');
  t.false(budget.spend(60_000));
});

test('traffic pays for the window updates and pings that it causes', (t) => {
  const guard = new ConnectionGuard({ ...defaultLimits('server'), controlFrameBurst: 10 });
  for (let i = 0; i < 1000; i++) {
    guard.onTraffic();
    t.is(guard.onControlFrame(0), null);
    t.is(guard.onControlFrame(0), null);
  }
  for (let i = 0; i < 10; i++) guard.onControlFrame(0);
  t.is(guard.onControlFrame(0), 'controlFrameBurst');
});

test('DATA that is sent pays for its window updates, unless it was drawn in small pieces', (t) => {
  const guard = new ConnectionGuard({ ...defaultLimits('server'), controlFrameBurst: 10 });
  for (let i = 0; i < 1000; i++) {
    guard.onDataSent(16_384);
    t.is(guard.onControlFrame(0), null);
    t.is(guard.onControlFrame(0), null);
  }
  guard.onDataSent(16_384);
  for (let i = 0; i < 10; i++) {
    guard.onDataSent(1);
    t.is(guard.onControlFrame(0), null);
  }
  guard.onDataSent(1);
  t.is(guard.onControlFrame(0), 'controlFrameBurst');
});

test('(C9) SETTINGS that wake many streams cost a token for each of them', (t) => {
  const guard = new ConnectionGuard({ ...defaultLimits('server'), controlFrameBurst: 2500 });
  t.is(guard.onStreamsWoken(1000, 0), null);
  t.is(guard.onStreamsWoken(1000, 0), null);
  t.is(guard.onStreamsWoken(1000, 0), 'controlFrameBurst');
});

test('(B3, B4) a header block that says far more than it has costs a token for each 128 bytes of that', (t) => {
  const guard = new ConnectionGuard({ ...defaultLimits('server'), controlFrameBurst: 100 });
  t.is(guard.onExpansion(60 * 128, 0), null);
  t.is(guard.onExpansion(40 * 128, 0), null);
  t.is(guard.onExpansion(128, 0), 'controlFrameBurst');
});

test('empty frames in a row are counted, and one that carries something starts anew', (t) => {
  const guard = new ConnectionGuard(defaultLimits('server'));
  for (let i = 0; i < 10; i++) t.is(guard.onEmptyFrame(0), null);
  guard.onTraffic();
  for (let i = 0; i < 10; i++) t.is(guard.onEmptyFrame(0), null);
  t.is(guard.onEmptyFrame(0), 'maxEmptyFrames');
});

test('early resets end a connection when they are half of what it did, or too many at once', (t) => {
  const mixed = new ConnectionGuard(defaultLimits('server'));
  for (let i = 0; i < 700; i++) {
    for (let j = 0; j < 3; j++) mixed.onStreamClosed();
    t.is(mixed.onPrematureReset(i * 100), null);
  }
  const half = new ConnectionGuard(defaultLimits('server'));
  for (let i = 0; i < 499; i++) {
    half.onStreamClosed();
    t.is(half.onPrematureReset(0), null);
  }
  half.onStreamClosed();
  t.is(half.onPrematureReset(0), 'prematureResetSample');
  const burst = new ConnectionGuard({ ...defaultLimits('server'), prematureResetSample: 0 });
  for (let i = 0; i < 1000; i++) t.is(burst.onPrematureReset(0), null);
  t.is(burst.onPrematureReset(0), 'peerResetBurst');
});

test('a connection is due for rotation by resets within the window only', (t) => {
  const guard = new ConnectionGuard(defaultLimits('client'));
  const reset = (nowMs: number): boolean => {
    guard.noteReset(nowMs);
    return !guard.mayReset(nowMs);
  };
  for (let i = 0; i < 149; i++) t.false(reset(1000));
  t.false(reset(31_001), 'those of half a minute ago do not count');
  for (let i = 0; i < 148; i++) t.false(reset(60_000));
  t.true(reset(61_000), 'but all within any half minute do');
  t.false(guard.mayReset(61_001));
  t.true(guard.mayReset(61_002));
  const server = new ConnectionGuard(defaultLimits('server'));
  for (let i = 0; i < 1000; i++) {
    server.noteReset(0);
    t.true(server.mayReset(0));
  }
});
