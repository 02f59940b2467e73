// What is asked of one call: what the client sends, what the endpoint does, and how it is to end when nothing befalls it.
import type { Random } from './random.ts';

export type PlanKind =
  /** One message and its echo. */
  | 'unary'
  /** One message, many back. */
  | 'download'
  /** Many messages, one back. */
  | 'upload'
  /** Message by message, each behind the echo of the last. */
  | 'chat'
  /** The endpoint answers the head of an upload, before it has come. */
  | 'early'
  /** The endpoint answers with the status `code`. */
  | 'status'
  /** The endpoint resets with `code`: before its answer, and in the middle of it. */
  | 'reset'
  | 'late reset'
  /** The endpoint refuses the stream once: whoever proxies it sends it again. */
  | 'refuse'
  /** The endpoint never answers; the call's deadline is 100 ms. */
  | 'hold'
  /** The client cancels within 20 ms, if it has no answer yet. */
  | 'cancel';

export interface Plan {
  readonly kind: PlanKind;
  /** gRPC status or HTTP/2 error code, where the kind has one. */
  readonly code: number;
  /** Status when nothing befalls it. */
  readonly status: number;
}

/** Of one message of an upload, a download or a chat. */
export const messageBytes = 16_384;
export const messages = 12;
export const unaryBytes = 105;
export const holdTimeout = '100m';

const kinds: readonly (readonly [PlanKind, number])[] = [
  ['unary', 80],
  ['download', 3],
  ['upload', 3],
  ['chat', 3],
  ['early', 0.5],
  ['status', 3],
  ['reset', 1],
  ['late reset', 1],
  ['refuse', 1],
  ['hold', 1],
  ['cancel', 2],
];

/** PROTOCOL-HTTP2.md "Errors": what a reset with that code means. */
const statusOfReset: readonly (readonly [code: number, status: number])[] = [
  [0x1, 13],
  [0x2, 13],
  [0x8, 1],
  [0xb, 8],
];

export function statusOfCode(code: number): number {
  return statusOfReset.find(([known]) => known === code)?.[1] ?? 13;
}

export function drawPlan(random: Random): Plan {
  const kind = random.weighted(kinds);
  switch (kind) {
    case 'status': {
      const code = random.pick([2, 3, 5, 7, 9, 16]);
      return { kind, code, status: code };
    }
    case 'reset':
    case 'late reset': {
      const [code, status] = random.pick(statusOfReset);
      return { kind, code, status };
    }
    case 'hold':
      return { kind, code: 0, status: 4 };
    default:
      return { kind, code: 0, status: 0 };
  }
}
