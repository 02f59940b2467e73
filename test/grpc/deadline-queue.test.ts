// Many deadlines under one timer. Time is the test's own: it moves when `advance` says so, in the timer's steps.
import test from 'ava';
import fc from 'fast-check';
import { type DeadlineEntry, DeadlineQueue } from '../../agent/grpc/deadline-queue.ts';

/** Looks come every 8 ms. */
const MAX_LATE_MS = 10;

class Entry implements DeadlineEntry {
  deadlinePrevious: DeadlineEntry | null = null;
  deadlineNext: DeadlineEntry | null = null;
  deadlineSlot = -1;
  readonly deadlineMs: number;
  expiredAtMs = Number.NaN;
  readonly #onExpired: (entry: Entry) => void;

  constructor(deadlineMs: number, onExpired: (entry: Entry) => void) {
    this.deadlineMs = deadlineMs;
    this.#onExpired = onExpired;
  }

  deadlineExpired(): void {
    this.#onExpired(this);
  }
}

class World {
  now = 1_000_000.3;
  readonly log: string[] = [];
  timers = 0;
  armed: { intervalMs: number; tick: () => void } | null = null;
  readonly queue = new DeadlineQueue({
    now: () => this.now,
    flusher: { enter: () => this.log.push('enter'), leave: () => this.log.push('leave') },
    every: (intervalMs, tick) => {
      this.timers++;
      this.armed = { intervalMs, tick };
      return () => {
        this.armed = null;
      };
    },
  });

  entry(inMs: number, onExpired: (entry: Entry) => void = () => undefined): Entry {
    return new Entry(this.now + inMs, (entry) => {
      entry.expiredAtMs = this.now;
      onExpired(entry);
    });
  }

  add(inMs: number, onExpired?: (entry: Entry) => void): Entry {
    const entry = this.entry(inMs, onExpired);
    this.queue.add(entry);
    return entry;
  }

  advance(ms: number): void {
    const end = this.now + ms;
    while (this.armed !== null && this.now + this.armed.intervalMs <= end) {
      this.now += this.armed.intervalMs;
      this.armed.tick();
    }
    this.now = end;
  }
}

test('a deadline expires once, not before its time and hardly after it', (t) => {
  const world = new World();
  const entry = world.add(100);
  world.advance(99);
  t.is(entry.expiredAtMs, Number.NaN);
  world.advance(20);
  t.true(entry.expiredAtMs >= entry.deadlineMs && entry.expiredAtMs <= entry.deadlineMs + MAX_LATE_MS);
  t.is(entry.deadlineSlot, -1);
  t.is(world.queue.size, 0);
});

test('a deadline longer than a turn of the wheel waits for its own turn', (t) => {
  const world = new World();
  const entry = world.add(30_000);
  world.advance(29_990);
  t.is(entry.expiredAtMs, Number.NaN);
  world.advance(30);
  t.false(Number.isNaN(entry.expiredAtMs));
});

test('a deadline that has passed already expires at the next look, not inside add', (t) => {
  const world = new World();
  world.add(50_000);
  world.advance(1_000);
  const entry = world.add(-700);
  t.is(entry.expiredAtMs, Number.NaN);
  world.advance(8);
  t.false(Number.isNaN(entry.expiredAtMs));
});

test('a removed entry never expires, and removing it again is harmless', (t) => {
  const world = new World();
  const kept = world.add(50);
  const entry = world.add(50, () => t.fail());
  world.add(50);
  world.queue.remove(entry);
  world.queue.remove(entry);
  t.is(world.queue.size, 2);
  world.advance(100);
  t.false(Number.isNaN(kept.expiredAtMs));
});

test('there is one timer, only while there are entries, however many calls come and go', (t) => {
  const world = new World();
  t.is(world.armed, null);
  for (let call = 0; call < 1_000; call++) world.queue.remove(world.add(5_000));
  t.is(world.timers, 1);
  world.advance(8);
  t.is(world.armed, null);
  world.add(20);
  t.is(world.timers, 2);
});

test('all that expire in one look are flushed together', (t) => {
  const world = new World();
  for (let call = 0; call < 3; call++) world.add(5, () => world.log.push('expired'));
  world.advance(16);
  t.deepEqual(world.log, ['enter', 'expired', 'expired', 'expired', 'leave']);
});

test('an entry that expires may remove others that are due with it, and add new ones', (t) => {
  const world = new World();
  const entries: Entry[] = [];
  let expired = 0;
  for (let call = 0; call < 3; call++) {
    entries.push(
      world.add(5, (entry) => {
        expired++;
        for (const other of entries) if (other !== entry) world.queue.remove(other);
        world.add(5);
      }),
    );
  }
  world.advance(8);
  t.is(expired, 1);
  t.is(world.queue.size, 1);
});

test('after a long pause of the process everything that is due expires at once', (t) => {
  const world = new World();
  const entries = [10, 5_000, 20_000, 100_000].map((ms) => world.add(ms));
  world.now += 60_000;
  world.armed!.tick();
  t.deepEqual(
    entries.map((entry) => Number.isNaN(entry.expiredAtMs)),
    [false, false, false, true],
  );
});

test('a stopped queue forgets its entries and its timer', (t) => {
  const world = new World();
  const entry = world.add(10, () => t.fail());
  world.queue.stop();
  t.is(world.armed, null);
  t.is(entry.deadlineSlot, -1);
  world.advance(1_000);
});

test('whatever is added, removed and waited for, each entry expires once in its time or never', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), ms: fc.oneof(fc.nat(100), fc.nat(40_000)) }),
    fc.record({ kind: fc.constant('remove' as const), ms: fc.nat() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(50), fc.nat(12_000)) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const world = new World();
      const live = new Set<Entry>();
      for (const { kind, ms } of steps) {
        const some = [...live][ms % Math.max(1, live.size)];
        if (kind === 'add') live.add(world.add(ms, (entry) => t.true(live.delete(entry))));
        else if (kind === 'wait') world.advance(ms);
        else if (some !== undefined) {
          world.queue.remove(some);
          live.delete(some);
        }
        for (const entry of live) t.true(entry.deadlineMs + MAX_LATE_MS > world.now);
        t.is(world.queue.size, live.size);
      }
    }),
    { seed: 5, interruptAfterTimeLimit: 1_000 },
  );
});

test('by default the timer is the real one', async (t) => {
  const expired = Promise.withResolvers<number>();
  const queue = new DeadlineQueue({
    now: () => performance.now(),
    flusher: { enter: () => undefined, leave: () => undefined },
  });
  const entry = new Entry(performance.now() + 30, () => expired.resolve(performance.now()));
  queue.add(entry);
  // The queue's own timer keeps no process up; in an agent the sockets do.
  const open = setInterval(() => undefined, 1_000);
  t.true((await expired.promise) >= entry.deadlineMs);
  clearInterval(open);
  queue.stop();
});
