// A real agent process, told what to do by a control plane, and watched through its own log lines.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface AgentProcess {
  readonly pid: number;
  readonly adminPort: number;
  readonly lines: readonly LogLine[];
  /** Port of a listener; resolves once it is bound. */
  listenerPort(name: string): Promise<number>;
  /** The first line, past or to come, that satisfies the condition. */
  line(condition: (line: LogLine) => boolean): Promise<LogLine>;
  get(path: string): Promise<{ status: number; text: string }>;
  /** SIGTERM, then its exit code. */
  stop(): Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | null>;
}

export interface AgentProcessOptions {
  readonly xdsPort: number;
  readonly node: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Node's own flags. */
  readonly execArgv?: readonly string[];
}

/** Starts `outrigger run`; resolves when its admin port answers. */
export async function startAgentProcess(options: AgentProcessOptions): Promise<AgentProcess> {
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${options.xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: options.node, cluster: options.node },
  };
  const args = [...(options.execArgv ?? []), ENTRY, 'run', '--admin-port', '0', ...(options.args ?? [])];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap), ...options.env },
  });
  // A test that fails, or throws where nobody catches, stops nothing itself.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit').then(([code]) => {
    process.off('exit', kill);
    return code as number | null;
  });
  const lines: LogLine[] = [];
  let waiting: { condition: (line: LogLine) => boolean; resolve: (line: LogLine) => void }[] = [];
  let errors = '';
  const take = (text: string): void => {
    if (!text.startsWith('{')) {
      errors += `${text}\n`;
      return;
    }
    const line = JSON.parse(text) as LogLine;
    lines.push(line);
    waiting = waiting.filter(({ condition, resolve }) => {
      if (!condition(line)) return true;
      resolve(line);
      return false;
    });
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', take);

  const line = (condition: (line: LogLine) => boolean): Promise<LogLine> => {
    const past = lines.find(condition);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      waiting.push({ condition, resolve });
      void exited.then((code) =>
        reject(new Error(`the agent ended with ${code}: ${errors}${JSON.stringify(lines.at(-1))}`)),
      );
    });
  };
  const admin = await line(({ msg }) => msg === 'admin listens');
  const adminPort = Number(admin['port']);
  return {
    pid: child.pid ?? 0,
    adminPort,
    lines,
    line,
    exited,
    listenerPort: async (name) =>
      Number((await line((l) => l.msg === 'listener bound' && l['listener'] === name))['port']),
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
      return { status: response.status, text: await response.text() };
    },
    stop: () => end(child, exited),
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

async function end(child: ChildProcess, exited: Promise<number | null>): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  return exited;
}
