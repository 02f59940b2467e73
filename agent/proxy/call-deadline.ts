// When a call's time is up, and what remains of it for the upstream.
// The client's grpc-timeout counts from the arrival of its HEADERS; a route can only shorten it (design section 7).
import type { CallPolicy } from '../director/decision.ts';
import { formatGrpcTimeout, parseGrpcTimeout } from '../grpc/deadline.ts';
import type { HeaderBlock } from '../http2/index.ts';

/** Where a client's value is written out to be read: longer than any sound one. */
const timeoutText = Buffer.alloc(16);

/**
 * Monotonic ms at which the call is over; `Infinity` when neither client nor route set a limit.
 * @param policy `null` while no route has taken the call.
 */
export function callDeadline(startedMs: number, head: HeaderBlock, policy: CallPolicy | null): number {
  if (policy === null) return startedMs + (clientTimeout(head) ?? Number.POSITIVE_INFINITY);
  let limitMs = asked(head, policy);
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
  head: HeaderBlock,
  inTurn: boolean,
  call: { readonly startedMs: number; readonly deadlineMs: number },
  policy: CallPolicy,
  nowMs: number,
): Uint8Array | null {
  if (call.deadlineMs === Number.POSITIVE_INFINITY) return null;
  const sent = clientTimeout(head);
  const limitMs = call.deadlineMs - call.startedMs;
  if (sent === null && policy.timeoutMs === limitMs) return null;
  if (inTurn && sent !== null && call.startedMs + sent === call.deadlineMs) return null;
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

function asked(head: HeaderBlock, policy: CallPolicy): number {
  const sent = clientTimeout(head);
  if (sent === null) return Number.POSITIVE_INFINITY;
  const cap = policy.grpcTimeoutMaxMs;
  return cap !== null && cap > 0 && cap < sent ? cap : sent;
}

/** `null` when absent or malformed: a malformed one passes through and limits nothing (envoy-behaviours 7.3). */
function clientTimeout(head: HeaderBlock): number | null {
  const length = head.read('grpc-timeout', timeoutText);
  return length === -1 ? null : parseGrpcTimeout(timeoutText, length);
}
