// Lines over the last two minutes. The axes stand still: time is measured back from now, and the height of the scale
// moves only when the values leave it by much.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type ColourResolver, useColourResolver } from './chart-colours.ts';
import type { ChartLine } from './chart-line.ts';
import { type ChartScale, nextRange } from './chart-scale.ts';
import { ChartTip } from './chart-tip.tsx';
import { useElementWidth } from './element-width.ts';
import './styles/chart.css';

interface Properties {
  readonly label: string;
  /** Seconds before now, ascending to 0: `-119, …, -1, 0`. */
  readonly seconds: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly scale: ChartScale;
  readonly format: (value: number | null) => string;
}

const height = 190;
const spanSeconds = 120;
const font = '11px system-ui, sans-serif';
const opacity = { strong: 1, plain: 1, faint: 0.25, hidden: 0 } as const;

export function TimeChart({ label, seconds, lines, scale, format }: Properties) {
  const [frame, width] = useElementWidth<HTMLDivElement>();
  const canvas = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const resolve = useColourResolver();
  // The chart reads these when it draws; making it anew for every changed colour or value would flicker.
  const latest = useRef({ lines, resolve });
  latest.current = { lines, resolve };
  const [cursor, setCursor] = useState<{ readonly index: number; readonly left: number } | null>(null);
  const keys = lines.map(({ key }) => key).join('\n');
  const hasValues = lines.some(({ values }) => values.some((value) => value !== null && value > 0));
  const data = useMemo(() => toData(seconds, lines), [seconds, lines]);

  useLayoutEffect(() => {
    if (canvas.current === null || width === 0) return;
    const options = describeChart(width, latest, scale, format, ({ cursor: { idx, left } }) =>
      setCursor(idx === null || idx === undefined || left === undefined || left < 0 ? null : { index: idx, left }),
    );
    const made = new uPlot(options, data, canvas.current);
    chart.current = made;
    return () => {
      chart.current = null;
      made.destroy();
    };
  }, [keys, width === 0, scale, format]);

  useEffect(() => {
    if (width > 0) chart.current?.setSize({ width, height });
  }, [width]);

  useEffect(() => {
    for (const [index, line] of lines.entries()) {
      const series = chart.current?.series[index + 1];
      if (series === undefined) continue;
      series.alpha = opacity[line.emphasis];
      series.width = line.emphasis === 'strong' ? 2 : 1.5;
    }
    chart.current?.setData(data);
  }, [data, lines, resolve]);

  return (
    <div class="chart" ref={frame} style={{ minHeight: `${height}px` }}>
      <div ref={canvas} role="img" aria-label={label} />
      {!hasValues && <p class="chart-empty">No calls yet</p>}
      {hasValues && cursor !== null && (
        <ChartTip
          left={cursor.left}
          width={width}
          second={seconds[cursor.index] ?? 0}
          lines={lines}
          index={cursor.index}
          format={format}
        />
      )}
    </div>
  );
}

function toData(seconds: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData {
  return [[...seconds], ...lines.map(({ values }) => [...values])];
}

function describeChart(
  width: number,
  latest: { readonly current: { readonly lines: readonly ChartLine[]; readonly resolve: ColourResolver } },
  scale: ChartScale,
  format: (value: number | null) => string,
  onCursor: (chart: uPlot) => void,
): uPlot.Options {
  const colour = (css: string) => () => latest.current.resolve(css);
  const grid = { stroke: colour('var(--line-soft)'), width: 1 };
  const axis = { stroke: colour('var(--ink-3)'), font, grid, ticks: { show: false } };
  let range: readonly [number, number] | null = null;
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    hooks: { setCursor: [onCursor] },
    scales: {
      x: { time: false, range: [-spanSeconds, 0] },
      y: {
        distr: scale === 'logarithmic' ? 3 : 1,
        range: (chart) => {
          const visible = chart.data
            .slice(1)
            .flatMap((values, index) => (latest.current.lines[index]?.emphasis === 'hidden' ? [] : [...values]));
          range = nextRange(scale, visible, range);
          return [...range];
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 24,
        gap: 6,
        splits: [-120, -90, -60, -30, 0],
        values: (_, splits) => splits.map((second) => (second === 0 ? 'now' : `${-second} s`)),
      },
      {
        ...axis,
        size: 56,
        gap: 6,
        ...(scale === 'logarithmic' && {
          splits: (_: uPlot, __: number, min: number, max: number) => decades(min, max),
        }),
        values: (_, splits) => splits.map((value) => format(value)),
      },
    ],
    series: [
      {},
      ...latest.current.lines.map(({ key, dashed }, index): uPlot.Series => {
        const stroke = () => latest.current.resolve(latest.current.lines[index]?.colour ?? 'transparent');
        return { label: key, stroke, points: { show: false }, spanGaps: true, ...(dashed && { dash: [3, 3] }) };
      }),
    ],
  };
}

function decades(min: number, max: number): number[] {
  const all: number[] = [];
  for (let value = min; value <= max * 1.001; value *= 10) all.push(value);
  return all;
}
