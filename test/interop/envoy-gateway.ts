// Envoy Gateway without Kubernetes: the agent as the proxy of one Gateway, over mutual TLS with certificates of its own
// making, weights by locality. The program is the one that OUTRIGGER_ENVOY_GATEWAY names; its ports can't be chosen.
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Judge, type Verdict, verdictOf } from '../conformance/judge.ts';
import { freePorts } from '../mesh-parts/free-port.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { startEchoServer } from '../support/echo-service.ts';
import { replaceFile } from './control-plane.ts';
import { type Load, startLoad } from './load.ts';

const PROGRAM = process.env['OUTRIGGER_ENVOY_GATEWAY'] ?? '';
const XDS_PORT = 18_000;
const START_MS = 60_000;

function gatewayConfig(folder: string): string {
  return `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
provider:
  type: Custom
  custom:
    resource: {type: File, file: {paths: [${folder}/resources]}}
    infrastructure:
      type: Host
      host: {configHome: ${folder}/home, dataHome: ${folder}/data, stateHome: ${folder}/state, runtimeDir: ${folder}/rt}
extensionApis: {enableBackend: true}
`;
}

/** A Gateway with a listener on `port`, and a route that splits between two backends of one endpoint each. */
function resources(port: number, backends: readonly number[], weights: readonly number[]): string {
  const documents = backends.map(
    (backend, index) => `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: b${index}, namespace: default}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${backend}}}], appProtocols: [gateway.envoyproxy.io/h2c]}
`,
  );
  const references = backends.map(
    (_, index) => `{group: gateway.envoyproxy.io, kind: Backend, name: b${index}, port: 1, weight: ${weights[index]}}`,
  );
  return [
    `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
`,
    `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: eg, namespace: default}
spec:
  gatewayClassName: eg
  listeners: [{name: grpc, protocol: HTTP, port: ${port}, allowedRoutes: {namespaces: {from: All}}}]
`,
    `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: echo, namespace: default}
spec:
  parentRefs: [{name: eg}]
  rules: [{backendRefs: [${references.join(', ')}]}]
`,
    ...documents,
  ].join('---');
}

interface Story {
  readonly load: Load;
  readonly agent: AgentProcess;
  weigh(first: number, second: number): Promise<void>;
  stop(): Promise<void>;
}

async function begin(): Promise<Story> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-eg-'));
  await mkdir(join(folder, 'resources'));
  await writeFile(join(folder, 'eg.yaml'), gatewayConfig(folder));
  const servers = await Promise.all([startEchoServer('b0'), startEchoServer('b1')]);
  const [port = 0] = await freePorts(1);
  const file = join(folder, 'resources', 'all.yaml');
  const weigh = (first: number, second: number): Promise<void> =>
    replaceFile(
      file,
      resources(
        port,
        servers.map((server) => server.port),
        [first, second],
      ),
    );
  await weigh(75, 25);
  const certificates = join(folder, 'home');
  await promisify(execFile)(PROGRAM, ['certgen', '--local', '--config-home', certificates]);
  const gateway = spawn(PROGRAM, ['server', '-c', join(folder, 'eg.yaml')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => gateway.once('exit', () => resolve()));
  let lastWords = '';
  for (const stream of [gateway.stdout, gateway.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lastWords = line;
    });
  }
  const agent = await startAgentProcess({
    xdsPort: 0,
    node: '',
    args: ['--control-plane', 'envoy-gateway', '--log-level', 'debug'],
    env: {
      ENVOY_GATEWAY_CLUSTER: 'default/eg',
      ENVOY_GATEWAY_CERTS: join(certificates, 'certs', 'envoy'),
      OUTRIGGER_XDS_SERVER: `127.0.0.1:${XDS_PORT}`,
    },
  });
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not ready after ${START_MS} ms: ${lastWords}`)), START_MS);
  const stop = async (): Promise<void> => {
    await agent.stop();
    gateway.kill('SIGTERM');
    await exited;
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true });
  };
  try {
    const bound = agent.line(({ msg, port: at }) => msg === 'listener bound' && at === port);
    await Promise.race([bound, late]);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { load: startLoad(port, `127.0.0.1:${port}`), agent, weigh, stop };
}

/** Calls are split by the weights, though they come as weights of localities of one cluster. */
async function split({ load }: Story, wanted: number): Promise<void> {
  const before = load.answered.get('b1') ?? 0;
  await load.more(2000);
  const part = ((load.answered.get('b1') ?? 0) - before) / 2000;
  if (Math.abs(part - wanted) > 0.05) throw new Error(`${part} of the calls reached the second backend, not ${wanted}`);
}

async function shift(story: Story): Promise<void> {
  const updates = (): number => story.agent.lines.filter(({ msg }) => msg === 'accepted an xDS response').length;
  const before = updates();
  await story.weigh(5, 95);
  while (updates() === before) await story.load.more(100);
  await story.load.more(500);
  await split(story, 0.95);
}

export const envoyGateway: Judge = {
  name: 'Envoy Gateway',
  judge: async (): Promise<readonly Verdict[]> => {
    const name = 'Envoy Gateway';
    if (PROGRAM === '') return [{ kind: 'skipped', name, reason: 'OUTRIGGER_ENVOY_GATEWAY names no program' }];
    let story: Story;
    try {
      story = await begin();
    } catch (error) {
      return [{ kind: 'failed', name, reason: String(error) }];
    }
    const verdicts = [
      await verdictOf('first calls, over mutual TLS to the control plane', () => story.load.more(500)),
      await verdictOf('a split of 75 to 25', () => split(story, 0.25)),
      await verdictOf('the split moves to 5 to 95', () => shift(story)),
      await verdictOf('no call failed', () => story.load.stop()),
    ];
    await story.stop();
    return verdicts;
  },
};
