// One proxy, one workload, one round: starts it, warms it up, measures each load, and ends it.
import type { Endpoints } from './endpoints/endpoints.ts';
import type { Figure } from './figure.ts';
import type { LoadResult } from './load/load-result.ts';
import type { PayloadFiles } from './load/payload.ts';
import { type Pinned, untilQuiet } from './machine.ts';
import type { ProxyKind } from './proxies/proxy-kind.ts';
import type { Load, LoadTarget, Workload } from './workloads.ts';

export interface Round {
  readonly endpoints: Endpoints;
  readonly files: PayloadFiles;
  readonly folder: string;
  readonly round: number;
  /** Share of each load's time. */
  readonly scale: number;
}

/** Gives each figure to `keep` as it is made. */
export async function measure(
  proxy: ProxyKind,
  workload: Workload,
  { endpoints, files, folder, round, scale }: Round,
  keep: (figure: Figure) => void,
): Promise<void> {
  const running = await proxy.start(endpoints, folder);
  try {
    let target: LoadTarget = { port: running.port, isTls: endpoints.tls !== null, files, capacity: null };
    if (running.process !== null) await untilQuiet(running.process);
    if (workload.warmUp !== null) await workload.warmUp(target, proxy.warmUpSeconds * Math.max(scale, 0.5));
    for (const load of loadsFor(workload, proxy)) {
      const figure = await measureLoad(load, target, load.seconds * scale, running.process);
      target = { ...target, capacity: target.capacity ?? figure.callsPerSecond };
      keep({ load: load.name, proxy: proxy.name, round, ...figure });
    }
  } finally {
    await running.stop();
  }
}

async function measureLoad(
  load: Load,
  target: LoadTarget,
  seconds: number,
  child: Pinned | null,
): Promise<Omit<Figure, 'load' | 'proxy' | 'round'>> {
  const cpuBefore = child?.cpuSeconds() ?? 0;
  const residentBefore = child?.residentMiB() ?? 0;
  const began = performance.now();
  const result = await load.run(target, seconds);
  const elapsedSeconds = (performance.now() - began) / 1000;
  const cpuSeconds = child === null ? null : child.cpuSeconds() - cpuBefore;
  const resident = child?.residentMiB() ?? null;
  result.close?.();
  const grewKiB = resident === null ? null : (resident - residentBefore) * 1024;
  return {
    units: result.units,
    cpuUs: cpuSeconds === null ? null : (cpuSeconds / result.units) * 1e6,
    coreShare: cpuSeconds === null ? null : cpuSeconds / elapsedSeconds,
    callsPerSecond: result.callsPerSecond,
    ...latencies(result),
    failed: result.failed,
    residentMiB: resident,
    perConnectionKiB: load.unit === 'connection' && grewKiB !== null ? grewKiB / result.units : null,
  };
}

function latencies({ latencyMs }: LoadResult): Pick<Figure, 'meanMs' | 'p50Ms' | 'p99Ms' | 'p999Ms'> {
  return {
    meanMs: latencyMs?.mean ?? null,
    p50Ms: latencyMs?.p50 ?? null,
    p99Ms: latencyMs?.p99 ?? null,
    p999Ms: latencyMs?.p999 ?? null,
  };
}

export function loadsFor(workload: Workload, proxy: Pick<ProxyKind, 'name'>): readonly Load[] {
  return workload.loads.filter(({ proxies }) => proxies === undefined || proxies.includes(proxy.name));
}

/** About how long `measure` takes. */
export function expectedSeconds(proxy: ProxyKind, workload: Workload, scale: number): number {
  const quiet = proxy.startSeconds === 0 ? 0 : 0.2;
  const warmUp = workload.warmUp === null ? 0 : proxy.warmUpSeconds * Math.max(scale, 0.5) + processSeconds;
  const loads = loadsFor(workload, proxy).map(({ seconds }) => seconds * scale + processSeconds);
  return proxy.startSeconds + quiet + warmUp + loads.reduce((sum, seconds) => sum + seconds, 0);
}

/** What a load generator takes to start and end. */
const processSeconds = 0.15;

export function formatFigure(figure: Figure): string {
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
  if (figure.failed > 0) parts.push(`${figure.failed} failed`);
  return `round ${figure.round}  ${figure.load.padEnd(13)} ${figure.proxy.padEnd(26)} ${parts.join('  ')}`;
}
