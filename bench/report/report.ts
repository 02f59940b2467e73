// docs/benchmarks.md, made from the record of one run: what is claimed and against whom, the bars, how to repeat it, and
// a table for each load.
import type { Figure, Measure, RunFacts, RunRecord } from '../figure.ts';
import { formatScale, type ScaleRecord } from '../scale/scale-record.ts';
import type { Load } from '../workloads.ts';
import { BARS, type BarResult, judge } from './bars.ts';
import { median, type Spread } from './statistics.ts';

type Column = readonly [measure: Measure, title: string, digits: number];

const measures: readonly Column[] = [
  ['cpuUs', 'CPU per %, us', 2],
  ['coreShare', 'of its core', 2],
  ['callsPerSecond', 'calls/s', 0],
  ['meanMs', 'mean, ms', 3],
  ['p50Ms', 'p50, ms', 2],
  ['p99Ms', 'p99, ms', 2],
  ['p999Ms', 'p99.9, ms', 2],
  ['perConnectionKiB', 'KiB per connection', 1],
  ['residentMiB', 'resident, MiB', 0],
];

/** The columns of the first table. */
const summary: readonly (readonly [load: string, measure: Measure, title: string, digits: number])[] = [
  ['10x50', 'cpuUs', '10 x 50, us', 1],
  ['4x8', 'cpuUs', '4 x 8, us', 1],
  ['100x1', 'cpuUs', '100 x 1, us', 1],
  ['1x1', 'meanMs', '1 x 1, latency in ms', 3],
  ['fresh-grpc-go', 'cpuUs', 'fresh headers, us', 1],
  ['tls', 'cpuUs', 'TLS, us', 1],
  ['stream', 'cpuUs', 'streamed KiB, us', 2],
  ['mib-down', 'cpuUs', 'MiB down, us', 0],
  ['mib-up', 'cpuUs', 'MiB up, us', 0],
  ['open-5000', 'p99Ms', 'p99 at 5,000/s, ms', 2],
  ['idle', 'perConnectionKiB', 'idle connection, KiB', 0],
  ['10x50', 'residentMiB', 'resident, MiB', 0],
];

/** `loads`: in the order in which their tables stand. `scale`: what a large configuration cost, where that was measured. */
export function formatReport({ facts, figures }: RunRecord, loads: readonly Load[], scale: ScaleRecord | null): string {
  const results = BARS.map((bar) => judge(bar, figures));
  return [
    '# Benchmarks',
    '',
    `Made by \`npm run bench\` (${facts.began.slice(0, 10)}); do not edit. Each round's figures: [benchmarks.json](benchmarks.json).`,
    'Where the time goes: [performance.md](performance.md).',
    '',
    ...claimOf(figures),
    ...summaryOf(figures),
    'CPU is of the proxy, for each call, message or MiB; empty: not measured. Outrigger has on what its users have on:',
    'routes, clusters and endpoints over xDS, metrics, one call in a hundred traced. The others have no access log and no',
    'tracing. `direct` has no proxy; `tcp pipe` copies bytes in Node and understands none of them: the floor.',
    '',
    '![CPU of each proxy as a multiple of Outrigger’s](benchmarks.svg)',
    '',
    '## Bars',
    '',
    `What Outrigger is held to. ${tally(results)} A ratio is taken within each round; the figure is their median, in brackets the`,
    'least and the most. Within the spread: some round met it, the median does not.',
    '',
    '| bar | at most | figure | |',
    '|---|---|---|---|',
    ...results.map(barRow),
    '',
    ...(scale === null ? [] : formatScale(scale)),
    ...methodOf(facts),
    ...loads.flatMap((load) => tableOf(figures, load)),
    'Absolute figures are of that machine and that hour; quote the ratios.',
    '',
  ].join('\n');
}

function claimOf(figures: readonly Figure[]): string[] {
  const cpuOf = (proxy: string): number => middleOf(figures, '10x50', proxy, 'cpuUs');
  const own = cpuOf('outrigger');
  if (Number.isNaN(own)) return [];
  const others = ['nghttpx', 'haproxy', 'envoy', 'node:http2', 'grpc-proxy (Go)'].filter((proxy) => cpuOf(proxy) > 0);
  const list = others.map((proxy) => `${proxy} ${cpuOf(proxy).toFixed(1)} (${(cpuOf(proxy) / own).toFixed(1)}x)`);
  return [
    `A unary gRPC call through Outrigger costs ${own.toFixed(1)} us of CPU, with 10 connections x 50 streams; through`,
    `${list.join(', ')}, in the same run.`,
    '',
  ];
}

function summaryOf(figures: readonly Figure[]): string[] {
  const columns = summary.filter(([load]) => figures.some((figure) => figure.load === load));
  const proxies = proxiesOf(figures).filter((proxy) => !proxy.includes(','));
  const rows = proxies.map((proxy) => {
    const cells = columns.map(([load, measure, , digits]) => number(middleOf(figures, load, proxy, measure), digits));
    return `| ${proxy} | ${cells.join(' | ')} |`;
  });
  return [
    `| | ${columns.map(([, , title]) => title).join(' | ')} |`,
    `|---|${'---|'.repeat(columns.length)}`,
    ...rows,
    '',
  ];
}

function tally(results: readonly BarResult[]): string {
  const count = (verdict: BarResult['verdict']): number =>
    results.filter((result) => result.verdict === verdict).length;
  const parts = (['met', 'within the spread', 'missed', 'not measured'] as const)
    .filter((verdict) => count(verdict) > 0)
    .map((verdict) => `${count(verdict)} ${verdict}`);
  return `Of ${results.length}: ${parts.join(', ')}.`;
}

function barRow({ bar, against, figure, verdict }: BarResult): string {
  const [suffix, digits] = bar.reference.kind === 'absolute' ? [` ${bar.reference.unit}`, 1] : ['x', 3];
  const whom = against === null ? '' : `, against ${against}`;
  const cell = figure === null ? '' : spread(figure, digits, suffix);
  const name = verdict === 'missed' ? '**missed**' : verdict;
  return `| ${bar.what}${whom} | ${bar.most.toFixed(digits)}${suffix} | ${cell} | ${name} |`;
}

function spread({ median: middle, least, most }: Spread, digits: number, suffix = ''): string {
  return `${middle.toFixed(digits)}${suffix} (${least.toFixed(digits)}-${most.toFixed(digits)})`;
}

function methodOf(facts: RunFacts): string[] {
  const foreign = facts.foreignCores.map((cores) => cores.toFixed(2)).join(', ');
  return [
    '## How it was made, and how to repeat it',
    '',
    '```sh',
    'apt-get install nghttp2-client nghttp2-server nghttp2-proxy haproxy nginx openssl util-linux',
    'npm run peers      # the proxy in Go, where Go is',
    facts.command,
    'npm run bench -- --workload 10x50 --rounds 1 --scale 0.5      # a short look; writes nothing here',
    '```',
    '',
    `${facts.rounds} rounds, ${facts.minutes.toFixed(0)} minutes. Machine: ${facts.machine}.`,
    `Versions: ${facts.versions.join(', ')}. Cores that other processes kept busy meanwhile, by round: ${foreign}.`,
    '',
    '- Each proxy has one worker and core 0 to itself; the load generator and the two endpoints share core 1. In each round',
    '  the proxies take turns in each workload, and each is started anew and warmed up. Figures are medians of the rounds.',
    '- CPU is of the whole process, user and system, all threads, GC included, from the scheduler’s own count.',
    '- Unary calls carry 100 bytes both ways. h2load makes them; our own generator (`bench/load/raw-load.ts`) makes those with',
    '  fresh headers, encoded as grpc-go and C-core encode them, and the open loop, where latency counts from when a call',
    '  was due. The endpoint answers as grpc-go does (`bench/endpoints/unary-endpoint.ts`).',
    '- 20, 50 and 80 % are of the calls per second that the closed loop with fresh headers got through the same proxy in the',
    '  same round. Where the proxy did not use its core whole in it, the load generator was the limit, so that the share is',
    '  one of what this machine can ask for. The fixed rate is the same for all.',
    '- The configurations of the others, with a comment on each setting, are in `bench/proxies/`.',
    ...facts.missing.map((line) => `- Not measured: ${line}`),
    '',
  ];
}

function tableOf(figures: readonly Figure[], { name, title, unit }: Load): string[] {
  const own = figures.filter(({ load }) => load === name);
  if (own.length === 0) return [];
  const shown = measures.filter(([measure]) => own.some((figure) => figure[measure] !== null));
  const rows = proxiesOf(own).map((proxy) => {
    const mine = own.filter((figure) => figure.proxy === proxy);
    const cells = shown.map(([measure, , digits]) => cellOf(mine, measure, digits));
    return `| ${proxy} | ${cells.join(' | ')} | ${mine.reduce((sum, { failed }) => sum + failed, 0)} |`;
  });
  return [
    `## ${title}`,
    '',
    `\`${name}\``,
    '',
    `| | ${shown.map(([, column]) => column.replace('%', unit)).join(' | ')} | failed |`,
    `|---|${'---|'.repeat(shown.length + 1)}`,
    ...rows,
    '',
  ];
}

function cellOf(figures: readonly Figure[], measure: Measure, digits: number): string {
  const values = valuesOf(figures, measure);
  if (values.length < 2 || measure !== 'cpuUs') return number(median(values), digits);
  return spread({ median: median(values), least: Math.min(...values), most: Math.max(...values) }, digits);
}

function number(value: number, digits: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(digits);
}

function proxiesOf(figures: readonly Figure[]): string[] {
  return [...new Set(figures.map(({ proxy }) => proxy))];
}

/** NaN where there is none. */
export function middleOf(figures: readonly Figure[], load: string, proxy: string, measure: Measure): number {
  return median(
    valuesOf(
      figures.filter((figure) => figure.load === load && figure.proxy === proxy),
      measure,
    ),
  );
}

function valuesOf(figures: readonly Figure[], measure: Measure): number[] {
  return figures.flatMap((figure) => figure[measure] ?? []);
}
