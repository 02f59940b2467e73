// Wrong streams at both sides of an agent, one after the other, while a neighbour goes on calling.
import fc from 'fast-check';
import { wrongStream } from './mutate.ts';
import { type PlayingEndpoint, playAtListener, withoutPreface } from './play.ts';
import type { Recordings } from './record.ts';

export interface Fuzzed {
  readonly agentPort: number;
  /** Where calls under `hostilePath` are led to. */
  readonly endpoint: PlayingEndpoint;
  /** A call that is led to `endpoint`; resolves however it ends. */
  readonly hostileCall: () => Promise<unknown>;
  /** A call that has nothing to do with all that: its grpc-status. */
  readonly innocentCall: () => Promise<string | undefined>;
  readonly errors: () => readonly unknown[];
}

const neighbourEvery = 20;

/**
 * Plays for that long. @throws Error of fast-check, with the seed and the smallest stream that does it, when the agent
 * logs a fault or a neighbour's call fails; never returns when a connection or a call does not end.
 * @returns how many streams were played.
 */
export async function fuzz(
  target: Fuzzed,
  { clients, servers }: Recordings,
  seed: number,
  forMs: number,
): Promise<number> {
  let played = 0;
  const check = async (): Promise<void> => {
    if (target.errors().length > 0) throw new Error(`the agent logged ${JSON.stringify(target.errors()[0])}`);
    if (++played % neighbourEvery !== 0) return;
    const status = await target.innocentCall();
    if (status !== '0') throw new Error(`the call of a neighbour ended with ${status}`);
  };
  const atListener = fc.asyncProperty(wrongStream(clients), async (pieces) => {
    await playAtListener(target.agentPort, pieces);
    await check();
  });
  const atEndpoint = fc.asyncProperty(wrongStream(servers.map(withoutPreface)), async (pieces) => {
    target.endpoint.pieces = pieces;
    await target.hostileCall();
    await check();
  });
  const options = {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: forMs / 2,
    markInterruptAsFailure: false,
  };
  await fc.assert(atListener, options);
  await fc.assert(atEndpoint, options);
  return played;
}
