// What the benchmarks ask of the machine: processes on a core of their own, their CPU time, one bench at a time.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Core 0 is the proxy's, core 1 has the load generator and the endpoints. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

/** Linux counts CPU time of processes in ticks of this many a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

export function which(program: string): string | null {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

export interface Pinned {
  readonly child: ChildProcess;
  /** User and system seconds that the process and its threads have used so far. */
  cpuSeconds(): number;
  residentMiB(): number;
  stop(): Promise<void>;
}

/** Starts a program on one core. Its standard output goes to ours only when it fails to come up. */
export function spawnPinned(core: number, command: readonly string[], env: NodeJS.ProcessEnv = {}): Pinned {
  // taskset replaces itself, so that the process that is measured is the program.
  const child = spawn('taskset', ['-c', String(core), ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    child,
    cpuSeconds: () => {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    residentMiB: () => {
      const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
      return Number(line?.[1]) / 1024;
    },
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Resolves once something accepts connections there. */
export async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => setTimeout(() => resolve(false), 50));
    });
    if (open) return;
  }
  throw new Error(`nothing listens on port ${port}`);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Figures of two benches at once are worth nothing: the second one says so and ends. */
export function takeLock(): () => void {
  const path = join(tmpdir(), 'outrigger-bench.lock');
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch {
    throw new Error(`another benchmark runs (${path} exists; remove it if that is not so)`);
  }
  writeSync(file, String(process.pid));
  closeSync(file);
  const release = (): void => rmSync(path, { force: true });
  process.once('exit', release);
  return release;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
