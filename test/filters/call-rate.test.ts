// Token buckets of client addresses: fair, and bounded whatever addresses come.
import test from 'ava';
import { CallRateLimit } from '../../agent/filters/call-rate.ts';

function limit(perSecond: number, burst: number) {
  let nowMs = 0;
  const rate = new CallRateLimit({ perSecond, burst, status: 8 }, () => nowMs);
  return {
    /** How many of `calls` pass. */
    take: (peer: string, calls: number): number =>
      Array.from({ length: calls }, () => rate.take(peer)).filter(Boolean).length,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a client may make a burst of calls, then so many a second', (t) => {
  const { take, pass } = limit(10, 5);
  t.is(take('10.0.0.1:1000', 8), 5);
  pass(100);
  t.is(take('10.0.0.1:1000', 8), 1);
  pass(350);
  t.is(take('10.0.0.1:1000', 8), 3);
  pass(60_000);
  t.is(take('10.0.0.1:1000', 8), 5, 'rest fills no more than the bucket');
});

test('connections of one address share its bucket; other addresses have their own', (t) => {
  const { take } = limit(1, 3);
  t.is(take('10.0.0.1:1', 2) + take('10.0.0.1:2', 2), 3);
  t.is(take('10.0.0.2:1', 4), 3);
  t.is(take('[::ffff:10.0.0.2]:1', 4), 0, 'IPv4 in the clothes of IPv6 is IPv4');
});

test('a network of IPv6 (64 bits) has one bucket', (t) => {
  const { take } = limit(1, 3);
  t.is(take('[2001:db8::1]:1', 2) + take('[2001:db8:0:0:ffff::2]:1', 2), 3);
  t.is(take('[2001:db8:0:1::1]:1', 4), 3);
  t.is(take('[::1]:1', 4), 3);
});

test('the table of addresses is bounded: the longest unasked are forgotten', (t) => {
  const { take } = limit(1, 1);
  t.is(take('10.0.0.1:1', 2), 1);
  const others = (count: number) => {
    for (let i = 0; i < count; i++) take(`11.${i >> 16}.${(i >> 8) & 255}.${i & 255}:1`, 1);
  };
  others(30_000);
  t.is(take('10.0.0.1:1', 1), 0, 'still known');
  others(100_000);
  t.is(take('10.0.0.1:1', 1), 1, 'forgotten, and so as good as new');
});
