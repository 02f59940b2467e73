// Whether memory is flat: a straight line through what was measured after collections, the beginning left out. Pure.

export interface MemorySample {
  readonly ms: number;
  readonly bytes: number;
}

export interface MemoryTrend {
  readonly firstBytes: number;
  readonly lastBytes: number;
  readonly bytesPerMinute: number;
  /** By the line, over the time that it covers. */
  readonly growthBytes: number;
}

/** Pools, tables and compiled code grow to their size in the first part of a run. */
const warmUpShare = 0.3;

/** By least squares. Throws where fewer than two samples are left. */
export function memoryTrend(samples: readonly MemorySample[]): MemoryTrend {
  const settled = samples.slice(Math.floor(samples.length * warmUpShare));
  const [first] = settled;
  const last = settled.at(-1);
  if (first === undefined || last === undefined || first === last) throw new RangeError('too few samples for a trend');
  const meanMs = mean(settled.map(({ ms }) => ms));
  const meanBytes = mean(settled.map(({ bytes }) => bytes));
  let covariance = 0;
  let variance = 0;
  for (const { ms, bytes } of settled) {
    covariance += (ms - meanMs) * (bytes - meanBytes);
    variance += (ms - meanMs) ** 2;
  }
  const slope = covariance / variance;
  return {
    firstBytes: first.bytes,
    lastBytes: last.bytes,
    bytesPerMinute: slope * 60_000,
    growthBytes: slope * (last.ms - first.ms),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
