// envoy.config.route.v3.RetryPolicy -> RetryPolicy. `retry_on` is a list of words, each of a cause; those we don't know
// are passed over, as gRFC A44 has it.
import { type RetryPolicy, type UnansweredCause, unansweredCauses } from '../model/retry-policy.ts';
import type { RetryPolicyMessage } from './route-messages.ts';
import { decodeDuration } from './scalars.ts';
import type { Scope } from './validation.ts';

/** gRPC codes by their words (`retry_grpc_on` of Envoy's router). */
const grpcCauses: ReadonlyMap<string, number> = new Map([
  ['cancelled', 1],
  ['deadline-exceeded', 4],
  ['internal', 13],
  ['resource-exhausted', 8],
  ['unavailable', 14],
]);

/** HTTP statuses by their words. */
const httpCauses: ReadonlyMap<string, readonly number[]> = new Map([
  ['5xx', Array.from({ length: 100 }, (_, i) => 500 + i)],
  ['gateway-error', [502, 503, 504]],
  ['retriable-4xx', [409]],
]);

/** Words that take in calls without an answer. */
const unansweredBy: ReadonlyMap<string, readonly UnansweredCause[]> = new Map<string, readonly UnansweredCause[]>([
  ['5xx', unansweredCauses],
  ['gateway-error', unansweredCauses],
  ['reset', unansweredCauses],
  ['connect-failure', ['unconnected']],
  ['refused-stream', ['refused']],
]);

const defaultBackoffMs = 25;
/** Of Envoy, when `max_interval` is not set: this many times the first one. */
const defaultBackoffRange = 10;

/** `null` where nothing would be retried, or after a problem was noted. */
export function decodeRetryPolicy(message: RetryPolicyMessage | null, scope: Scope): RetryPolicy | null {
  if (message === null) return null;
  const words = message.retry_on.split(',').map((word) => word.trim());
  const unknown = words.filter((word) => word !== '' && !isKnown(word));
  if (unknown.length > 0) scope.at('retry_on').unsupported(`not looked at: ${unknown.join(', ')}`);
  reportUnsupported(message, scope);
  const retries = message.num_retries?.value ?? 1;
  const backoff = decodeBackoff(message, scope.at('retry_back_off'));
  const httpStatuses = words.flatMap((word) => httpCauses.get(word) ?? []);
  if (words.includes('retriable-status-codes')) httpStatuses.push(...message.retriable_status_codes);
  const unanswered = unansweredCauses.filter((cause) => words.some((word) => unansweredBy.get(word)?.includes(cause)));
  const policy: RetryPolicy = {
    maxAttempts: retries + 1,
    ...backoff,
    statuses: words.flatMap((word) => grpcCauses.get(word) ?? []),
    httpStatuses: [...new Set(httpStatuses)],
    unanswered,
  };
  const isIdle = policy.statuses.length + policy.httpStatuses.length + unanswered.length === 0;
  return isIdle || retries === 0 ? null : policy;
}

function isKnown(word: string): boolean {
  return grpcCauses.has(word) || httpCauses.has(word) || unansweredBy.has(word) || word === 'retriable-status-codes';
}

function decodeBackoff({ retry_back_off: backoff }: RetryPolicyMessage, scope: Scope) {
  const base = decodeDuration(backoff?.base_interval ?? null, scope.at('base_interval'));
  const max = decodeDuration(backoff?.max_interval ?? null, scope.at('max_interval'));
  if (backoff !== null && base === null) scope.at('base_interval').fail('required');
  if (base === 0) scope.at('base_interval').fail('must be above 0');
  if (max !== null && base !== null && max < base) scope.at('max_interval').fail('must not be below base_interval');
  const initialBackoffMs = base ?? defaultBackoffMs;
  return { initialBackoffMs, maxBackoffMs: max ?? initialBackoffMs * defaultBackoffRange, backoffMultiplier: 2 };
}

function reportUnsupported(message: RetryPolicyMessage, scope: Scope): void {
  if (message.per_try_timeout !== null) scope.at('per_try_timeout').unsupported('attempts have no time of their own');
  if (message.per_try_idle_timeout !== null) {
    scope.at('per_try_idle_timeout').unsupported('attempts have no time of their own');
  }
  if (message.retry_priority !== null) scope.at('retry_priority').unsupported('priorities are chosen as ever');
  if (message.retry_host_predicate.length > 0) {
    scope.at('retry_host_predicate').unsupported('endpoints are chosen as ever');
  }
  if (message.retriable_headers.length > 0) scope.at('retriable_headers').unsupported('headers are not looked at');
  if (message.retriable_request_headers.length > 0) {
    scope.at('retriable_request_headers').unsupported('headers are not looked at');
  }
  if (message.rate_limited_retry_back_off !== null) {
    scope.at('rate_limited_retry_back_off').unsupported('only grpc-retry-pushback-ms is looked at');
  }
}
