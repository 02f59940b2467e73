// Attacks that send little and hold on to much: connections that are opened, given something to keep, and then left
// as they are until the attack is over.
import {
  encodeFields,
  flag,
  frame,
  headers,
  ping,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { type Attack, countEnd, repeat, type Stage } from './attack.ts';
import { Attacker } from './attacker.ts';
import { BEGIN, BULK, HOLD, opening } from './flood.ts';

const INITIAL_WINDOW = 4;
const cancel = 8;
const streams = 1000;
const id = (i: number): number => 2 * i + 1;
const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

interface Hold {
  readonly id: string;
  readonly title: string;
  readonly connections: number;
  /** What each connection sends at once. */
  readonly bytes: () => Buffer;
  /** What it sends from then on, piece by piece, each a little later than the one before. */
  readonly drip?: Buffer;
  readonly isDeaf?: boolean;
  readonly isBulk?: boolean;
  readonly limit?: string;
}

const dripEveryMs = 20;

function holding({ id: name, title, connections, bytes, drip, isDeaf = false, isBulk = false, limit }: Hold): Attack {
  const prepare = (): ReturnType<Attack['prepare']> => {
    const first = bytes();
    const hold = async (stage: Stage): Promise<void> => {
      const attacker = await Attacker.connect(stage.agentPort);
      stage.tally.connections++;
      await attacker.send(first);
      if (isDeaf) attacker.socket.pause();
      await new Promise<void>((resolve) => {
        let at = 0;
        const tick = setInterval(() => {
          if (drip !== undefined && at < drip.length) void attacker.send(drip.subarray(at, ++at));
          if (performance.now() < stage.untilMs && !attacker.isClosed) return;
          clearInterval(tick);
          resolve();
        }, dripEveryMs);
      });
      countEnd(stage.tally, attacker.isClosed ? `GOAWAY ${attacker.goAway}` : 'held');
      stage.tally.sentBytes += attacker.sentBytes;
      stage.tally.receivedBytes += attacker.receivedBytes;
      attacker.socket.destroy();
    };
    return {
      listen: () => Promise.resolve(0),
      run: async (stage) => {
        await Promise.all(Array.from({ length: connections }, () => hold(stage)));
      },
    };
  };
  return {
    id: name,
    title,
    from: 'client',
    isBulk,
    ends: ['held'],
    ...(limit === undefined ? {} : { limit }),
    prepare,
  };
}

/** Calls that are cancelled once their response has begun, as a client may; the endpoint counts them all the same. */
const cancels: Attack = {
  id: 'A7',
  title: 'calls cancelled once their response has begun',
  from: 'client',
  ends: ['alive'],
  limit: 'resetsBeforeRotation',
  prepare: () => {
    const rounds = Array.from({ length: 50 }, (_, round) => ({
      begin: many(200, (i) => headers(id(200 * round + i), request(BEGIN), flag.endStream)),
      end: many(200, (i) => rstStream(id(200 * round + i), cancel)),
    }));
    return {
      listen: () => Promise.resolve(0),
      run: (stage) =>
        repeat(stage, async () => {
          const attacker = await Attacker.connect(stage.agentPort);
          await attacker.send(opening);
          for (const [i, { begin, end }] of rounds.entries()) {
            if (attacker.isClosed || performance.now() >= stage.untilMs) break;
            await attacker.send(begin);
            await attacker.begun(200 * (i + 1));
            await attacker.send(end);
          }
          countEnd(stage.tally, (await attacker.isAnswered()) ? 'alive' : `GOAWAY ${attacker.goAway}`);
          stage.tally.sentBytes += attacker.sentBytes;
          stage.tally.receivedBytes += attacker.receivedBytes;
          attacker.socket.destroy();
        }),
    };
  },
};

/** Literal with incremental indexing: it becomes entry 62. */
const large = (): Buffer => {
  const bytes = encodeFields([['x-large', 'b'.repeat(3900)]]);
  bytes[0] = 0x40;
  return bytes;
};

export const holds: readonly Attack[] = [
  cancels,
  holding({
    id: 'B6',
    title: 'calls that are kept open, each with a large header it needed two bytes for',
    connections: 8,
    bytes: () =>
      Buffer.concat([
        opening,
        frame('HEADERS', flag.endHeaders, id(0), Buffer.concat([encodeFields(request(HOLD)), large()])),
        many(streams, (i) =>
          frame(
            'HEADERS',
            flag.endHeaders,
            id(i + 1),
            Buffer.concat([encodeFields(request(HOLD)), Buffer.from([0xbe, 0xbe])]),
          ),
        ),
      ]),
  }),
  holding({
    id: 'C7',
    title: 'large windows over a socket that nobody reads',
    connections: 8,
    bytes: () =>
      Buffer.concat([
        preface,
        settings([INITIAL_WINDOW, 0x7fff_ffff]),
        settingsAck(),
        windowUpdate(0, 0x7000_0000),
        many(streams, (i) => headers(id(i), request(BULK), flag.endStream)),
      ]),
    isDeaf: true,
    isBulk: true,
  }),
  holding({
    id: 'C13',
    title: 'frames that come byte by byte',
    connections: 200,
    bytes: () => opening,
    drip: many(20, () => ping('12345678')),
  }),
  holding({
    id: 'D5',
    title: 'responses that nobody makes room for',
    connections: 8,
    isBulk: true,
    bytes: () =>
      Buffer.concat([
        preface,
        settings([INITIAL_WINDOW, 0]),
        settingsAck(),
        many(streams, (i) => headers(id(i), request(BULK), flag.endStream)),
      ]),
  }),
  holding({
    id: 'E3',
    title: 'a thousand connections that do nothing',
    connections: 1000,
    bytes: () => opening,
  }),
];
