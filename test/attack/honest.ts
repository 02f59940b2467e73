// The yardsticks: the same attacker, meaning well, many calls at once. What its neighbours feel of that is the fair price
// of sharing an agent with a busy client.
import { flag, headers, preface, request, settings, settingsAck, windowUpdate } from '../support/h2-peer.ts';
import { type Attack, countEnd, repeat } from './attack.ts';
import { Attacker } from './attacker.ts';
import { BULK, UNARY } from './flood.ts';

const INITIAL_WINDOW = 4;
const open = Buffer.concat([
  preface,
  settings([INITIAL_WINDOW, 0x7fff_ffff]),
  settingsAck(),
  windowUpdate(0, 0x7fff_0000),
]);

/** A quarter of what it may have. */
const callsAtOnce = 250;
const rounds = 80;

function honest(id: string, title: string, path: string): Attack {
  const prepare = (): ReturnType<Attack['prepare']> => {
    const batches = Array.from({ length: rounds }, (_, round) =>
      Buffer.concat(
        Array.from({ length: callsAtOnce }, (__, i) =>
          headers(2 * (round * callsAtOnce + i) + 1, request(path), flag.endStream),
        ),
      ),
    );
    return {
      listen: () => Promise.resolve(0),
      run: (stage) =>
        repeat(stage, async () => {
          const attacker = await Attacker.connect(stage.agentPort);
          await attacker.send(open);
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
  };
  return { id, title, from: 'client', ends: ['alive'], prepare };
}

export const honestCalls: Attack = honest('honest', 'ordinary calls, as fast as they are answered', UNARY);
export const honestBulk: Attack = honest('honest bulk', 'calls that are answered with 64 KiB, all of it read', BULK);
