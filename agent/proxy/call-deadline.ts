// When a call's time is up, and what remains of it for the upstream.
// The client's grpc-timeout counts from the arrival of its HEADERS; a route can only shorten it (design section 7).
import type { CallPolicy } from '../director/decision.ts';
import { formatGrpcTimeout, parseGrpcTimeout } from '../grpc/deadline.ts';
import type { HeaderBlock } from '../http2/index.ts';

/** Where a client's value is written out to be read: longer than any sound one. */
const timeoutText = Buffer.alloc(16);

/**
 * What the client allows, ms. `null` when absent or malformed: a malformed one passes through and limits nothing
 * (envoy-behaviours 7.3).
 */
export function clientTimeout(head: HeaderBlock): number | null {
  const length = head.read('grpc-timeout', timeoutText);
  return length === -1 ? null : parseGrpcTimeout(timeoutText, length);
}

/**
 * Monotonic ms at which the call is over; `Infinity` when neither client nor route set a limit.
 * @param sentMs what the client allows.
 * @param policy `null` while no route has taken the call.
 */
export function callDeadline(startedMs: number, sentMs: number | null, policy: CallPolicy | null): number {
  if (policy === null) return startedMs + (sentMs ?? Number.POSITIVE_INFINITY);
  let limitMs = asked(sentMs, policy);
  if (policy.timeoutMs !== null && policy.timeoutMs < limitMs) limitMs = policy.timeoutMs;
  const stream = policy.maxStreamDurationMs;
  if (stream !== null && stream > 0 && stream < limitMs) limitMs = stream;
  return startedMs + limitMs;
}

/**
 * The `grpc-timeout` to send upstream, or `null` when what the client sent passes as it is: it is the whole truth in the
 * turn it arrived in (`inTurn`), unless the route lowered it. Envoy adds none for a route's `timeout` alone; nor do we.
 */
export function requestTimeout(
  sentMs: number | null,
  inTurn: boolean,
  call: { readonly startedMs: number; readonly deadlineMs: number },
  policy: CallPolicy,
  nowMs: number,
): Uint8Array | null {
  if (call.deadlineMs === Number.POSITIVE_INFINITY) return null;
  const limitMs = call.deadlineMs - call.startedMs;
  if (sentMs === null && policy.timeoutMs === limitMs) return null;
  if (inTurn && sentMs !== null && call.startedMs + sentMs === call.deadlineMs) return null;
  return formatGrpcTimeout(call.deadlineMs - nowMs);
}

/** What the reader of a DEADLINE_EXCEEDED wants to know: where the time went. */
export function deadlineMessage(cluster: string, endpoint: string, sent: boolean, waitedMs: number): string {
  const after = `deadline exceeded after ${(waitedMs / 1000).toFixed(3)} s`;
  if (endpoint === '') return `${after}, before an endpoint was chosen`;
  return sent
    ? `${cluster}: ${after}, waiting for ${endpoint} to answer`
    : `${cluster}: ${after}, connecting to ${endpoint}`;
}

function asked(sentMs: number | null, policy: CallPolicy): number {
  if (sentMs === null) return Number.POSITIVE_INFINITY;
  const cap = policy.grpcTimeoutMaxMs;
  return cap !== null && cap > 0 && cap < sentMs ? cap : sentMs;
}
