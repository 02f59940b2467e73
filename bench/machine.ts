// What the benchmarks ask of the machine: processes on a core of their own, what those use of it, free ports.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';

/** Core 0 is the proxy's, core 1 has the load generator, the endpoints and the bench itself. */
export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

export function which(program: string): string | null {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

/** As the program calls itself; empty where it does not. */
export function versionOf(program: string, args: readonly string[] = ['--version']): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? '';
}

export interface Pinned {
  readonly child: ChildProcess;
  /** User and system seconds that the process and its threads have used so far. */
  cpuSeconds(): number;
  residentMiB(): number;
  /** By SIGKILL, unless another signal is named. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program on one core, or on those that `taskset -c` takes, which ends with this process at the latest. What it prints to standard output is dropped. */
export function spawnPinned(core: number | string, command: readonly string[], env: NodeJS.ProcessEnv = {}): Pinned {
  // taskset replaces itself, so that the process that is measured is the program.
  const child = spawn('taskset', ['-c', String(core), ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      process.removeListener('exit', kill);
      resolve();
    }),
  );
  return {
    child,
    cpuSeconds: () => threadSeconds(child.pid ?? 0),
    residentMiB: () => {
      const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
      return Number(line?.[1]) / 1024;
    },
    stop: async (signal = 'SIGKILL') => {
      child.kill(signal);
      await exited;
    },
  };
}

/** To the nanosecond, where /proc/PID/stat counts in hundredths of a second. */
function threadSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number.parseInt(scheduled(pid, thread), 10) / 1e9, 0);
}

function scheduled(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
  } catch {
    // It has ended since the folder was read.
    return '0';
  }
}

/** Moves this process, all its threads included. */
export function pinSelf(core: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(process.pid)], { stdio: 'ignore' });
}

/** Resolves once something accepts connections there. */
export async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 3000; attempt++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => setTimeout(() => resolve(false), 20));
    });
    if (open) return;
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** Resolves once the process does next to nothing, as after its start: at most a twentieth of a core for 0.1 s. */
export async function untilQuiet({ cpuSeconds }: Pinned): Promise<void> {
  const deadline = performance.now() + 20_000;
  let before = cpuSeconds();
  while (performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = cpuSeconds();
    if (now - before < 0.005) return;
    before = now;
  }
}

/** Below the ports that Linux gives to outgoing connections, of which the loads open many. */
const [firstPort, portCount] = [20_000, 10_000];

export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    const server = net.createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Waits for a process to end, `seconds` at most; answers its standard output, which must be a pipe. */
export async function outputOf(child: ChildProcess, seconds: number): Promise<{ code: number | null; output: string }> {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, output };
}
