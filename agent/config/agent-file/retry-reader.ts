// `retry` of a route: what gRFC A6 says of retries, in a file.
import type { RetryPolicy } from '../../../xds/model/retry-policy.ts';
import { STATUS_NAMES } from '../../grpc/status.ts';
import type { YamlPlace, YamlReader } from '../yaml-reader.ts';

/** As gRFC A6 has it: more are never made. */
const mostAttempts = 5;
const defaultBackoffMs = 100;
/** Of the longest wait to the first, where it is not said. */
const longestWait = 10;

/** `null` after a problem was noted. */
export function readRetry(reader: YamlReader, place: YamlPlace): RetryPolicy | null {
  const fields = reader.fields(place, ['attempts', 'on', 'backoff', 'max_backoff']);
  if (fields.attempts === undefined) reader.problem(place, 'needs "attempts", the first one included');
  if (fields.on === undefined) reader.problem(place, 'needs "on", the statuses that are tried again');
  const statuses = fields.on === undefined ? [] : reader.items(fields.on).flatMap((item) => readStatus(reader, item));
  if (fields.on !== undefined && reader.isList(fields.on) && reader.items(fields.on).length === 0) {
    reader.problem(fields.on, 'an empty list tries nothing again');
  }
  const maxAttempts = fields.attempts === undefined ? null : reader.integer(fields.attempts, 2, mostAttempts);
  const initialBackoffMs = fields.backoff === undefined ? defaultBackoffMs : reader.durationMs(fields.backoff);
  if (maxAttempts === null || initialBackoffMs === null) return null;
  const maxBackoffMs =
    fields.max_backoff === undefined ? initialBackoffMs * longestWait : (reader.durationMs(fields.max_backoff) ?? 0);
  if (fields.max_backoff !== undefined && maxBackoffMs < initialBackoffMs && maxBackoffMs > 0) {
    reader.problem(fields.max_backoff, 'the longest wait is shorter than the first');
  }
  return {
    maxAttempts,
    initialBackoffMs,
    maxBackoffMs,
    backoffMultiplier: 2,
    statuses,
    httpStatuses: [],
    unanswered: 'by-status',
  };
}

function readStatus(reader: YamlReader, place: YamlPlace): number[] {
  const name = reader.word(place, 'status', STATUS_NAMES.slice(1));
  return name === null ? [] : [STATUS_NAMES.indexOf(name)];
}
