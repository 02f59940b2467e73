// What a load reports of itself.

export interface LoadResult {
  /** Calls, messages, MiB or connections that were done. */
  readonly units: number;
  readonly callsPerSecond: number | null;
  readonly latencyMs: Latency | null;
  readonly failed: number;
  /** Ends what is left open. */
  close?(): void;
}

export interface Latency {
  readonly mean: number;
  /** Percentiles; `null` where the generator does not tell. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}
