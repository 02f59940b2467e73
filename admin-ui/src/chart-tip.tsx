// What the lines of a chart say at the moment under the pointer.

import type { ChartLine } from './chart-line.ts';
import { shortMethod } from './number-format.ts';

interface Properties {
  readonly left: number;
  readonly width: number;
  readonly second: number;
  readonly index: number;
  readonly lines: readonly ChartLine[];
  readonly format: (value: number | null) => string;
}

/** The widest tip that the style sheet allows, with its margin. */
const widest = 280;
const axisWidth = 56;

export function ChartTip({ left, width, second, index, lines, format }: Properties) {
  const x = left + axisWidth;
  const side = x + widest > width ? { right: `${width - x + 10}px` } : { left: `${x + 10}px` };
  const shown = lines.filter(({ emphasis }) => emphasis === 'strong' || emphasis === 'plain').slice(0, 12);
  return (
    <div class="chart-tip" style={side} aria-hidden="true">
      <p>{second > -1 ? 'now' : `${Math.round(-second)} s ago`}</p>
      {shown.map((line) => (
        <p key={line.key}>
          <span class="swatch" style={{ color: line.colour }} />
          <span>{shortMethod(line.label)}</span>
          <b>{format(line.values[index] ?? null)}</b>
        </p>
      ))}
    </div>
  );
}
