// What one client may take of what all share: calls of a cluster, and memory. Raw sockets, as everywhere in this folder.
import test from 'ava';
import { flag, headers, request, rstStream } from '../support/h2-peer.ts';
import { Attacker } from './attacker.ts';
import { HOLD, opening } from './flood.ts';
import { startTarget } from './target.ts';

test('(B6) what is kept of the calls of one connection is bounded, given back, and no concern of others', async (t) => {
  const target = await startTarget(t);
  const attacker = await Attacker.connect(target.port);
  t.teardown(() => attacker.socket.destroy());
  const large: [string, string] = ['x-large', 'b'.repeat(15_000)];
  const call = (i: number): Buffer => headers(2 * i + 1, [...request(HOLD), large], flag.endStream);
  const ids = Array.from({ length: 800 }, (_, i) => i);
  await attacker.send(Buffer.concat([opening, ...ids.map(call)]));
  t.true(await attacker.isAnswered());
  const refused = attacker.resets.get(7) ?? 0;
  t.true(refused > 80 && refused < 120, `${refused} calls were refused beyond 10 MiB`);
  t.is(target.hits('maxQueuedBytes'), refused);
  t.is(await target.innocentCall(), '0');
  const some = ids.slice(0, 200);
  await attacker.send(Buffer.concat([...some.map((i) => rstStream(2 * i + 1, 8)), ...some.map((i) => call(800 + i))]));
  t.true(await attacker.isAnswered());
  t.is(attacker.resets.get(7), refused, 'what has ended is not kept');
  t.deepEqual(target.errors(), []);
});

test('(section 6, fair shares) beside ten connections that hold 1,000 calls each, 20 calls at once of another are carried', async (t) => {
  const target = await startTarget(t);
  const calls = Array.from({ length: 1000 }, (_, i) => headers(2 * i + 1, request(HOLD), flag.endStream));
  const attackers = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const attacker = await Attacker.connect(target.port);
      await attacker.send(Buffer.concat([opening, ...calls]));
      t.true(await attacker.isAnswered());
      return attacker;
    }),
  );
  t.teardown(() => attackers.map(({ socket }) => socket.destroy()));
  // One who comes now has more calls at once than ten gluttons were let have of the rest.
  for (let i = 0; i < 20; i++) {
    const statuses = await Promise.all(Array.from({ length: 20 }, () => target.innocentCall()));
    t.deepEqual([...new Set(statuses)], ['0']);
  }
  t.true(target.hits('maxRequests') > 7000);
  const line = target.plane.ups.find((up) => up.kind === 'log' && up.fields['limit'] === 'maxRequests');
  const peers = attackers.map(({ socket }) => `127.0.0.1:${socket.localPort}`);
  t.true(line?.kind === 'log' && peers.includes(String(line.fields['peer'])), 'the log names the peer');
});
