// docs/benchmarks.md, made from the figures of one run.
import type { LoadShape } from './load.ts';
import { median } from './machine.ts';

export interface Figure {
  readonly proxy: string;
  readonly round: number;
  readonly microsecondsPerCall: number;
  readonly callsPerSecond: number;
  readonly meanLatencyMs: number;
  readonly failed: number;
  readonly residentMiB: number;
}

export function formatReport(figures: readonly Figure[], shape: LoadShape, machine: string): string {
  const names = [...new Set(figures.map(({ proxy }) => proxy))];
  const cpu = (name: string): number => median(of(figures, name).map((figure) => figure.microsecondsPerCall));
  const own = cpu('outrigger');
  const rows = names.map((name) => {
    const mine = of(figures, name);
    const rate = median(mine.map((figure) => figure.callsPerSecond));
    const latency = median(mine.map((figure) => figure.meanLatencyMs));
    const resident = median(mine.map((figure) => figure.residentMiB));
    const ratio = name === 'outrigger' ? '1' : (cpu(name) / own).toFixed(2);
    return `| ${name} | ${cpu(name).toFixed(2)} | ${ratio} | ${Math.round(rate)} | ${latency.toFixed(2)} | ${resident.toFixed(0)} |`;
  });
  return [
    '# Benchmarks',
    '',
    'Made by `npm run bench`; the figures of each round are in [benchmarks.json](benchmarks.json).',
    '',
    `Unary gRPC calls, ${shape.connections} connections x ${shape.streams} streams, ${shape.calls} calls a round after a`,
    'warm-up, 105-byte messages both ways, two endpoints. Each proxy has one worker and a core of its own; the load',
    'generator (h2load) and the endpoints (nghttpd) share the other. Outrigger takes its listener, routes, cluster and',
    'endpoints from a control plane over xDS, and keeps its metrics; no call is sampled. The rounds are interleaved, the',
    `figures are medians. ${machine}.`,
    '',
    '| proxy | CPU per call, us | ratio to outrigger | calls/s | mean latency, ms | resident, MiB |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'Absolute figures are of that machine and that hour; quote the ratios.',
    '',
  ].join('\n');
}

function of(figures: readonly Figure[], name: string): readonly Figure[] {
  return figures.filter(({ proxy }) => proxy === name);
}
