// What of `npm run attack` has no flood behind it: every input of a corpus, and wrong streams for minutes, at both sides
// of one agent in a process of its own. It stays alive, logs no fault, ends everything, keeps its memory, and serves a
// neighbour before and after.
import { type ClientHttp2Session, connect } from 'node:http2';
import { call } from '../support/http2-call.ts';
import { Child, startAgent } from './arena.ts';
import { asClient, asEndpoint, type CorpusInput } from './corpus.ts';
import { fuzz } from './fuzz.ts';
import { hostileMesh, hostilePath } from './hostile-mesh.ts';
import { PlayingEndpoint, playAtListener } from './play.ts';
import { recordCalls } from './record.ts';

export interface Endured {
  readonly title: string;
  /** How many streams were played. */
  readonly played: number;
  /** Heap and buffers at the end less those of the beginning, both behind a collection and a warm-up, bytes. */
  readonly growthBytes: number;
  readonly faults: readonly string[];
}

/** Memory is flat when a run of any length leaves no more than this: pools of buffers fill up to some megabytes. */
const growthAllowanceBytes = 16 * 1024 * 1024;
const endsWithinMs = 15_000;
const lanes = 8;
const fuzzWarmUpMs = 4000;

/** The agent under test and those who call through it. */
interface Proving {
  readonly agentPort: number;
  readonly hostile: PlayingEndpoint;
  readonly session: ClientHttp2Session;
  readonly errors: () => Promise<readonly string[]>;
}

/** Runs `warmUp`, then `play`, and judges what the second has left behind. */
async function endure(
  title: string,
  warmUp: (proving: Proving) => Promise<unknown>,
  play: (proving: Proving) => Promise<number>,
): Promise<Endured> {
  const endpoint: Child<never, { kind: 'listening'; port: number }> = new Child('endpoint-child');
  const { port } = await endpoint.next('listening');
  const hostile = await PlayingEndpoint.listen();
  const { agent, port: agentPort } = await startAgent(hostileMesh(port, hostile.port));
  const session = connect(`http://127.0.0.1:${agentPort}`);
  session.on('error', () => {});
  const errors = async (): Promise<readonly string[]> => (await agent.ask('sample', 'sample')).errors;
  const faults: string[] = [];
  let played = 0;
  let growthBytes = 0;
  try {
    const proving: Proving = { agentPort, hostile, session, errors };
    await warmUp(proving);
    const before = await agent.ask('begin', 'sample');
    played = await play(proving);
    const after = await agent.ask('begin', 'sample');
    growthBytes = after.heldBytes - before.heldBytes;
    faults.push(...after.errors.slice(0, 3).map((error) => `the agent logged ${error}`));
    if (growthBytes > growthAllowanceBytes) faults.push(`the agent kept ${Math.round(growthBytes / 2 ** 20)} MiB`);
    const { trailers } = await call(session);
    if (trailers?.['grpc-status'] !== '0') faults.push('a neighbour is not served any more');
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    session.destroy();
    hostile.close();
    await Promise.all([agent.stop(), endpoint.stop()]);
  }
  return { title, played, growthBytes, faults };
}

/** Every input at a listener, twice, and as an endpoint's answer. */
export function endureCorpus(inputs: readonly CorpusInput[]): Promise<Endured> {
  const playAll = async (some: readonly CorpusInput[], { agentPort, hostile, session }: Proving): Promise<number> => {
    const streams = some.flatMap((input) => asClient(input).map((pieces) => ({ name: input.name, pieces })));
    const left = [...streams];
    const lane = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        await inTime(next.name, playAtListener(agentPort, next.pieces));
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    for (const input of some) {
      hostile.pieces = asEndpoint(input);
      await inTime(input.name, call(session, { ':path': hostilePath }));
    }
    return streams.length + some.length;
  };
  return endure(
    `${inputs.length} recorded hostile inputs, at both sides`,
    (proving) => playAll(inputs, proving),
    (proving) => playAll(inputs, proving),
  );
}

/** Recorded calls made wrong, for so many minutes. */
export async function endureFuzz(minutes: number, seed: number): Promise<Endured> {
  const recordings = await recordCalls();
  const run = async ({ agentPort, hostile, session, errors }: Proving, runSeed: number, forMs: number) => {
    const target = {
      agentPort,
      endpoint: hostile,
      hostileCall: () => call(session, { ':path': hostilePath }),
      innocentCall: async () => String((await call(session)).trailers?.['grpc-status']),
      // Faults are looked for at the end; a dead process fails the calls.
      errors: () => [],
    };
    const played = await fuzz(target, recordings, runSeed, forMs);
    const logged = await errors();
    if (logged.length > 0) throw new Error(`the agent logged ${logged[0]}`);
    return played;
  };
  return endure(
    `recorded calls made wrong for ${minutes} min, seed ${seed}`,
    (proving) => run(proving, seed + 1, fuzzWarmUpMs),
    (proving) => run(proving, seed, 60_000 * minutes),
  );
}

/** @throws Error when what was played does not end. */
async function inTime<T>(name: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new Error(`${name} did not end within ${endsWithinMs / 1000} s`));
    timer = setTimeout(fail, endsWithinMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
