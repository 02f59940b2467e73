// Whoever has much to be handled leaves turns of the event loop to others.
import test from 'ava';
import { TurnQueue, type TurnTaker } from '../../agent/http2/turn-queue.ts';
import { flag, H2Peer, headers, request } from '../support/h2-peer.ts';
import { serve } from './connection-fixture.ts';

const immediate = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('one goes on in each turn, in the order in which they came, and again behind the others', async (t) => {
  const queue = new TurnQueue();
  const taken: string[] = [];
  const taker = (name: string, turns: number): TurnTaker => {
    let left = turns;
    const self = {
      takeTurn() {
        taken.push(name);
        if (--left > 0) queue.wait(self);
      },
    };
    return self;
  };
  queue.wait(taker('a', 3));
  queue.wait(taker('b', 1));
  queue.wait(taker('c', 2));
  t.deepEqual(taken, []);
  for (const turn of ['a', 'b', 'c', 'a', 'c', 'a']) {
    await immediate();
    t.is(taken.at(-1), turn);
  }
  await immediate();
  t.is(taken.length, 6);
  queue.wait(taker('d', 1));
  await immediate();
  t.is(taken.at(-1), 'd');
});

test('a call that comes behind three thousand of three other connections is handled among the first', async (t) => {
  const { port, log } = await serve(t);
  const peers = await Promise.all(Array.from({ length: 4 }, () => H2Peer.ready(port)));
  t.teardown(() => peers.map(({ socket }) => socket.destroy()));
  const [neighbour, ...busy] = peers;
  const calls = Array.from({ length: 1000 }, (_, i) => headers(2 * i + 1, request('/busy'), flag.endStream));
  for (const peer of busy) peer.send(...calls);
  neighbour!.send(headers(1, request('/neighbour'), flag.endStream));
  await log.stream(2999);
  const paths = log.streams.map(({ events }) => {
    const [first] = events;
    return first?.kind === 'headers' ? first.entries.find(([name]) => name === ':path')?.[1] : undefined;
  });
  const before = paths.indexOf('/neighbour');
  t.true(before >= 0 && before < 600, `behind ${before} others`);
});
