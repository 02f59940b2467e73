// Floods as attacks: played on one connection after the other, several at once, for as long as the attack lasts.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type Attack, countEnd, type End, repeat, type Stage } from './attack.ts';
import { Attacker } from './attacker.ts';
import { endpointOpening, type Flood, type FloodEnd, type PreparedFlood, prepareFlood } from './flood.ts';

export function clientFlood(flood: Flood): Attack {
  const { id, title, end, limit, isBulk = false, isBehindLargeBudget = false } = flood;
  const prepare = (): ReturnType<Attack['prepare']> => {
    const prepared = prepareFlood(flood);
    return {
      listen: () => Promise.resolve(0),
      run: (stage) =>
        repeat(stage, async () => {
          const attacker = await Attacker.connect(stage.agentPort);
          await playToEnd(attacker, prepared, stage);
        }),
    };
  };
  const ends = endsOf(end);
  const ofLimit = limit === undefined ? {} : { limit };
  return { id, title, from: 'client', isBulk, isBehindLargeBudget, ends, ...ofLimit, prepare };
}

/** A flood whose rounds refer to the streams that the agent opened: 1, 3 and so on. */
export function endpointFlood(flood: Flood): Attack {
  const { id, title, end, limit } = flood;
  const prepare = (): ReturnType<Attack['prepare']> => {
    const prepared = prepareFlood(flood, endpointOpening);
    const waiting: Socket[] = [];
    let wanted: ((socket: Socket) => void)[] = [];
    const server = createServer({ noDelay: true }, (socket) => {
      const want = wanted.shift();
      if (want === undefined) waiting.push(socket);
      else want(socket);
    });
    const next = (): Promise<Socket> => {
      const socket = waiting.shift();
      return socket === undefined ? new Promise((resolve) => wanted.push(resolve)) : Promise.resolve(socket);
    };
    return {
      listen: async () => {
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        return (server.address() as AddressInfo).port;
      },
      run: async (stage) => {
        const over = new Promise<null>((resolve) => {
          const ring = (): void => resolve(null);
          setTimeout(ring, stage.untilMs - performance.now());
        });
        await repeat(stage, async () => {
          const socket = await Promise.race([next(), over]);
          if (socket === null) return void stage.tally.connections--;
          const attacker = Attacker.accept(socket);
          // The agent waits for our SETTINGS before it sends a call, and is attacked with a call under way.
          const { batches, isDeaf } = prepared;
          await attacker.send(endpointOpening);
          // The call that it was opened for may have gone elsewhere.
          if ((await Promise.race([attacker.called, over])) === null) return void socket.destroy();
          await playToEnd(
            attacker,
            { batches: [batches[0]!.subarray(endpointOpening.length), ...batches.slice(1)], isDeaf },
            stage,
          );
        });
        wanted = [];
        server.close();
        for (const socket of waiting) socket.destroy();
      },
    };
  };
  return { id, title, from: 'endpoint', ends: endsOf(end), ...(limit === undefined ? {} : { limit }), prepare };
}

async function playToEnd(attacker: Attacker, flood: PreparedFlood, stage: Stage): Promise<void> {
  const { tally, untilMs } = stage;
  await attacker.play(flood, untilMs);
  const end = await endOf(attacker, untilMs);
  if (end !== null) countEnd(tally, end);
  tally.sentBytes += attacker.sentBytes;
  tally.receivedBytes += attacker.receivedBytes;
  attacker.socket.destroy();
}

/** How it ended; `null` when the attack was over before the flood was. */
async function endOf(attacker: Attacker, untilMs: number): Promise<End | null> {
  if (performance.now() >= untilMs && !attacker.isClosed) return null;
  const isAlive = await attacker.isAnswered();
  if (!isAlive) return attacker.goAway === null ? 'closed' : `GOAWAY ${attacker.goAway}`;
  const codes = [...attacker.resets.keys()].sort((a, b) => a - b);
  return codes.length === 0 ? 'alive' : `alive, reset ${codes.join(' ')}`;
}

function endsOf(end: FloodEnd): readonly End[] {
  // At full strength some calls are one too many, and refused.
  if (end === 'alive') return ['alive', 'alive, reset 7'];
  return 'goAway' in end ? [`GOAWAY ${end.goAway}`] : [`alive, reset ${end.reset}`];
}
