// What a deadline means that has passed: a peer is at fault, or it is time for one of the connection's parts to act. When
// each is due is `connection-timer.ts`.
import type { ConnectionCore } from './connection-core.ts';
import type { ConnectionDrain } from './connection-drain.ts';
import type { ConnectionEnding } from './connection-ending.ts';
import type { ConnectionKeepalive } from './connection-keepalive.ts';
import type { ConnectionQueues } from './connection-queues.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';
import { ErrorCode } from './errors.ts';
import type { Http2Limits } from './limits.ts';

export interface DeadlineParts {
  readonly core: ConnectionCore;
  readonly timer: ConnectionTimer;
  readonly drain: ConnectionDrain;
  readonly keepalive: ConnectionKeepalive;
  readonly queues: ConnectionQueues;
  readonly ending: ConnectionEnding;
}

/** `deadline` is one of `Deadline`, and was armed. */
export function expireDeadline(deadline: number, parts: DeadlineParts): void {
  const { core, timer, drain, keepalive, queues, ending } = parts;
  const fault = overdueFault(deadline);
  if (fault !== null) {
    core.countLimit(fault.limit);
    core.fail(fault.code, fault.reason);
  }
  switch (deadline) {
    case Deadline.connect:
      core.cut({
        connected: false,
        code: ErrorCode.CONNECT_ERROR,
        by: 'local',
        reason: 'connecting took too long',
      });
      break;
    case Deadline.flushStall:
    case Deadline.linger:
      ending.giveUp();
      break;
    case Deadline.idle:
      drain.onIdleDeadline();
      break;
    case Deadline.keepalive:
      keepalive.onKeepaliveDeadline();
      break;
    case Deadline.keepaliveAnswer:
      keepalive.onAnswerDeadline();
      break;
    case Deadline.queue:
      queues.onDeadline();
      break;
    case Deadline.resets:
      core.resetAbandoned();
      timer.arm(Deadline.resets, core.limits.rotationWindowMs);
      break;
    case Deadline.age:
      drain.onAgeDeadline();
      break;
    case Deadline.drainPing:
      drain.sayLast();
      break;
    case Deadline.drainGrace:
      core.fail(ErrorCode.NO_ERROR, 'time to drain is over');
      break;
  }
}

/** The connection error of a peer that let a deadline pass, `null` where that is no fault of its. */
function overdueFault(deadline: number): { limit: keyof Http2Limits; code: number; reason: string } | null {
  switch (deadline) {
    case Deadline.preface:
      return { limit: 'prefaceTimeoutMs', code: ErrorCode.PROTOCOL_ERROR, reason: 'no SETTINGS came' };
    case Deadline.settingsAck:
      return {
        limit: 'settingsAckTimeoutMs',
        code: ErrorCode.SETTINGS_TIMEOUT,
        reason: 'SETTINGS were not acknowledged',
      };
    case Deadline.partialFrame:
      return {
        limit: 'headerBlockTimeoutMs',
        code: ErrorCode.PROTOCOL_ERROR,
        reason: 'a frame or block was not completed',
      };
    case Deadline.flushStall:
      return { limit: 'flushStallTimeoutMs', code: ErrorCode.CANCEL, reason: 'the peer reads nothing' };
    default:
      return null;
  }
}
