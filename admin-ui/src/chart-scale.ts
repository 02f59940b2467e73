// How high a chart reaches. A scale that follows every value makes all lines jump; this one grows at once and shrinks
// only when much of it stands empty.

export type ChartScale = 'linear' | 'logarithmic';
export type ChartRange = readonly [min: number, max: number];

const emptyRange: Readonly<Record<ChartScale, ChartRange>> = { linear: [0, 5], logarithmic: [0.1, 100] };

/** The range for `values`, given the one before. Linear starts at 0; logarithmic spans whole powers of ten. */
export function nextRange(
  scale: ChartScale,
  values: readonly (number | null | undefined)[],
  before: ChartRange | null,
): ChartRange {
  const known = values.filter((value) => typeof value === 'number' && value > 0) as number[];
  if (known.length === 0) return before ?? emptyRange[scale];
  const highest = known.reduce((a, b) => Math.max(a, b));
  if (scale === 'logarithmic') {
    const lowest = known.reduce((a, b) => Math.min(a, b));
    const min = 10 ** Math.floor(Math.log10(lowest));
    return [min, Math.max(10 ** Math.ceil(Math.log10(highest)), min * 100)];
  }
  const max = roundUp(highest * 1.1);
  if (before !== null && max < before[1] && highest > before[1] * 0.4) return before;
  return [0, max];
}

/** The next of 1, 2, 4, 5, 8 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 5, 8, 10].find((each) => each * power >= value * 0.9999) ?? 10;
  return step * power;
}
