// Timers of any length: resources live for months, and who says `Infinity` means never.
import test from 'ava';
import { nodeTimer, type SetTimer, unrefTimer } from '../../xds/environment.ts';

const after = (setTimer: SetTimer, ms: number) => new Promise<void>((resolve) => void setTimer(resolve, ms));

for (const [name, setTimer] of Object.entries({ nodeTimer, unrefTimer })) {
  test(`${name}: what is longer than Node's timers does not fire before what is short`, async (t) => {
    let fired = 0;
    const cancels = [2 ** 31, 90 * 86_400_000, Number.POSITIVE_INFINITY].map((ms) => setTimer(() => fired++, ms));
    // Begun later, and due behind the millisecond after which a timer that is too long fires.
    await after(nodeTimer, 5);
    t.is(fired, 0);
    for (const cancel of cancels) cancel();
  });

  test(`${name}: it fires once in its time, and never once it was cancelled`, async (t) => {
    const fired: string[] = [];
    setTimer(() => fired.push('kept'), 1);
    setTimer(() => fired.push('cancelled'), 1)();
    await after(nodeTimer, 5);
    t.deepEqual(fired, ['kept']);
  });
}
