// Upper bounds of the A66 histograms and where a value falls among them.
// Source: gRFC A66, "Metrics", the default bucket boundaries of latency and size histograms.

/** Seconds; a bucket holds what is at most its bound. One more bucket holds the rest. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];

/** Bytes; a bucket holds what is at most its bound. One more bucket holds the rest. */
export const SIZE_BOUNDS_BYTES: readonly number[] = [
  0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296,
];

/** Index of the bucket of `value`: 0 to `bounds.length`. What is not a number counts as 0. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value > (bounds[middle] ?? 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}
