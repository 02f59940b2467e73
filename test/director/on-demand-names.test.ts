// Names that calls bring and a control plane is asked for: what waits, for how long, how much of it, and what is given up.
import test from 'ava';
import {
  idleMs,
  maxNames,
  maxWaitingCalls,
  maxWaitMs,
  OnDemandNames,
  refusedIdleMs,
} from '../../agent/director/on-demand-names.ts';

function createNames() {
  let nowMs = 0;
  let tick: (() => void) | null = null;
  const told: string[] = [];
  const counts = { names: 0, waits: 0, refusals: 0 };
  const names = new OnDemandNames<string>({
    onWanted: (name) => told.push(`+${name}`),
    onUnwanted: (name) => told.push(`-${name}`),
    stats: {
      names: {
        set: (n) => {
          counts.names = n;
        },
        add: () => {},
      },
      waits: {
        add: (n) => {
          counts.waits += n;
        },
      },
      refusals: {
        add: (n) => {
          counts.refusals += n;
        },
      },
    },
    log: () => {},
    now: () => nowMs,
    every: (_, fire) => {
      tick = fire;
      return () => {
        tick = null;
      };
    },
  });
  return {
    names,
    told,
    counts,
    advance: (ms: number) => {
      nowMs += ms;
      tick?.();
    },
    isTicking: () => tick !== null,
  };
}

const found = (context: string) => ({ kind: 'found', context }) as const;

test('all calls of a name wait for one answer, and later ones have it at once', async (t) => {
  const { names, told, counts } = createNames();
  const waiting = [names.find('a'), names.find('a')];
  t.deepEqual(told, ['+a']);
  names.set('a', 'rules');
  t.deepEqual(await Promise.all(waiting), [found('rules'), found('rules')]);
  t.deepEqual(names.find('a'), found('rules'));
  names.set('a', 'newer');
  t.deepEqual(names.find('a'), found('newer'));
  t.deepEqual(told, ['+a']);
  t.deepEqual(counts, { names: 1, waits: 2, refusals: 0 });
});

test('who is refused hears why, later calls at once, until the rules come after all', async (t) => {
  const { names, told, counts } = createNames();
  const waiting = names.find('a');
  names.refuse('a', 'there is none');
  const refused = { kind: 'refused', cause: 'unknown', reason: 'there is none' } as const;
  t.deepEqual(await waiting, refused);
  t.deepEqual(names.find('a'), refused);
  t.is(counts.refusals, 2);
  names.set('a', 'rules');
  t.deepEqual(names.find('a'), found('rules'));
  // What is there is not taken away by a control plane that cannot be reached.
  names.refuse('a', 'it is away');
  t.deepEqual(names.find('a'), found('rules'));
  t.deepEqual(told, ['+a']);
});

test('nobody waits for longer than 20 s', async (t) => {
  const { names, advance } = createNames();
  const waiting = names.find('a');
  advance(maxWaitMs - 1);
  advance(1);
  const answer = await waiting;
  t.regex(answer.kind === 'refused' ? answer.reason : '', /within 20 s/);
});

test('what no call names is given up after 5 minutes, what cannot be had after 30 s, and is asked for anew', async (t) => {
  const { names, told, counts, advance, isTicking } = createNames();
  void names.find('a');
  names.set('a', 'rules');
  void names.find('b');
  names.refuse('b', 'there is none');
  advance(refusedIdleMs - 1);
  t.deepEqual(told, ['+a', '+b']);
  advance(1);
  t.deepEqual(told, ['+a', '+b', '-b']);
  void names.find('a');
  advance(idleMs - 1);
  advance(1);
  t.deepEqual(told, ['+a', '+b', '-b', '-a']);
  t.is(counts.names, 0);
  t.false(isTicking());
  // Until control takes the rules away, a call has them, and says that it wants them.
  t.deepEqual(names.find('a'), found('rules'));
  t.true(names.remove('a'));
  t.false(names.remove('a'));
  t.true(names.find('a') instanceof Promise);
  t.true(names.find('b') instanceof Promise);
  t.deepEqual(told.slice(4), ['+a', '+b']);
});

test('rules that another data plane has asked for serve at once, and are wanted from the first call on', (t) => {
  const { names, told, counts } = createNames();
  names.set('a', 'rules');
  t.is(names.peek('a'), 'rules');
  t.deepEqual(told, []);
  t.deepEqual(names.find('a'), found('rules'));
  t.deepEqual(told, ['+a']);
  t.is(counts.waits, 0);
});

test('names and waiting calls have limits, and a hostile caller cannot ask for more', async (t) => {
  const { names, told, counts, advance } = createNames();
  for (let n = 0; n < maxNames + 10; n++) void names.find(`n${n}`);
  t.is(told.length, maxNames);
  t.like(names.find('one more'), { kind: 'refused', cause: 'limit' });
  t.is(counts.names, maxNames);
  t.like(names.find('x'.repeat(600)), { kind: 'refused', cause: 'unknown' });
  // Each of the thousand has a call that waits.
  t.like(names.find('n0'), { kind: 'refused', cause: 'limit' });
  names.set('n0', 'rules');
  t.true(names.find('n1') instanceof Promise);
  t.like(names.find('n1'), { kind: 'refused', cause: 'limit' });
  t.is(maxWaitingCalls, 1000);
  // Nothing of it is kept once it was refused and not named again.
  for (let n = 0; n < maxNames; n++) names.refuse(`n${n}`, 'there is none');
  advance(refusedIdleMs);
  t.is(counts.names, 1);
  t.true(names.find('one more') instanceof Promise);
});

test('a call that is over makes room for another one', (t) => {
  const { names } = createNames();
  const waiting = Array.from({ length: maxWaitingCalls }, () => names.find('a'));
  t.like(names.find('a'), { kind: 'refused', cause: 'limit' });
  for (const promise of waiting.slice(0, 2)) if (promise instanceof Promise) names.leave('a', promise);
  t.true(names.find('a') instanceof Promise);
  t.true(names.find('b') instanceof Promise);
  t.like(names.find('c'), { kind: 'refused', cause: 'limit' });
  names.refuse('a', 'there is none');
  // It has left already, with all others.
  for (const promise of waiting) if (promise instanceof Promise) names.leave('a', promise);
  t.true(names.find('c') instanceof Promise);
});

test('an agent that stops leaves no call waiting', async (t) => {
  const { names, isTicking } = createNames();
  const waiting = names.find('a');
  names.stop();
  t.like(await waiting, { kind: 'refused', reason: 'the agent stops' });
  t.false(isTicking());
});
