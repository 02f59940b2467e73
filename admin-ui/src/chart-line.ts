// One line of a chart over time.

export interface ChartLine {
  readonly key: string;
  readonly label: string;
  /** Aligned with the chart's seconds; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** Any CSS colour, custom properties included. */
  readonly colour: string;
  readonly emphasis: 'strong' | 'plain' | 'faint' | 'hidden';
  readonly dashed: boolean;
}
