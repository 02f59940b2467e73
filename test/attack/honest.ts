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

/** Of each connection, a quarter of what it may have; and of large responses as many as those who attack with them ask for. */
const callsAtOnce = { ordinary: 250, bulk: 1000 } as const;
const callsInAll = 20_000;

function honest(id: string, title: string, path: string, atOnce: number): Attack {
  const prepare = (): ReturnType<Attack['prepare']> => {
    const batches = Array.from({ length: callsInAll / atOnce }, (_, round) =>
      Buffer.concat(
        Array.from({ length: atOnce }, (__, i) => headers(2 * (round * atOnce + i) + 1, request(path), flag.endStream)),
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
            await attacker.ended((i + 1) * atOnce);
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

export const honestCalls: Attack = honest(
  'honest',
  'ordinary calls, as fast as they are answered',
  UNARY,
  callsAtOnce.ordinary,
);
export const honestBulk: Attack = honest(
  'honest bulk',
  'calls that are answered with 64 KiB, all of it read',
  BULK,
  callsAtOnce.bulk,
);
