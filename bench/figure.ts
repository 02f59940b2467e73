// What one proxy did with one workload in one round.

export interface Figure {
  readonly workload: string;
  readonly proxy: string;
  readonly round: number;
  /** CPU of the proxy's process for each of the workload's units; `null` where there is no proxy. */
  readonly cpuUs: number | null;
  readonly callsPerSecond: number | null;
  readonly meanMs: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly failed: number;
  readonly residentMiB: number | null;
  /** What each connection added to the resident set, for the idle workload. */
  readonly perConnectionKiB: number | null;
}

export type Measure = Exclude<keyof Figure, 'workload' | 'proxy' | 'round' | 'failed'>;
