// The life of a stream (RFC 9113 section 5.1), without pushes: pure.
//
//                   HEADERS sent or received
//            idle ────────────────────────────▶ open
//                                                │
//              END_STREAM sent ┌─────────────────┼─────────────────┐ END_STREAM received
//                              ▼                 │                 ▼
//                     half-closed (local)        │        half-closed (remote)
//                              │                 │                 │
//          END_STREAM received └──────▶ ended ◀──┼─────────────────┘ END_STREAM sent
//                                                │
//           RST_STREAM sent or received,         │
//           connection lost: from any state      └──▶ reset
//
// `ended` and `reset` are the RFC's "closed", told apart because frames that come later mean different things. The
// states are numbers whose lower bits say which sides have ended.
import { FrameType } from './frame.ts';
import type { Role } from './limits.ts';

export const StreamState = { open: 0, halfClosedLocal: 1, halfClosedRemote: 2, ended: 3, reset: 4 } as const;

/** After END_STREAM was sent. A stream that was reset stays so. */
export function afterSendingEnd(state: number): number {
  return state === StreamState.reset ? state : state | StreamState.halfClosedLocal;
}

/** After END_STREAM was received. */
export function afterReceivingEnd(state: number): number {
  return state === StreamState.reset ? state : state | StreamState.halfClosedRemote;
}

/** How a stream closed that is known no more. `unknown`: too long ago to tell, or skipped and thereby closed (5.1.1). */
export type ClosedBy = 'end' | 'own-reset' | 'peer-reset' | 'unknown';

/**
 * What a frame on a closed stream means. `ignore`: it may have been on its way when the stream closed; what it carries
 * is still accounted for (header table, connection window). Otherwise the connection error to answer with.
 */
export function judgeLateFrame(
  type: number,
  closedBy: ClosedBy,
  role: Role,
): 'ignore' | 'stream-closed' | 'protocol-error' {
  // PRIORITY may come at any time; the other two are in flight when both sides close at once.
  if (type === FrameType.PRIORITY || type === FrameType.RST_STREAM || type === FrameType.WINDOW_UPDATE) return 'ignore';
  if (closedBy === 'own-reset') return 'ignore';
  // An upstream connection carries many clients' calls: an endpoint that sends too much is not made their problem.
  if (role === 'client') return 'ignore';
  if (closedBy === 'unknown') return type === FrameType.HEADERS ? 'protocol-error' : 'ignore';
  return 'stream-closed';
}
