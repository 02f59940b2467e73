// grpc-go's interop client and server, through one agent and through two, and the echo service on grpc-go for what the
// interop client has no case for.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { startDataPlane } from '../support/data-plane.ts';
import { goEchoMissing, runGoCase, startGoEchoServer } from '../support/go-echo.ts';
import { plainMesh } from '../support/resources.ts';
import { startTwoAgents } from '../support/two-agents.ts';
import { grpcGoCases, grpcGoEchoCases, grpcGoStandIns } from './interop-cases.ts';
import { type Judge, PEERS, runPeer, type Verdict, verdictOf } from './judge.ts';
import { CA_FILE, mutual, SERVER_NAME, secureMesh, toMutual } from './secure-mesh.ts';

/** Ten calls or channels each, of 271,828 bytes up and 314,159 down. */
const SOAK = ['--soak_iterations=10', '--soak_overall_timeout_seconds=20'];

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

const TLS = ['--use_tls', '--use_test_ca', `--ca_file=${CA_FILE}`, `--server_host_override=${SERVER_NAME}`];

async function interopVerdicts(port: number, path: string, more: readonly string[] = []): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const name of grpcGoCases) {
    const args = ['--server_host=127.0.0.1', `--server_port=${port}`, `--test_case=${name}`, ...SOAK, ...more];
    verdicts.push(await verdictOf(`${name} (${path})`, () => runPeer('client', args, 30_000)));
  }
  return verdicts;
}

async function judgeInterop(): Promise<readonly Verdict[]> {
  if (!existsSync(`${PEERS}client`) || !existsSync(`${PEERS}server`)) {
    return [{ kind: 'skipped', name: 'all', reason: 'not built (npm run peers, wants Go)' }];
  }
  const port = await freePort();
  const server = spawn(`${PEERS}server`, [`--port=${port}`], { stdio: 'ignore' });
  try {
    const one = startDataPlane(plainMesh('interop', 'inbound', [port]));
    const direct = await interopVerdicts(await one.port('interop'), 'one agent').finally(() => one.stop());
    const two = await startTwoAgents([port], { domain: '*' });
    const mesh = await interopVerdicts(two.port, 'two agents').finally(() => two.stop());
    return [...direct, ...mesh, ...(await overTls(port))];
  } finally {
    server.kill('SIGKILL');
  }
}

/** TLS to the first agent, and between the two with certificates on both sides. */
async function overTls(port: number): Promise<Verdict[]> {
  const second = startDataPlane(secureMesh('inbound', port, mutual));
  const first = startDataPlane(secureMesh('outbound', await second.port('inbound'), undefined, toMutual));
  try {
    return await interopVerdicts(await first.port('outbound'), 'two agents, TLS', TLS);
  } finally {
    first.stop();
    second.stop();
  }
}

async function judgeEcho(): Promise<readonly Verdict[]> {
  if (goEchoMissing !== null) return [{ kind: 'skipped', name: 'all', reason: goEchoMissing }];
  // The case of 1,000 streams at once takes ten connections.
  const server = await startGoEchoServer('go', 100);
  const agents = await startTwoAgents([server.port]);
  try {
    const verdicts: Verdict[] = [];
    const asked = [...Object.entries(grpcGoStandIns), ...grpcGoEchoCases.map((name) => [name, name] as const)];
    for (const [title, name] of asked) verdicts.push(await verdictOf(title, () => runGoCase(agents.port, name)));
    return verdicts;
  } finally {
    await agents.stop();
    await server.stop();
  }
}

export const grpcGoInterop: Judge = { name: 'grpc-go interop client and server', judge: judgeInterop };
export const grpcGoEcho: Judge = { name: 'grpc-go echo client and server', judge: judgeEcho };
