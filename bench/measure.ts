// One proxy, one workload, one round: starts it, warms it up, measures, and ends it.
import type { Endpoints } from './endpoints.ts';
import type { Figure } from './figure.ts';
import type { PayloadFiles } from './load.ts';
import type { ProxyKind } from './proxy-kind.ts';
import type { Workload } from './workloads.ts';

export interface Round {
  readonly endpoints: Endpoints;
  readonly files: PayloadFiles;
  readonly folder: string;
  readonly round: number;
  readonly scale: number;
}

/** Share of a round's calls that warm up. */
const warmUp = 0.25;

export async function measure(proxy: ProxyKind, workload: Workload, setting: Round): Promise<Figure> {
  const { endpoints, files, folder, round } = setting;
  const scale = setting.scale * proxy.share;
  const running = await proxy.start(endpoints, folder);
  const child = running.process;
  try {
    // What is idle needs no warming up, and would leave memory behind that counts.
    if (workload.unit !== 'connection') await workload.run(running.port, files, scale * warmUp);
    const cpuBefore = child?.cpuSeconds() ?? 0;
    const residentBefore = child?.residentMiB() ?? 0;
    const load = await workload.run(running.port, files, scale);
    const resident = child?.residentMiB() ?? null;
    load.close?.();
    const grewKiB = resident === null ? null : (resident - residentBefore) * 1024;
    return {
      workload: workload.name,
      proxy: proxy.name,
      round,
      cpuUs: child === null ? null : ((child.cpuSeconds() - cpuBefore) / load.units) * 1e6,
      callsPerSecond: load.callsPerSecond,
      meanMs: load.latencyMs?.mean ?? null,
      p50Ms: load.latencyMs?.p50 ?? null,
      p99Ms: load.latencyMs?.p99 ?? null,
      p999Ms: load.latencyMs?.p999 ?? null,
      failed: load.failed,
      residentMiB: resident,
      perConnectionKiB: workload.unit === 'connection' && grewKiB !== null ? grewKiB / load.units : null,
    };
  } finally {
    await running.stop();
  }
}

export function printFigure(figure: Figure): void {
  const { proxy, round, failed } = figure;
  const parts: string[] = [];
  const add = (value: number | null, digits: number, unit: string): void => {
    if (value !== null) parts.push(`${value.toFixed(digits)} ${unit}`);
  };
  add(figure.cpuUs, 2, 'us');
  add(figure.callsPerSecond, 0, 'calls/s');
  add(figure.meanMs, 3, 'ms mean');
  add(figure.p99Ms, 2, 'ms p99');
  add(figure.p999Ms, 2, 'ms p99.9');
  add(figure.perConnectionKiB, 1, 'KiB each');
  add(figure.residentMiB, 0, 'MiB');
  parts.push(`${failed} failed`);
  process.stdout.write(`round ${round}  ${proxy.padEnd(12)} ${parts.join('  ')}\n`);
}
