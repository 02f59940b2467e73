// How the numbers of a `call` row lie in a worker's region: its histograms, one after another. Both sides of the thread
// border read this file: call-stats.ts writes by it, stats-reader.ts and the exposition read by it.
//
//   histogram   one Float64 for each bucket (counts, not cumulative; the last one is everything above the last bound),
//               then one for the sum of the values
//   outbound    attempt duration | attempt sent bytes | attempt received bytes | call duration
//   inbound     call duration | call sent bytes | call received bytes
//
// Labels of a `call` row: `direction`, `method`, `cluster`, `status` (its name). A `counter` or `gauge` row is one Float64.
import { LATENCY_BOUNDS_SECONDS, SIZE_BOUNDS_BYTES } from './histogram-bounds.ts';
import type { StatsRow } from './stats-row.ts';

/** One histogram within a `call` row. */
export interface CallHistogram {
  /** A66 name in Prometheus spelling. */
  readonly metric: string;
  readonly bounds: readonly number[];
  /** Index of the first bucket, from the beginning of the row. */
  readonly start: number;
  /** Index of the sum. */
  readonly sum: number;
}

const LATENCY = LATENCY_BOUNDS_SECONDS;
const SIZE = SIZE_BOUNDS_BYTES;

function layOut(parts: readonly (readonly [metric: string, bounds: readonly number[]])[]): readonly CallHistogram[] {
  let start = 0;
  return parts.map(([metric, bounds]) => {
    const histogram = { metric, bounds, start, sum: start + bounds.length + 1 };
    start = histogram.sum + 1;
    return histogram;
  });
}

export const OUTBOUND_HISTOGRAMS = layOut([
  ['grpc_client_attempt_duration_seconds', LATENCY],
  ['grpc_client_attempt_sent_total_compressed_message_size_bytes', SIZE],
  ['grpc_client_attempt_rcvd_total_compressed_message_size_bytes', SIZE],
  ['grpc_client_call_duration_seconds', LATENCY],
]);

export const INBOUND_HISTOGRAMS = layOut([
  ['grpc_server_call_duration_seconds', LATENCY],
  ['grpc_server_call_sent_total_compressed_message_size_bytes', SIZE],
  ['grpc_server_call_rcvd_total_compressed_message_size_bytes', SIZE],
]);

export const OUTBOUND_LENGTH = lengthOf(OUTBOUND_HISTOGRAMS);
const INBOUND_LENGTH = lengthOf(INBOUND_HISTOGRAMS);

function lengthOf(histograms: readonly CallHistogram[]): number {
  return (histograms.at(-1)?.sum ?? -1) + 1;
}

/** The histograms of a `call` row; empty for any other. */
export function histogramsOf(row: Pick<StatsRow, 'kind' | 'labels'>): readonly CallHistogram[] {
  if (row.kind !== 'call') return [];
  return row.labels['direction'] === 'outbound' ? OUTBOUND_HISTOGRAMS : INBOUND_HISTOGRAMS;
}

/** How many Float64 a row takes. */
export function rowLength(row: Pick<StatsRow, 'kind' | 'labels'>): number {
  if (row.kind !== 'call') return 1;
  return row.labels['direction'] === 'outbound' ? OUTBOUND_LENGTH : INBOUND_LENGTH;
}
