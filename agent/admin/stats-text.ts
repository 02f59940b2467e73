// The statistics as lines of `name: value`, for a person with curl.
import { histogramsOf } from '../stats/call-layout.ts';
import type { MergedRow } from '../stats/stats-reader.ts';
import { histogramQuantile } from './histogram-quantile.ts';
import { callLabels, formatLabels } from './prometheus-text.ts';

/** One line a number; a histogram has count, sum, p50 and p99. Only lines that `filter` matches. */
export function formatStats(rows: readonly MergedRow[], filter: RegExp | null): string {
  const lines = rows.flatMap(linesOf).sort();
  return (filter === null ? lines : lines.filter((line) => filter.test(line))).map((line) => `${line}\n`).join('');
}

function linesOf(row: MergedRow): string[] {
  if (row.kind !== 'call') return [`${row.name}${formatLabels(row.labels)}: ${row.values[0] ?? 0}`];
  const labels = formatLabels(callLabels(row.labels));
  return histogramsOf(row).flatMap(({ metric, bounds, start, sum }) => {
    const counts = row.values.subarray(start, start + bounds.length + 1);
    const count = counts.reduce((total, n) => total + n, 0);
    if (count === 0) return [];
    return [
      `${metric}_count${labels}: ${count}`,
      `${metric}_sum${labels}: ${row.values[sum] ?? 0}`,
      `${metric}_p50${labels}: ${histogramQuantile(bounds, counts, 0.5)}`,
      `${metric}_p99${labels}: ${histogramQuantile(bounds, counts, 0.99)}`,
    ];
  });
}
