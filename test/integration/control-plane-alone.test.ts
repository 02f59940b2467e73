// `outrigger control-plane -c mesh.yaml`, alone in a process, under clients of every kind: our agent, Envoy in both modes,
// and proxyless grpc-go, each with a node id of its own. (grpc-js-xds is in test/xds-server/proxyless.test.ts.)
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { freePorts } from '../mesh-parts/free-port.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { envoyMissing, startEnvoy } from '../support/envoy-process.ts';

const entry = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
const peers = fileURLToPath(new URL('../../node_modules/.cache/peers/', import.meta.url));

interface Alone {
  readonly file: string;
  readonly xdsPort: number;
  /** The next line that it has said, or says, with that text. */
  said(text: string): Promise<string>;
}

async function startControlPlane(t: ExecutionContext, mesh: string): Promise<Alone> {
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-alone-'));
  const file = join(folder, 'mesh.yaml');
  writeFileSync(file, mesh);
  const child = spawn(process.execPath, [entry, 'control-plane', '-c', file, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  const said = linesOf(child);
  const first = await said('the control plane serves');
  return { file, xdsPort: JSON.parse(first).port, said };
}

function linesOf(child: ChildProcess): (text: string) => Promise<string> {
  const lines: string[] = [];
  let wake: () => void = () => {};
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      wake();
    });
  }
  return async (text) => {
    for (;;) {
      const line = lines.find((candidate) => candidate.includes(text));
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

/** Who answers a call to the service `echo` at that port. */
async function answeredBy(port: number): Promise<unknown> {
  const client = new EchoClient(port, 'echo');
  const { headers } = await client.unary(Buffer.from('x'));
  client.close();
  return headers.get('x-endpoint')[0];
}

test('our agent and Envoy, in both modes, get their own configuration from it, and follow the file', async (t) => {
  const [first, second] = await Promise.all([startEchoServer('first'), startEchoServer('second')]);
  t.teardown(() => Promise.all([first.stop(), second.stop()]));
  const ports = await freePorts(4);
  const nodes = ['agent-delta', 'agent-sotw', 'envoy-delta', 'envoy-sotw'];
  const mesh = (app: number) => `services:
  echo:
    instances:
      echo-1: { app: 127.0.0.1:${app} }
agents:
${nodes.map((node, at) => `  ${node}: { outbound: 127.0.0.1:${ports[at]} }`).join('\n')}
`;
  const alone = await startControlPlane(t, mesh(first.port));
  const { xdsPort } = alone;
  const modes = ['delta', 'sotw'] as const;
  const [agents, envoys] = await Promise.all([
    Promise.all(modes.map((mode) => startAgentProcess({ xdsPort, node: `agent-${mode}`, args: ['--xds-mode', mode] }))),
    Promise.all(envoyMissing === null ? modes.map((mode) => startEnvoy({ xdsPort, node: `envoy-${mode}`, mode })) : []),
  ]);
  t.teardown(() => Promise.all([...agents, ...envoys].map((client) => client.stop())));
  if (envoyMissing !== null) t.log(envoyMissing);
  const bound = await Promise.all(agents.map((agent) => agent.listenerPort('outbound')));
  const calledPorts = [...bound, ...envoys.map((envoy) => envoy.port('outbound'))];
  t.deepEqual(calledPorts, ports.slice(0, calledPorts.length));
  for (const port of calledPorts) t.is(await answeredBy(port), 'first');
  writeFileSync(alone.file, mesh(second.port));
  await alone.said('changed; every agent is told');
  for (const port of calledPorts) while ((await answeredBy(port)) !== 'second');
  t.pass();
});

test('proxyless grpc-go looks a service up by its name, and calls it', async (t) => {
  if (!existsSync(`${peers}client`) || !existsSync(`${peers}server`)) {
    t.log('skipped: grpc-go interop programs are not built (npm run peers, wants Go)');
    t.pass();
    return;
  }
  const [port] = await freePorts(1);
  const server = spawn(`${peers}server`, [`--port=${port}`], { stdio: 'ignore' });
  t.teardown(() => server.kill('SIGKILL'));
  const { xdsPort, said } = await startControlPlane(
    t,
    `services:\n  interop:\n    instances:\n      interop-1: { app: 127.0.0.1:${port} }\n`,
  );
  const bootstrap = {
    xds_servers: [
      { server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
    node: { id: 'grpc-go' },
  };
  const env = { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) };
  for (const name of ['large_unary', 'ping_pong', 'status_code_and_message']) {
    const args = ['--server_host=xds:///interop', '--server_port=0', `--test_case=${name}`];
    await t.notThrowsAsync(promisify(execFile)(`${peers}client`, args, { env, timeout: 9000 }));
  }
  t.regex(await said('connected'), /node \\"grpc-go\\"/);
});
