// C-core (Python's grpcio) through two agents: its client before our echo service on grpc-js and before one on C-core,
// and a client on grpc-js before the one on C-core.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { startTwoAgents } from '../support/two-agents.ts';
import { grpcJsCases } from './grpc-js-cases.ts';
import { type Judge, PEERS, runPeer, type Verdict, verdictOf } from './judge.ts';

const PYTHON = 'python/bin/python';
const SCRIPT = fileURLToPath(new URL('python/echo.py', import.meta.url));

async function startPythonServer(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const child = spawn(`${PEERS}${PYTHON}`, [SCRIPT, 'server'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([once(lines, 'line'), exited.then(() => [''])]);
  const port = Number(/^port (\d+)$/.exec(line[0] as string)?.[1]);
  if (Number.isNaN(port)) throw new Error('the echo server on C-core ended before it was listening');
  return {
    port,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

/** Every case of the client on C-core, to an endpoint at that port. */
async function verdictsOn(endpoint: number, path: string): Promise<Verdict[]> {
  const names = (await runPeer(PYTHON, [SCRIPT, 'cases'], 20_000)).trim().split('\n');
  const agents = await startTwoAgents([endpoint]);
  try {
    const verdicts: Verdict[] = [];
    for (const name of names) {
      const args = [SCRIPT, 'client', `${agents.port}`, name];
      verdicts.push(await verdictOf(`${name} (${path})`, () => runPeer(PYTHON, args, 20_000)));
    }
    return verdicts;
  } finally {
    await agents.stop();
  }
}

async function verdictsOfGrpcJs(endpoint: number): Promise<Verdict[]> {
  const agents = await startTwoAgents([endpoint]);
  const client = new EchoClient(agents.port, 'echo');
  try {
    const verdicts: Verdict[] = [];
    for (const [name, run] of Object.entries(grpcJsCases)) {
      verdicts.push(await verdictOf(`${name} (grpc-js to C-core)`, () => run(client)));
    }
    return verdicts;
  } finally {
    client.close();
    await agents.stop();
  }
}

async function judge(): Promise<readonly Verdict[]> {
  if (!existsSync(`${PEERS}${PYTHON}`)) {
    return [{ kind: 'skipped', name: 'all', reason: 'grpcio is not installed (npm run peers, wants Python)' }];
  }
  const js = await startEchoServer('js');
  const toJs = await verdictsOn(js.port, 'C-core to grpc-js').finally(() => js.stop());
  const python = await startPythonServer();
  try {
    const toPython = await verdictsOn(python.port, 'C-core to C-core');
    return [...toJs, ...toPython, ...(await verdictsOfGrpcJs(python.port))];
  } finally {
    await python.stop();
  }
}

export const cCore: Judge = { name: 'C-core echo client and server', judge };
