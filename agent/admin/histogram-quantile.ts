// A quantile of a histogram, as near as its buckets tell.

/**
 * `counts`: one for each bucket, not cumulative, the last above the last bound. Linear within a bucket, as Prometheus'
 * `histogram_quantile` has it; null where nothing was counted, the last bound where the answer lies above it.
 */
export function histogramQuantile(
  bounds: readonly number[],
  counts: ArrayLike<number>,
  quantile: number,
): number | null {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] ?? 0;
  if (total <= 0) return null;
  const rank = quantile * total;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    const count = counts[i] ?? 0;
    if (count > 0 && below + count >= rank) {
      const upper = bounds[i] ?? 0;
      const lower = bounds[i - 1] ?? 0;
      return lower + ((upper - lower) * (rank - below)) / count;
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}
