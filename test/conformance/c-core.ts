// C-core (Python's grpcio) through two agents: its client before our echo service on grpc-js and before one on C-core,
// and a client on grpc-js before the one on C-core. Between the agents and the server a meter sees what is on the wire.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { startTwoAgents } from '../support/two-agents.ts';
import { grpcJsCases } from './grpc-js-cases.ts';
import { EARLY_END, type EchoCase, interopCases } from './interop-cases.ts';
import { type Judge, PEERS, runPeer, type Verdict, verdictOf } from './judge.ts';
import { WireMeter } from './wire-meter.ts';

const PYTHON = 'python/bin/python';
const SCRIPT = fileURLToPath(new URL('python/echo.py', import.meta.url));
/** What a connection to either server takes, so that the case of many streams needs several. */
const MAX_STREAMS = 10;
/** Cases that no client can ask of a server on grpc-js. */
const grpcJsServerLacks: readonly EchoCase[] = ['server_compressed_unary', 'server_compressed_streaming'];

async function startPythonServer(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const args = [SCRIPT, 'server', `${MAX_STREAMS}`];
  const child = spawn(`${PEERS}${PYTHON}`, args, { stdio: ['pipe', 'pipe', 'inherit'] });
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

/** Every case, asked by `ask` of an endpoint at that port through two agents. */
async function verdictsOn(
  endpoint: number,
  path: string,
  lacks: readonly EchoCase[],
  ask: (name: EchoCase, port: number) => Promise<unknown>,
): Promise<Verdict[]> {
  const meter = await WireMeter.start(endpoint);
  const agents = await startTwoAgents([meter.port]);
  try {
    const verdicts: Verdict[] = [];
    for (const name of [...interopCases, EARLY_END] as const) {
      const title = `${name} (${path})`;
      if (lacks.includes(name))
        verdicts.push({ kind: 'skipped', name: title, reason: "grpc-js's server never compresses" });
      else verdicts.push(await verdictOf(title, () => meter.watch(name, () => ask(name, agents.port))));
    }
    return verdicts;
  } finally {
    await agents.stop();
    await meter.stop();
  }
}

function askByPython(name: EchoCase, port: number): Promise<unknown> {
  return runPeer(PYTHON, [SCRIPT, 'client', `${port}`, name], 20_000);
}

async function askByGrpcJs(name: EchoCase, port: number): Promise<void> {
  const clients: EchoClient[] = [];
  const connect = (options = {}): EchoClient => {
    const client = new EchoClient(port, 'echo', options);
    clients.push(client);
    return client;
  };
  try {
    await grpcJsCases[name](connect);
  } finally {
    for (const client of clients) client.close();
  }
}

async function judge(): Promise<readonly Verdict[]> {
  if (!existsSync(`${PEERS}${PYTHON}`)) {
    return [{ kind: 'skipped', name: 'all', reason: 'grpcio is not installed (npm run peers, wants Python)' }];
  }
  const js = await startEchoServer('js', 0, { 'grpc.max_concurrent_streams': MAX_STREAMS });
  const toJs = await verdictsOn(js.port, 'C-core to grpc-js', grpcJsServerLacks, askByPython).finally(() => js.stop());
  const python = await startPythonServer();
  try {
    const toPython = await verdictsOn(python.port, 'C-core to C-core', [], askByPython);
    return [...toJs, ...toPython, ...(await verdictsOn(python.port, 'grpc-js to C-core', [], askByGrpcJs))];
  } finally {
    await python.stop();
  }
}

export const cCore: Judge = { name: 'C-core echo client and server', judge };
