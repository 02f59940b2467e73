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
    flags: [
      ADMIN_FLAG,
      { name: 'wait', value: 'SECONDS', help: 'return when it is ready; fail with the reason after so long' },
    ],
    run: async (flags) => {
      if (flags.text('wait') !== undefined) await untilReady(flags);
      return request(flags, 'GET', '/status');
    },
  },
  ask('config', 'what a running agent was told by its control plane, with what it refused', 'GET', '/config_dump'),
  ask('clusters', 'the clusters and endpoints of a running agent', 'GET', '/clusters'),
  ask('drain', 'let a running agent finish its calls and take no new ones', 'POST', '/drain'),
];

/** Rejects with one sentence where it takes longer than it may. */
async function untilReady(flags: FlagValues): Promise<void> {
  const seconds = flags.number('wait', { min: 0, max: 86_400, fallback: 0 });
  const admin = adminAddress(flags);
  const endMs = performance.now() + seconds * 1000;
  for (;;) {
    const obstacle = await readinessObstacle(admin);
    if (obstacle === null) return;
    if (performance.now() + POLL_MS > endMs) {
      throw new Error(`the agent on ${admin} is not ready after ${seconds} s: ${obstacle}`);
    }
    await setTimeout(POLL_MS);
  }
}

/** `null`: it is ready. */
async function readinessObstacle(admin: string): Promise<string | null> {
  try {
    const response = await fetch(`http://${admin}/ready`);
    const [, ...reasons] = (await response.text()).trim().split('\n');
    return response.ok ? null : reasons.join('; ');
  } catch (error) {
    return causeOf(error);
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
    throw new Error(`no agent answers on ${admin}: ${causeOf(error)}`);
  }
  const text = await response.text();
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return response.ok ? 0 : 1;
}

function causeOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
}
