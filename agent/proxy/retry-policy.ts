// When a call may be tried again, and after how long. Pure: what came and randomness in, milliseconds out.
// Source: gRFC A6, with the jitter of its 2023 revision; gRFC A44 for what a route says.
import type { RetryPolicy, UnansweredCause } from '../../xds/model/retry-policy.ts';
import { readStatus, type StatusMemo } from '../grpc/trailers.ts';
import type { HeaderBlock } from '../http2/index.ts';
import { statusOfResponseHead } from './failure.ts';

/** How an attempt failed, before any of its answer went to the client. */
export interface FailedAttempt {
  /** gRPC code: the endpoint's own, or what its reset or silence means. */
  readonly status: number;
  /** HTTP status of an answer that is none of gRPC's; 0 otherwise. */
  readonly httpStatus: number;
  /** Why no answer came; `null`: one did. */
  readonly cause: UnansweredCause | null;
  /** `grpc-retry-pushback-ms`; `null`: none came. */
  readonly pushback: string | null;
}

/** No answer came. */
export function unanswered(status: number, cause: UnansweredCause): FailedAttempt {
  return { status, httpStatus: 0, cause, pushback: null };
}

/** What the head of an answer says, where that is a failure and all of the answer that counts; `null`: it is none. */
export function failedAnswer(block: HeaderBlock, endStream: boolean, memo: StatusMemo): FailedAttempt | null {
  const own = endStream ? readStatus(block, memo) : -1;
  const code = own === -1 ? statusOfResponseHead(block) : own;
  if (code <= 0) return null;
  const pushback = block.value('grpc-retry-pushback-ms');
  return { status: code, httpStatus: own === -1 ? block.digits(':status') : 0, cause: null, pushback };
}

/** Whether another attempt after this failure is within the policy, were there one left. */
export function isRetryable(policy: RetryPolicy, { status, httpStatus, cause }: FailedAttempt): boolean {
  if (cause !== null && policy.unanswered !== 'by-status') return policy.unanswered.includes(cause);
  if (policy.statuses.includes(status)) return true;
  return httpStatus !== 0 && policy.httpStatuses.includes(httpStatus);
}

/**
 * Milliseconds until the next attempt; `null`: the endpoint asks for none.
 * @param attempts made so far: 1 or more.
 * @param random uniform in [0, 1).
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempts: number,
  pushback: string | null,
  random: () => number,
): number | null {
  // Negative or malformed: it must not be tried again.
  if (pushback !== null) return /^[0-9]{1,9}$/.test(pushback) ? Number(pushback) : null;
  const { initialBackoffMs, maxBackoffMs, backoffMultiplier } = policy;
  const base = Math.min(maxBackoffMs, initialBackoffMs * backoffMultiplier ** (attempts - 1));
  return base * (0.8 + 0.4 * random());
}
