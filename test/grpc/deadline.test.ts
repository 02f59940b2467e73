// The grpc-timeout field. Numbers are those of reference http2.md.
import test from 'ava';
import fc from 'fast-check';
import { formatGrpcTimeout, parseGrpcTimeout } from '../../agent/grpc/deadline.ts';

const parse = (text: string): number | null => parseGrpcTimeout(Buffer.from(text, 'latin1'));
const format = (ms: number): string => Buffer.from(formatGrpcTimeout(ms)).toString('latin1');

test('(58) a timeout is one to eight digits and a unit', (t) => {
  t.is(parse('1H'), 3_600_000);
  t.is(parse('2M'), 120_000);
  t.is(parse('3S'), 3_000);
  t.is(parse('100m'), 100);
  t.is(parse('9u'), 0.009);
  t.is(parse('99999999n'), 99.999999);
  t.is(parse('99999999H'), 99_999_999 * 3_600_000);
  t.is(parse('0S'), 0);
  t.is(parse('00000001S'), 1_000);
});

test('(58) what is malformed is no timeout, and never NaN', (t) => {
  for (const text of [
    '',
    'S',
    '1',
    '123456789S',
    '1s',
    '1h',
    '-1S',
    '+1S',
    '1.5S',
    ' 1S',
    '1 S',
    '1SS',
    '0x1S',
    'm1',
  ]) {
    t.is(parse(text), null, text);
  }
});

test('whole milliseconds are written as milliseconds', (t) => {
  t.is(format(1_000), '1000m');
  t.is(format(1_900), '1900m');
  t.is(format(99_999_999), '99999999m');
});

test('what is left of a deadline is written down to the microsecond while that fits', (t) => {
  t.is(format(99.4567), '99456u');
  t.is(format(0.25), '250000n');
  t.is(format(200_000.75), '200000m');
  t.is(format(123_456_789_000), '2057613M');
});

test('nothing left is a timeout of 0', (t) => {
  t.is(format(0), '0n');
  t.is(format(-5), '0n');
  t.is(format(Number.NaN), '0n');
});

test('(60) what goes out is well formed, never longer than what was left, and at most a thousandth shorter', (t) => {
  const anyTime = fc.oneof(
    fc.double({ min: 1e-3, max: 1e5, noNaN: true }),
    fc.double({ min: 1, max: 3.5e14, noNaN: true }),
    fc.integer({ min: 1, max: 2e9 }),
  );
  fc.assert(
    fc.property(anyTime, (ms) => {
      const text = format(ms);
      t.regex(text, /^[0-9]{1,8}[HMSmun]$/);
      const back = parse(text)!;
      // One part in 2^52 is what a double can't tell.
      t.true(back <= ms * (1 + 2 ** -52) && back >= ms * 0.999, `${ms} ms became ${text}`);
    }),
    { seed: 4, interruptAfterTimeLimit: 1_000 },
  );
});
