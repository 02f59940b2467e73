// How long to wait before a connection is tried again. Pure: the number of failures and randomness in, milliseconds out.
// Source: grpc/grpc doc/connection-backoff.md.

const INITIAL_MS = 1_000;
const MULTIPLIER = 1.6;
const MAX_MS = 120_000;
const JITTER = 0.2;

/**
 * Milliseconds until the next try: 1 s × 1.6 for each earlier failure, at most 120 s, then spread by ±20 %.
 * @param failures connects in a row that failed before the one that just did; 0 after the first.
 * @param random uniform in [0, 1).
 */
export function connectionBackoffMs(failures: number, random: () => number): number {
  const base = Math.min(MAX_MS, INITIAL_MS * MULTIPLIER ** Math.max(0, failures));
  return base * (1 - JITTER + 2 * JITTER * random());
}
