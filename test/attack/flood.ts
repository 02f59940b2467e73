// What a flood is: bytes that a hostile client repeats, and how the agent is to answer them.
import { preface, settings, settingsAck } from '../support/h2-peer.ts';

export const HOLD = '/test.Attack/Hold';
export const BEGIN = '/test.Attack/Begin';
export const BULK = '/test.Attack/Bulk';
export const UNARY = '/test.Echo/Unary';

/** How the agent answers: a GOAWAY with that code, resets with that code on a connection that lives, or neither. */
export type FloodEnd = { readonly goAway: number } | { readonly reset: number } | 'alive';

export interface Flood {
  /** Class of http2.md section 1.2. */
  readonly id: string;
  readonly title: string;
  /** Sent once, behind the exchange of SETTINGS. */
  readonly begin?: Buffer;
  /** The bytes of round `i`, counted from 0. */
  readonly round: (i: number) => Buffer;
  /** How many rounds it takes to meet the limit, and more. */
  readonly rounds: number;
  readonly end: FloodEnd;
  /** The limit that counts it, by its name in `Http2Limits`; absent where a rule of the protocol ends it at once. */
  readonly limit?: string;
  /** It is about the streams of one connection: the cluster names a limit that it does not meet first. */
  readonly isBehindLargeBudget?: boolean;
  /** It asks for large responses. */
  readonly isBulk?: boolean;
  /** The attacker reads nothing that comes back. */
  readonly isDeaf?: boolean;
}

/** A flood ready to be sent: making its bytes is not charged to whoever sends it. */
export interface PreparedFlood {
  /** Its opening and beginning first, then its rounds. */
  readonly batches: readonly Buffer[];
  readonly isDeaf: boolean;
}

/** What opens a connection: preface, SETTINGS, and their acknowledgement ahead of time. */
export const opening: Buffer = Buffer.concat([preface, settings(), settingsAck()]);

/** The same from an endpoint. */
export const endpointOpening: Buffer = Buffer.concat([settings(), settingsAck()]);

const batchBytes = 65_536;

export function prepareFlood(flood: Flood, open: Buffer = opening): PreparedFlood {
  const batches = [Buffer.concat([open, flood.begin ?? Buffer.alloc(0)])];
  let batch: Buffer[] = [];
  let bytes = 0;
  for (let i = 0; i < flood.rounds; i++) {
    const round = flood.round(i);
    batch.push(round);
    bytes += round.length;
    if (bytes < batchBytes && i < flood.rounds - 1) continue;
    batches.push(Buffer.concat(batch));
    batch = [];
    bytes = 0;
  }
  return { batches, isDeaf: flood.isDeaf === true };
}
