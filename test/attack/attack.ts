// What an attack of `npm run attack` is: played for a bounded time by a process of its own, at an agent in another.

/** How a connection of the attacker ended, in words: `GOAWAY 11`, `closed`, `alive`, `alive, reset 7`. */
export type End = string;

export interface Tally {
  connections: number;
  sentBytes: number;
  receivedBytes: number;
  /** Connections that were played to their end, by how they ended. */
  readonly ends: Record<End, number>;
}

export interface Stage {
  /** What a client attacks. */
  readonly agentPort: number;
  /** Monotonic, ms: nothing is begun from then on. */
  readonly untilMs: number;
  /** Connections at once. */
  readonly width: number;
  readonly tally: Tally;
}

export interface Attack {
  /** Class of http2.md section 1.2, and what tells apart several attacks of one class. */
  readonly id: string;
  readonly title: string;
  /** An endpoint is called by others while it attacks. */
  readonly from: 'client' | 'endpoint';
  /** The ends that are documented; every connection must have one of them. */
  readonly ends: readonly End[];
  /** The limit that is to be counted, by its name in `Http2Limits`. */
  readonly limit?: string;
  /** The cluster names a limit of calls that the attack does not meet. */
  readonly isBehindLargeBudget?: boolean;
  /** It asks for large responses, and is measured by an honest client that does. */
  readonly isBulk?: boolean;
  /** Makes the bytes; sending them is what `Assault` is charged for. */
  prepare(): Assault;
}

export interface Assault {
  /** Where the endpoint listens that the agent is to be led to; 0 for a client. */
  readonly listen: () => Promise<number>;
  readonly run: (stage: Stage) => Promise<void>;
}

export function newTally(): Tally {
  return { connections: 0, sentBytes: 0, receivedBytes: 0, ends: {} };
}

export function countEnd(tally: Tally, end: End): void {
  tally.ends[end] = (tally.ends[end] ?? 0) + 1;
}

/** At most so many connections in one attack: it is to measure the agent, not to use up the machine's ports. */
const maxConnections = 2000;

/** Runs `play` again and again, `width` at once, until the time or the number of connections is used up. */
export async function repeat(stage: Stage, play: () => Promise<void>): Promise<void> {
  const one = async (): Promise<void> => {
    while (performance.now() < stage.untilMs && stage.tally.connections < maxConnections) {
      stage.tally.connections++;
      await play();
    }
  };
  await Promise.all(Array.from({ length: stage.width }, one));
}
