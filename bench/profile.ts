// The CPU profile of Outrigger's data plane at 10 x 50, kept beside the bench: as V8 writes it, for a browser's tools,
// and as a table for people. What comes before the warm-up ends is left out.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backdrop } from './endpoints/endpoints.ts';
import { runH2load } from './load/h2load.ts';
import { METHOD_PATH, type PayloadFiles } from './load/payload.ts';
import { smallMesh } from './proxies/mesh-size.ts';
import { startOutrigger } from './proxies/outrigger.ts';
import { type CpuProfile, formatProfile, lastPart, withRelativePaths } from './report/cpu-profile.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = fileURLToPath(new URL('./profile-10x50', import.meta.url));
const warmUpSeconds = 3;
const seconds = 3;

/** Writes `profile-10x50.cpuprofile` and `profile-10x50.txt`. */
export async function profile(backdrop: Backdrop, files: PayloadFiles): Promise<void> {
  const folder = mkdtempSync(join(files.message, '..', 'profile-'));
  const running = await startOutrigger(backdrop.of.unary, smallMesh, true, ['--cpu-prof', `--cpu-prof-dir=${folder}`]);
  const shape = {
    port: running.port,
    isTls: false,
    connections: 10,
    streams: 50,
    paths: [METHOD_PATH],
    body: files.message,
  };
  await runH2load({ ...shape, seconds: warmUpSeconds });
  const began = performance.now();
  const { callsPerSecond } = await runH2load({ ...shape, seconds });
  // A profile is written when the process ends by itself.
  await running.process?.stop('SIGTERM');
  const measuredUs = (performance.now() - began) * 1000;
  await running.stop();

  const whole = readDataPlane(folder);
  const part = withRelativePaths(lastPart(whole, measuredUs), ROOT);
  writeFileSync(`${OUT}.cpuprofile`, JSON.stringify(part));
  writeFileSync(
    `${OUT}.txt`,
    formatProfile(part, `Unary, 10 connections x 50 streams, ${callsPerSecond?.toFixed(0)} calls/s`),
  );
  process.stdout.write(`bench: wrote ${OUT}.txt\n`);
}

/** The file's name ends with process, thread and a count; the data plane's is the first thread after the main one. */
function readDataPlane(folder: string): CpuProfile {
  const name = readdirSync(folder).find((file) => /\.1\.\d+\.cpuprofile$/.test(file));
  if (name === undefined) throw new Error(`the data plane's thread left no profile in ${folder}`);
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile;
}
