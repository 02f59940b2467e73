// The yardstick: as many ordinary calls as the same attacker makes when it means well, many at once.
// What its neighbours feel of that is the fair price of sharing an agent with a busy client.
import { flag, headers, request, windowUpdate } from '../support/h2-peer.ts';
import { type Attack, countEnd, repeat } from './attack.ts';
import { Attacker } from './attacker.ts';
import { opening, UNARY } from './flood.ts';

/** A quarter of what it may have. */
const callsAtOnce = 250;
const rounds = 80;

export const honest: Attack = {
  id: 'honest',
  title: 'ordinary calls, as fast as they are answered',
  from: 'client',
  ends: ['alive'],
  prepare: () => {
    const batches = Array.from({ length: rounds }, (_, round) =>
      Buffer.concat(
        Array.from({ length: callsAtOnce }, (__, i) =>
          headers(2 * (round * callsAtOnce + i) + 1, request(UNARY), flag.endStream),
        ),
      ),
    );
    return {
      listen: () => Promise.resolve(0),
      run: (stage) =>
        repeat(stage, async () => {
          const attacker = await Attacker.connect(stage.agentPort);
          await attacker.send(Buffer.concat([opening, windowUpdate(0, 0x4000_0000)]));
          for (const [i, batch] of batches.entries()) {
            if (attacker.isClosed || performance.now() >= stage.untilMs) break;
            await attacker.send(batch);
            await attacker.ended((i + 1) * callsAtOnce);
          }
          countEnd(stage.tally, attacker.isClosed ? `GOAWAY ${attacker.goAway}` : 'alive');
          stage.tally.sentBytes += attacker.sentBytes;
          stage.tally.receivedBytes += attacker.receivedBytes;
          attacker.socket.destroy();
        }),
    };
  },
};
