// What one proxy did with one load in one round.

export interface Figure {
  readonly load: string;
  readonly proxy: string;
  readonly round: number;
  /** How many of the load's units were done. */
  readonly units: number;
  /** CPU of the proxy's process for each unit; `null` where there is no proxy. */
  readonly cpuUs: number | null;
  /** Share of its core that the proxy used. */
  readonly coreShare: number | null;
  readonly callsPerSecond: number | null;
  readonly meanMs: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly failed: number;
  readonly residentMiB: number | null;
  /** What each connection added to the resident set, for idle ones. */
  readonly perConnectionKiB: number | null;
}

export type Measure = Exclude<keyof Figure, 'load' | 'proxy' | 'round' | 'failed' | 'units'>;

/** What a run was, beside its figures. */
export interface RunFacts {
  /** When it began, in ISO 8601. */
  readonly began: string;
  readonly minutes: number;
  readonly machine: string;
  readonly command: string;
  readonly rounds: number;
  /** Whether everything was to be measured, for its full time. */
  readonly isWhole: boolean;
  /** `name version`, of whatever took part. */
  readonly versions: readonly string[];
  /** What was left out, and why. */
  readonly missing: readonly string[];
  /** Cores that other processes kept busy, in each round. */
  readonly foreignCores: readonly number[];
}

/** docs/benchmarks.json. */
export interface RunRecord {
  readonly facts: RunFacts;
  readonly figures: readonly Figure[];
}
