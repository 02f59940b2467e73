// Starts control planes of others. Where they are is said by OUTRIGGER_CONTROL_PLANES: a folder of programs
// `istio.sh`, `consul.sh`, `java-control-plane.sh`, each of which stays in the foreground, prints what it listens on as
// KEY=VALUE lines and then READY=1, and ends on SIGTERM. docs/control-planes/README.md says what they must print.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const FOLDER = process.env['OUTRIGGER_CONTROL_PLANES'] ?? '';

/** Longer than building one from sources takes. */
const START_MS = 900_000;

export interface ControlPlaneProcess {
  has(key: string): boolean;
  /** What it printed. Throws where it did not. */
  fact(key: string): string;
  /** The number behind the last colon of a fact. */
  port(key: string): number;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

/** Why this control plane can't be asked, or `null` where it can. */
export function missing(name: string): string | null {
  if (FOLDER === '') return 'OUTRIGGER_CONTROL_PLANES names no folder';
  return existsSync(`${FOLDER}/${name}.sh`) ? null : `there is no ${name}.sh in OUTRIGGER_CONTROL_PLANES`;
}

/** Resolves when it is ready. */
export async function startControlPlane(name: string, env: NodeJS.ProcessEnv = {}): Promise<ControlPlaneProcess> {
  return startProgram(`${FOLDER}/${name}.sh`, [], env);
}

async function startProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<ControlPlaneProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const facts = new Map<string, string>();
  let lastWords = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastWords = line;
  });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const equals = line.indexOf('=');
    if (equals > 0) facts.set(line.slice(0, equals), line.slice(equals + 1));
    if (line === 'READY=1') resolve();
  });
  child.once('error', reject);
  void exited.then(() => reject(new Error(`${program} ended: ${lastWords}`)));
  const timer = setTimeout(() => reject(new Error(`${program} was not ready after ${START_MS} ms`)), START_MS);
  try {
    await ready;
  } catch (error) {
    child.kill('SIGTERM');
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const fact = (key: string): string => {
    const value = facts.get(key);
    if (value === undefined) throw new Error(`${program} did not print ${key}`);
    return value;
  };
  return {
    has: (key) => facts.has(key),
    fact,
    port: (key) => Number(fact(key).split(':').at(-1)),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Whoever watches the folder of a file never sees half of it. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = join(dirname(dirname(path)), `${basename(path)}.draft`);
  await writeFile(draft, text);
  await rename(draft, path);
}
