// The CPU profile of Outrigger's data plane under some loads of the bench, kept beside it: as V8 writes it, for a
// browser's tools, as tables for people, and by part in docs/performance.md. The warm-up is left out.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backdrop } from './endpoints/endpoints.ts';
import type { PayloadFiles } from './load/payload.ts';
import { smallMesh } from './proxies/mesh-size.ts';
import { startOutrigger } from './proxies/outrigger.ts';
import { busyTime, type CpuProfile, formatProfile, lastPart, withRelativePaths } from './report/cpu-profile.ts';
import { type ProfiledLoad, withProfileTable } from './report/profile-table.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(ROOT, 'docs', 'performance.md');
const warmUpSeconds = 3;
const seconds = 3;

/** By workload; the title is that of the column. */
const profiled: Readonly<Record<string, string>> = {
  '10x50': '10 x 50',
  'fresh-grpc-go': 'fresh',
  '100x1': '100 x 1',
  'mib-up': 'MiB up',
};

/** Writes `profile-*.cpuprofile` and `profile-*.txt`, and the table of docs/performance.md. */
export async function profile(backdrop: Backdrop, files: PayloadFiles): Promise<void> {
  const loads: ProfiledLoad[] = [];
  for (const workload of WORKLOADS) {
    const title = profiled[workload.name];
    if (title !== undefined) loads.push({ title, time: busyTime(await profileOne(workload, backdrop, files)) });
  }
  writeFileSync(PAGE, withProfileTable(readFileSync(PAGE, 'utf8'), loads));
  process.stdout.write(`bench: wrote the profile of ${loads.length} loads to ${PAGE}\n`);
}

async function profileOne({ name, endpoints, loads }: Workload, backdrop: Backdrop, files: PayloadFiles) {
  const folder = mkdtempSync(join(files.message, '..', 'profile-'));
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const running = await startOutrigger(backdrop.of[endpoints], smallMesh, true, flags);
  const target = { port: running.port, isTls: false, files, capacity: null };
  const { title, run } = loads[0]!;
  await run(target, warmUpSeconds);
  const began = performance.now();
  const { callsPerSecond } = await run(target, seconds);
  // A profile is written when the process ends by itself.
  await running.process?.stop('SIGTERM');
  const measuredUs = (performance.now() - began) * 1000;
  await running.stop();

  const part = withRelativePaths(lastPart(readDataPlane(folder), measuredUs), ROOT);
  const out = fileURLToPath(new URL(`./profile-${name}`, import.meta.url));
  writeFileSync(`${out}.cpuprofile`, JSON.stringify(part));
  writeFileSync(`${out}.txt`, formatProfile(part, `${title}, ${callsPerSecond?.toFixed(0)} calls/s`));
  return part;
}

/** The file's name ends with process, thread and a count; the data plane's is the first thread after the main one. */
function readDataPlane(folder: string): CpuProfile {
  const name = readdirSync(folder).find((file) => /\.1\.\d+\.cpuprofile$/.test(file));
  if (name === undefined) throw new Error(`the data plane's thread left no profile in ${folder}`);
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile;
}
