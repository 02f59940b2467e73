// `npm run bench`: CPU of each proxy per unary call, in one run, in interleaved rounds. Writes docs/benchmarks.md and the
// raw figures beside it. Flags: --rounds N, --calls N, --proxy NAME (repeatable), --dry (print, write nothing).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startEndpoints } from './endpoints.ts';
import { type LoadShape, runLoad, writeMessage } from './load.ts';
import { median, takeLock, which } from './machine.ts';
import { PROXIES } from './proxies.ts';
import { type Figure, formatReport } from './report.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    calls: { type: 'string', default: '200000' },
    proxy: { type: 'string', multiple: true },
    dry: { type: 'boolean', default: false },
  },
});

for (const program of ['h2load', 'nghttpd', 'taskset']) {
  if (which(program) === null) {
    process.stderr.write(`bench: ${program} is missing (Debian packages nghttp2-client, nghttp2-server, util-linux)\n`);
    process.exit(1);
  }
}

const shape: LoadShape = { connections: 10, streams: 50, calls: Number(values.calls) };
const release = takeLock();
const folder = mkdtempSync(join(tmpdir(), 'outrigger-bench-'));
const endpoints = await startEndpoints(folder, 2);
const message = writeMessage(folder);
const figures: Figure[] = [];

try {
  const chosen = PROXIES.filter(({ name }) => values.proxy === undefined || values.proxy.includes(name));
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const kind of chosen) {
      const missing = kind.missing();
      if (missing !== null) {
        if (round === 1) process.stdout.write(`${kind.name}: left out, this machine lacks ${missing}\n`);
        continue;
      }
      const proxy = await kind.start(endpoints.ports, folder);
      try {
        await runLoad(proxy.port, { ...shape, calls: Math.ceil(shape.calls / 4) }, message);
        const before = proxy.process.cpuSeconds();
        const load = await runLoad(proxy.port, shape, message);
        const cpuSeconds = proxy.process.cpuSeconds() - before;
        const figure: Figure = {
          proxy: kind.name,
          round,
          microsecondsPerCall: (cpuSeconds / shape.calls) * 1e6,
          callsPerSecond: load.callsPerSecond,
          meanLatencyMs: load.meanLatencyMs,
          failed: load.failed,
          residentMiB: proxy.process.residentMiB(),
        };
        figures.push(figure);
        process.stdout.write(
          `round ${round}  ${kind.name.padEnd(12)} ${figure.microsecondsPerCall.toFixed(2)} us/call  ` +
            `${Math.round(figure.callsPerSecond)} calls/s  ${figure.residentMiB.toFixed(0)} MiB  ${figure.failed} failed\n`,
        );
      } finally {
        await proxy.stop();
      }
    }
  }
} finally {
  await endpoints.stop();
  rmSync(folder, { recursive: true, force: true });
  release();
}

for (const name of new Set(figures.map(({ proxy }) => proxy))) {
  const own = figures.filter(({ proxy }) => proxy === name);
  process.stdout.write(`${name}: median ${median(own.map((f) => f.microsecondsPerCall)).toFixed(2)} us/call\n`);
}
if (!values.dry) {
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`;
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), formatReport(figures, shape, machine));
  writeFileSync(new URL('../docs/benchmarks.json', import.meta.url), `${JSON.stringify(figures, null, 2)}\n`);
}
process.exit(0);
