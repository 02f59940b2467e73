// The classes A to E of http2.md section 1.2 that repeat something on one connection: each ends as documented, is
// counted and told with its peer, and costs no other client a call.
import test from 'ava';
import { Attacker } from './attacker.ts';
import { prepareFlood } from './flood.ts';
import { floods } from './floods.ts';
import { startTarget } from './target.ts';

for (const flood of floods) {
  test(`(${flood.id}) ${flood.title}`, async (t) => {
    // Before there is anybody whose time runs: making the bytes of all floods takes seconds.
    const prepared = prepareFlood(flood);
    const target = await startTarget(t);
    t.is(await target.innocentCall(), '0');
    const attacker = await Attacker.connect(target.port);
    const peer = `127.0.0.1:${attacker.socket.localPort}`;
    t.teardown(() => attacker.socket.destroy());
    await attacker.play(prepared);
    const isAlive = await attacker.isAnswered();
    const { end, limit } = flood;
    if (end === 'alive' || 'reset' in end) {
      t.true(isAlive, `GOAWAY ${attacker.goAway}`);
      if (end !== 'alive') t.true((attacker.resets.get(end.reset) ?? 0) > 0);
    } else {
      await attacker.closed;
      t.is(attacker.goAway, end.goAway);
    }
    t.is(await target.innocentCall(), '0', 'the innocent client is still served');
    if (limit !== undefined) {
      t.true(target.hits(limit) > 0, `${limit} was counted`);
      const line = target.plane.ups.find((up) => up.kind === 'log' && up.fields['limit'] === limit);
      t.is(line?.kind === 'log' ? line.fields['peer'] : undefined, peer, 'the log names the peer');
    }
    t.deepEqual(target.errors(), []);
  });
}
