// docs/benchmarks.md, made from the figures of one run: a table for each workload, and how it was made.
import type { Figure, Measure } from './figure.ts';
import { median } from './machine.ts';
import type { Workload } from './workloads.ts';

export interface RunFacts {
  readonly machine: string;
  readonly command: string;
  readonly rounds: number;
  /** `name version` of each proxy that has one. */
  readonly versions: readonly string[];
  /** What was left out, and why. */
  readonly missing: readonly string[];
}

const measures: readonly (readonly [measure: Measure, title: string, digits: number])[] = [
  ['cpuUs', 'CPU per %, us', 2],
  ['callsPerSecond', 'calls/s', 0],
  ['meanMs', 'mean, ms', 3],
  ['p50Ms', 'p50, ms', 2],
  ['p99Ms', 'p99, ms', 2],
  ['p999Ms', 'p99.9, ms', 2],
  ['perConnectionKiB', 'KiB per connection', 1],
  ['residentMiB', 'resident, MiB', 0],
];

export function formatReport(figures: readonly Figure[], workloads: readonly Workload[], facts: RunFacts): string {
  return [
    '# Benchmarks',
    '',
    `Made by \`${facts.command}\`; the figures of each round are in [benchmarks.json](benchmarks.json).`,
    '',
    'Each proxy has one worker and a core of its own; load generator and the two endpoints share the other. Messages are',
    'of 100 bytes where nothing else is said. Outrigger takes listener, routes, cluster and endpoints from a control plane',
    'over xDS, and keeps its metrics; no call is sampled. `direct` has no proxy; `tcp pipe` copies bytes in Node and',
    `understands none of them: the floor. Medians of ${facts.rounds} rounds, in which the proxies take turns; in brackets the`,
    'least and the most. CPU is of the whole process, user and system. node:http2 and grpc-js are given a fifth of the',
    'calls, since they need ten times as long.',
    '',
    `Machine: ${facts.machine}. Versions: ${facts.versions.join(', ')}.`,
    '',
    ...facts.missing.map((line) => `- Not measured: ${line}`),
    '',
    '![CPU of each proxy, relative to the least of them](benchmarks.svg)',
    '',
    ...workloads.flatMap((workload) => tableOf(figures, workload)),
    'Absolute figures are of that machine and that hour; quote the ratios.',
    '',
  ].join('\n');
}

function tableOf(figures: readonly Figure[], { name, title, unit }: Workload): string[] {
  const own = figures.filter(({ workload }) => workload === name);
  if (own.length === 0) return [];
  const shown = measures.filter(([measure]) => own.some((figure) => figure[measure] !== null));
  const rows = [...new Set(own.map(({ proxy }) => proxy))].map((proxy) => {
    const mine = own.filter((figure) => figure.proxy === proxy);
    const cells = shown.map(([measure, , digits]) => cellOf(mine, measure, digits));
    return `| ${proxy} | ${cells.join(' | ')} | ${mine.reduce((sum, { failed }) => sum + failed, 0)} |`;
  });
  return [
    `## ${title}`,
    '',
    `\`--workload ${name}\``,
    '',
    `| proxy | ${shown.map(([, column]) => column.replace('%', unit)).join(' | ')} | failed |`,
    `|---|${'---|'.repeat(shown.length + 1)}`,
    ...rows,
    '',
  ];
}

function cellOf(figures: readonly Figure[], measure: Measure, digits: number): string {
  const values = valuesOf(figures, measure);
  if (values.length === 0) return '';
  const middle = median(values).toFixed(digits);
  if (values.length === 1 || measure !== 'cpuUs') return middle;
  return `${middle} (${Math.min(...values).toFixed(digits)}-${Math.max(...values).toFixed(digits)})`;
}

export function valuesOf(figures: readonly Figure[], measure: Measure): number[] {
  return figures.flatMap((figure) => figure[measure] ?? []);
}
