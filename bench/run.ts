// `npm run bench`: what each proxy costs and how late its answers are, in one run, in interleaved rounds. Writes
// docs/benchmarks.md, its plot, and the raw figures beside them.
// Flags: --rounds N, --workload NAME and --proxy NAME (repeatable; default: all), --scale N (share of a round's calls),
// --dry (print, write nothing).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEndpoints } from './endpoints.ts';
import type { Figure } from './figure.ts';
import { writePayloads } from './load.ts';
import { takeLock, which } from './machine.ts';
import { measure, printFigure } from './measure.ts';
import { formatPlot } from './plot.ts';
import { PROXIES } from './proxies.ts';
import { formatReport } from './report.ts';
import { WORKLOADS } from './workloads.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    workload: { type: 'string', multiple: true },
    proxy: { type: 'string', multiple: true },
    dry: { type: 'boolean', default: false },
  },
});

for (const program of ['h2load', 'nghttpd', 'taskset', 'openssl']) {
  if (which(program) === null) {
    const packages = 'Debian packages nghttp2-client, nghttp2-server, util-linux, openssl';
    process.stderr.write(`bench: ${program} is missing (${packages})\n`);
    process.exit(1);
  }
}
const workloads = chosen('--workload', WORKLOADS, values.workload);
const proxies = chosen('--proxy', PROXIES, values.proxy);

const release = takeLock();
const missing: string[] = [];
const present = proxies.filter((proxy) => {
  const lacks = proxy.missing();
  if (lacks !== null) missing.push(`${proxy.name}: this machine lacks ${lacks}`);
  return lacks === null;
});
if (values.proxy === undefined) missing.push('mwitkow/grpc-proxy (Go)');
for (const line of missing) process.stdout.write(`not measured: ${line}\n`);

const folder = mkdtempSync(join(tmpdir(), 'outrigger-bench-'));
const files = writePayloads(folder);
const rounds = Number(values.rounds);
const figures: Figure[] = [];
try {
  for (const workload of workloads) {
    process.stdout.write(`\n${workload.name}: ${workload.title}\n`);
    const endpoints = await startEndpoints(folder, workload.endpoints, 2);
    try {
      for (let round = 1; round <= rounds; round++) {
        for (const proxy of present) {
          if (workload.endpoints === 'tls' && !proxy.speaksTls) continue;
          try {
            const figure = await measure(proxy, workload, {
              endpoints,
              files,
              folder,
              round,
              scale: Number(values.scale),
            });
            figures.push(figure);
            printFigure(figure);
          } catch (error) {
            const reason = error instanceof Error ? error.message : String(error);
            missing.push(`${proxy.name}, ${workload.name}, round ${round}: ${reason.split('\n')[0]}`);
            process.stdout.write(`round ${round}  ${proxy.name}: ${reason}\n`);
          }
        }
      }
    } finally {
      await endpoints.stop();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  release();
}

if (!values.dry) {
  const versions = present.flatMap((proxy) => {
    const version = proxy.version();
    return version === null ? [] : [`${proxy.name} ${version}`];
  });
  const facts = {
    machine: `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}`,
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    rounds,
    versions: [`Node ${process.versions.node}`, ...versions],
    missing,
  };
  const docs = (name: string): URL => new URL(`../docs/${name}`, import.meta.url);
  writeFileSync(docs('benchmarks.md'), formatReport(figures, workloads, facts));
  writeFileSync(docs('benchmarks.svg'), formatPlot(figures, workloads));
  writeFileSync(docs('benchmarks.json'), `${JSON.stringify(figures, null, 2)}\n`);
}
process.exit(0);

function chosen<T extends { readonly name: string }>(
  flag: string,
  all: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] {
  for (const name of names ?? []) {
    if (all.some((one) => one.name === name)) continue;
    process.stderr.write(`bench: ${flag} ${name}: there are ${all.map((one) => one.name).join(', ')}\n`);
    process.exit(1);
  }
  return all.filter(({ name }) => names === undefined || names.includes(name));
}
