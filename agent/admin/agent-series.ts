// The statistics of one agent over time, from one look at it a second: what it counted since the mesh began, through
// every restart of the agent, and what it counted in the last few seconds.
import type { MergedRow } from '../stats/stats-reader.ts';

/** What was counted in a span of time: rows whose values are differences. */
export interface RecentCounts {
  /** 0 until there were two looks. */
  readonly seconds: number;
  readonly rows: readonly MergedRow[];
}

interface Sample {
  readonly atMs: number;
  readonly totals: ReadonlyMap<string, MergedRow>;
}

export class AgentSeries {
  readonly #windowMs: number;
  /** Oldest first; the first one is the last that is older than the window. */
  #samples: Sample[] = [];
  /** As the agent last told them. */
  #latest: readonly MergedRow[] = [];
  #last = new Map<string, Float64Array>();
  #startTime = Number.NaN;
  #silent = false;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** `rows` as the agent tells them; `null` where it did not answer. */
  sample(atMs: number, rows: readonly MergedRow[] | null): void {
    const totals = new Map(this.#samples.at(-1)?.totals);
    if (rows === null) {
      this.#silent = true;
    } else {
      // What it counted while nobody looked would show as a burst.
      if (this.#silent) this.#samples = [];
      this.#silent = false;
      this.#addTo(totals, rows);
      this.#latest = rows;
    }
    this.#samples.push({ atMs, totals });
    while ((this.#samples[1]?.atMs ?? atMs) <= atMs - this.#windowMs) this.#samples.shift();
  }

  /** As the agent last told them, gauges and all. */
  latest(): readonly MergedRow[] {
    return this.#latest;
  }

  /** Counters and calls since the mesh began; they only grow. */
  totals(): MergedRow[] {
    return [...(this.#samples.at(-1)?.totals.values() ?? [])];
  }

  recent(): RecentCounts {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined) return { seconds: 0, rows: [] };
    const rows = Array.from(last.totals, ([key, row]) => {
      const before = first.totals.get(key)?.values;
      return { ...row, values: row.values.map((value, i) => value - (before?.[i] ?? 0)) };
    });
    return { seconds: (last.atMs - first.atMs) / 1000, rows };
  }

  #addTo(totals: Map<string, MergedRow>, rows: readonly MergedRow[]): void {
    const startTime = rows.find((row) => row.name === 'process_start_time_seconds')?.values[0] ?? Number.NaN;
    // Another process begins to count at zero.
    if (startTime !== this.#startTime) this.#last = new Map();
    this.#startTime = startTime;
    for (const row of rows) {
      if (row.kind === 'gauge') continue;
      const key = JSON.stringify([row.kind, row.name, Object.values(row.labels)]);
      const last = this.#last.get(key);
      const total = totals.get(key)?.values;
      const values = row.values.map((value, i) => (total?.[i] ?? 0) + Math.max(0, value - (last?.[i] ?? 0)));
      totals.set(key, { ...row, values });
      this.#last.set(key, row.values);
    }
  }
}
