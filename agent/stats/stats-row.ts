// What one row of the statistics block means. The numbers live in shared memory, the names cross the link once.

/**
 * `call`: A66 histograms of calls (see call-stats.ts for the layout). `counter`: one number that only grows.
 * `gauge`: one number that moves both ways.
 */
export interface StatsRow {
  readonly kind: 'call' | 'counter' | 'gauge';
  /** For counter and gauge: the metric's name in Prometheus spelling. Empty for `call`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Index of the row's first Float64 in the worker's region. */
  readonly offset: number;
}
