// Commands that ask a running agent through its admin port.
import { setTimeout } from 'node:timers/promises';
import { type Command, type Flag, type FlagValues, UsageError } from './command-line.ts';

const POLL_MS = 250;

export const ADMIN_FLAG: Flag = {
  name: 'admin',
  value: 'HOST:PORT',
  help: "the agent's admin address (127.0.0.1:15000)",
};

function ask(name: string, summary: string, method: 'GET' | 'POST', path: string): Command {
  return {
    name,
    summary,
    details: [],
    flags: [ADMIN_FLAG],
    run: (flags) => request(flags, method, path),
  };
}

export const askCommands: readonly Command[] = [
  {
    name: 'status',
    summary: 'is a running agent ready, what has its control plane sent, what is wrong?',
    details: [],
    flags: [ADMIN_FLAG, { name: 'wait', value: 'SECONDS', help: 'ask until it is ready, so long at the most' }],
    run: async (flags) => {
      const until = performance.now() + flags.number('wait', { min: 0, max: 86_400, fallback: 0 }) * 1000;
      while (performance.now() < until && !(await isReady(flags))) await setTimeout(POLL_MS);
      return request(flags, 'GET', '/status');
    },
  },
  ask('config', 'what a running agent was told by its control plane, with what it refused', 'GET', '/config_dump'),
  ask('clusters', 'the clusters and endpoints of a running agent', 'GET', '/clusters'),
  ask('drain', 'let a running agent finish its calls and take no new ones', 'POST', '/drain'),
];

async function isReady(flags: FlagValues): Promise<boolean> {
  try {
    return (await fetch(`http://${adminAddress(flags)}/ready`)).ok;
  } catch {
    // It does not run yet.
    return false;
  }
}

function adminAddress(flags: FlagValues): string {
  const admin = flags.text('admin') ?? '127.0.0.1:15000';
  if (!/^[^/\s]+:\d+$/.test(admin)) throw new UsageError(`--admin takes HOST:PORT, not '${admin}'`);
  return admin;
}

/** Prints the answer; exit code 1 when the agent says no (not ready, unknown listener). */
export async function request(flags: FlagValues, method: 'GET' | 'POST', path: string): Promise<number> {
  const admin = adminAddress(flags);
  let response: Response;
  try {
    response = await fetch(`http://${admin}${path}`, { method });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`no agent answers on ${admin}: ${cause}`);
  }
  const text = await response.text();
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return response.ok ? 0 : 1;
}
