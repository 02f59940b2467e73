import test from 'ava';
import { dropsOverload } from '../../agent/balancer/drop-overload.ts';

const drop = (numerator: number, denominator: number) => ({ category: 'throttle', numerator, denominator });

test('a share of the calls is dropped as the control plane orders (xds.md 1.6)', (t) => {
  const draws = Array.from({ length: 1_000 }, (_, at) => at / 1_000);
  const dropped = (of: ReturnType<typeof drop>): number =>
    draws.filter((draw) => dropsOverload([of], () => draw)).length;
  t.is(dropped(drop(25, 100)), 250);
  t.is(dropped(drop(4_000, 10_000)), 400);
  t.is(dropped(drop(500_000, 1_000_000)), 500);
  t.is(dropped(drop(0, 100)), 0);
  t.is(dropped(drop(100, 100)), 1_000);
});

test('each category draws for itself from what those before it left (gRFC A27)', (t) => {
  const draws = [0.9, 0.1];
  t.true(dropsOverload([drop(50, 100), drop(20, 100)], () => draws.shift()!));
  t.is(draws.length, 0);
  t.false(dropsOverload([], () => t.fail() as never));
});
