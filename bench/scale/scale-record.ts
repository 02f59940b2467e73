// What a large configuration cost the agent: docs/scale.json.

export interface ScaleRecord {
  readonly began: string;
  /** How many cores other processes kept busy when it began; `null`: none. */
  readonly busyCores: number | null;
  readonly clusters: number;
  readonly endpoints: number;
  readonly routes: number;
  /** From when the control plane has it until a call reaches the last cluster. */
  readonly appliedSeconds: { readonly delta: number; readonly sotw: number };
  /** From a change of one endpoint until the first connection to the new one: median of some. */
  readonly changeMs: { readonly delta: number; readonly sotw: number };
  /** Of calls in flight, open loop: with nothing else to do, and from the push on. */
  readonly p99Ms: { readonly quiet: number; readonly push: number };
  readonly residentMiB: { readonly small: number; readonly large: number };
  readonly perEndpointKiB: number;
  readonly perClusterKiB: number;
}

interface ScaleBar {
  readonly what: string;
  readonly most: number;
  readonly unit: string;
  figure(record: ScaleRecord): number;
}

const bars: readonly ScaleBar[] = [
  { what: 'applied whole, delta', most: 10, unit: 's', figure: ({ appliedSeconds }) => appliedSeconds.delta },
  {
    what: 'applied whole, state of the world',
    most: 10,
    unit: 's',
    figure: ({ appliedSeconds }) => appliedSeconds.sotw,
  },
  { what: 'one endpoint changed, delta', most: 20, unit: 'ms', figure: ({ changeMs }) => changeMs.delta },
  { what: 'one endpoint changed, state of the world', most: 1000, unit: 'ms', figure: ({ changeMs }) => changeMs.sotw },
  {
    what: 'p99 of calls in flight during the push, against a quiet time',
    most: 2,
    unit: 'x',
    figure: ({ p99Ms }) => p99Ms.push / p99Ms.quiet,
  },
  { what: 'memory of an endpoint', most: 1, unit: 'KiB', figure: ({ perEndpointKiB }) => perEndpointKiB },
  { what: 'memory of a cluster with its route', most: 20, unit: 'KiB', figure: ({ perClusterKiB }) => perClusterKiB },
];

/** The section of docs/benchmarks.md. */
export function formatScale(record: ScaleRecord): string[] {
  const { clusters, routes, endpoints, p99Ms, residentMiB, busyCores } = record;
  const count = (value: number): string => value.toLocaleString('en-US');
  return [
    `## ${count(clusters)} clusters, ${count(routes)} routes, ${count(endpoints)} endpoints`,
    '',
    `\`npm run bench:scale\` (${record.began.slice(0, 10)}): figures of one run, in [scale.json](scale.json). The control plane is`,
    'go-control-plane, whose own work shares both cores with the agent, which carries 2,000 calls a second meanwhile: delta',
    'by its linear cache, state of the world by its snapshot cache.',
    ...(busyCores === null
      ? []
      : [
          `Other processes kept ${busyCores.toFixed(1)} cores busy when it began, so these figures are only indicative.`,
        ]),
    '',
    '| bar | at most | figure | |',
    '|---|---|---|---|',
    ...bars.map(({ what, most, unit, figure }) => {
      const value = figure(record);
      const verdict = value <= most ? 'met' : '**missed**';
      return `| ${what} | ${most} ${unit} | ${value.toFixed(2)} ${unit} | ${verdict} |`;
    }),
    '',
    `p99 ${p99Ms.quiet.toFixed(2)} ms in a quiet time, ${p99Ms.push.toFixed(2)} ms in the five seconds from the push on; resident`,
    `${residentMiB.small.toFixed(0)} MiB before the push, ${residentMiB.large.toFixed(0)} MiB after it.`,
    '',
  ];
}

/** A report with that section in place of its former one, or behind what it has. */
export function withScale(report: string, record: ScaleRecord): string {
  const section = formatScale(record);
  const lines = report.trimEnd().split('\n');
  const from = lines.findIndex((line) => /^## [\d,]+ clusters, [\d,]+ routes, [\d,]+ endpoints$/.test(line));
  if (from === -1) return [...lines, '', ...section].join('\n');
  const length = lines.slice(from + 1).findIndex((line) => line.startsWith('## '));
  const behind = length === -1 ? [] : lines.slice(from + 1 + length);
  return `${[...lines.slice(0, from), ...section, ...behind].join('\n').trimEnd()}\n`;
}
