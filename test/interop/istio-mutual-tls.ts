// Istio with mutual TLS between workloads: both sidecars have their certificates signed by istiod, for the tokens of their
// pods, and the calls between them are secured by these. The program is the one that OUTRIGGER_ISTIOD names; it is built
// from test/interop/istiod (`go build`).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { status } from '@grpc/grpc-js';
import { type Judge, type Verdict, verdictOf } from '../conformance/judge.ts';
import { freePorts } from '../mesh-parts/free-port.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { statusOf, untilAnswered } from './ask.ts';
import { replaceFile } from './control-plane.ts';
import { type Load, silence, startLoad } from './load.ts';

const PROGRAM = process.env['OUTRIGGER_ISTIOD'] ?? '';
const START_MS = 60_000;
const CHURNS = 10;
/** Short enough to be renewed while we look. */
const CERTIFICATE_TTL = '20s';

const meshConfig = 'trustDomain: cluster.local\nenableTracing: false\n';

/** The sidecars of the service's endpoints, by the name of their workload. */
const SIDECARS = { 'echo-1': '127.0.0.3', 'echo-2': '127.0.0.4' } as const;

/** A service of the endpoints that are named, each behind its sidecar. */
function service(port: number, sidecarPort: number, names: readonly string[]): string {
  const endpoints = Object.entries(SIDECARS)
    .filter(([name]) => names.includes(name))
    .map(
      ([name, ip]) => `{address: ${ip}, ports: {grpc: ${sidecarPort}}, labels: {app: ${name}}, serviceAccount: echo}`,
    );
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: echo, namespace: demo}
spec:
  hosts: [echo.demo.svc.cluster.local]
  addresses: [240.0.0.10]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: ${port}, name: grpc, protocol: GRPC, targetPort: ${sidecarPort}}]
  endpoints: [${endpoints.join(', ')}]
`;
}

function sidecar(name: string, ip: string, sidecarPort: number, endpointPort: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}, namespace: demo}
spec:
  workloadSelector: {labels: {app: ${name}}}
  ingress:
  - port: {number: ${sidecarPort}, protocol: GRPC, name: grpc}
    bind: ${ip}
    captureMode: NONE
    defaultEndpoint: 127.0.0.1:${endpointPort}
  egress: [{hosts: ["~/*"]}]
`;
}

const strictMode = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: demo}
spec: {mtls: {mode: STRICT}}
`;

/** Who may call. */
function policy(account: string): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: echo, namespace: demo}
spec:
  action: ALLOW
  rules: [{from: [{source: {principals: [cluster.local/ns/demo/sa/${account}]}}]}]
`;
}

interface Story {
  readonly load: Load;
  readonly agents: readonly AgentProcess[];
  /** Where the client's sidecar takes calls, and where those of the endpoints do. */
  readonly port: number;
  readonly sidecarPort: number;
  readonly authority: string;
  /** Writes a file of Istio's configuration. */
  configure(name: string, text: string): Promise<void>;
  stop(): Promise<void>;
}

async function begin(): Promise<Story> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-istio-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end();
  };
  const [grpc = 0, tls = 0, http = 0, monitoring = 0, port = 0, sidecarPort = 0] = await freePorts(6);
  await mkdir(join(folder, 'config'));
  const configure = (name: string, text: string): Promise<void> => replaceFile(join(folder, 'config', name), text);
  try {
    await writeFile(join(folder, 'mesh.yaml'), meshConfig);
    await configure('service.yaml', service(port, sidecarPort, Object.keys(SIDECARS)));
    for (const [name, ip] of Object.entries(SIDECARS)) {
      const server = await startEchoServer(name);
      stops.push(() => server.stop());
      await configure(`${name}.yaml`, sidecar(name, ip, sidecarPort, server.port));
    }
    stops.push(await startIstiod(folder, { grpc, tls, http, monitoring }));
    const startAgent = async (name: string, account: string, ip: string) => {
      const token = join(folder, `${account}.token`);
      await writeFile(token, `test:demo:${account}`);
      const agent = await startAgentProcess({
        xdsPort: 0,
        node: '',
        args: ['--control-plane', 'istio', '--log-level', 'debug'],
        env: {
          POD_NAME: `${name}-1`,
          POD_NAMESPACE: 'demo',
          SERVICE_ACCOUNT: account,
          INSTANCE_IP: ip,
          ISTIO_META_INTERCEPTION_MODE: 'NONE',
          ISTIO_METAJSON_LABELS: JSON.stringify({ app: name }),
          SECRET_TTL: CERTIFICATE_TTL,
          OUTRIGGER_XDS_SERVER: `127.0.0.1:${tls}`,
          OUTRIGGER_XDS_SERVER_NAME: 'istiod.istio-system.svc',
          OUTRIGGER_XDS_CA_FILE: join(folder, 'root.pem'),
          OUTRIGGER_XDS_TOKEN_FILE: token,
        },
      });
      stops.push(() => agent.stop());
      await agent.line(
        ({ msg, port: at }) => msg === 'listener bound' && at === (account === 'client' ? port : sidecarPort),
      );
      return agent;
    };
    const agents: AgentProcess[] = [];
    for (const [name, ip] of Object.entries(SIDECARS)) agents.push(await startAgent(name, 'echo', ip));
    agents.push(await startAgent('client', 'client', '127.0.0.2'));
    const authority = `echo.demo.svc.cluster.local:${port}`;
    await untilAnswered(port, authority, START_MS);
    return { load: startLoad(port, authority), agents, port, sidecarPort, authority, configure, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves, once it serves, to what ends it. */
async function startIstiod(folder: string, ports: Readonly<Record<string, number>>): Promise<() => Promise<unknown>> {
  const addresses = Object.entries(ports).flatMap(([name, port]) => [`-${name}`, `127.0.0.1:${port}`]);
  const root = join(folder, 'root.pem');
  const files = ['-config', join(folder, 'config'), '-mesh', join(folder, 'mesh.yaml'), '-root', root];
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    POD_NAMESPACE: 'istio-system',
    INJECT_ENABLED: 'false',
    VALIDATION_ENABLED: 'false',
  };
  const child = spawn(PROGRAM, [...files, ...addresses], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let lastWords = '';
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lastWords = line;
      if (line.includes(`starting secure gRPC discovery service`)) resolve();
    });
  }
  child.once('error', reject);
  const exited = new Promise<void>((end) => child.once('exit', () => end()));
  void exited.then(() => reject(new Error(`istiod ended: ${lastWords}`)));
  const timer = setTimeout(() => reject(new Error(`istiod was not ready after ${START_MS} ms`)), START_MS);
  await ready.finally(() => clearTimeout(timer));
  return async () => {
    child.kill('SIGTERM');
    await exited;
  };
}

async function firstCalls({ load }: Story): Promise<void> {
  for (const name of Object.keys(SIDECARS)) await load.more(100, name);
}

/** Whether a call without a certificate of the mesh is answered by the sidecar of an endpoint. */
async function isAnsweredInClear({ sidecarPort, authority }: Story): Promise<boolean> {
  const client = new EchoClient(sidecarPort, authority, {}, undefined, `${SIDECARS['echo-1']}:${sidecarPort}`);
  const answered = await client.unary(Buffer.from('x')).then(
    () => true,
    () => false,
  );
  client.close();
  return answered;
}

/** By default a sidecar takes both; the calls of another sidecar are secured all the same. */
async function permissive(story: Story): Promise<void> {
  if (!(await isAnsweredInClear(story))) throw new Error('a call in clear text was not answered');
}

async function strict(story: Story): Promise<void> {
  await story.configure('mode.yaml', strictMode);
  const deadline = Date.now() + START_MS;
  while (await isAnsweredInClear(story)) {
    if (Date.now() > deadline) throw new Error('calls in clear text are answered still');
  }
  await story.load.more(500);
}

async function endpointChurn({ load, configure, port, sidecarPort }: Story): Promise<void> {
  const [first = '', second = ''] = Object.keys(SIDECARS);
  for (let churn = 0; churn < CHURNS; churn++) {
    await configure('service.yaml', service(port, sidecarPort, [first]));
    await silence(load, second);
    await configure('service.yaml', service(port, sidecarPort, [first, second]));
    await load.more(50, second);
  }
}

/** The server's sidecar knows the client by its certificate. Load would fail meanwhile, so there is none. */
async function authorization({ configure, port, authority }: Story): Promise<void> {
  const until = async (wanted: status): Promise<void> => {
    const deadline = Date.now() + START_MS;
    for (let seen = await one(); seen !== wanted; seen = await one()) {
      if (Date.now() > deadline) throw new Error(`waited for status ${wanted}, and saw ${seen}`);
    }
  };
  const one = (): Promise<status> => statusOf(port, authority, '/no.Such/Call');
  await until(status.UNIMPLEMENTED);
  await configure('policy.yaml', policy('somebody-else'));
  await until(status.PERMISSION_DENIED);
  await configure('policy.yaml', policy('client'));
  await until(status.UNIMPLEMENTED);
}

/** All have theirs renewed twice, and calls go on over connections that were made before and after. */
async function renewal({ load, agents }: Story): Promise<void> {
  const issued = ({ lines }: AgentProcess): number =>
    lines.filter(({ msg }) => msg === 'a certificate was issued').length;
  const deadline = Date.now() + START_MS;
  while (agents.some((agent) => issued(agent) < 3)) {
    if (Date.now() > deadline) throw new Error(`certificates were issued ${agents.map(issued).join(' and ')} times`);
    await load.more(100);
  }
  await load.more(500);
}

/** Nothing of a private key is in what the agents show. */
async function secrecy({ agents }: Story): Promise<void> {
  for (const agent of agents) {
    const { text } = await agent.get('/config_dump');
    const logs = agent.lines.map((line) => JSON.stringify(line)).join('\n');
    if (/PRIVATE KEY-----(?!\n?\[)/.test(logs)) throw new Error('a log line has a private key');
    if (/BEGIN PRIVATE KEY-----(?:\\n|\n)[A-Za-z0-9+/]/.test(text)) throw new Error('/config_dump has a private key');
  }
}

export const istioMutualTls: Judge = {
  name: 'Istio, mutual TLS',
  judge: async (): Promise<readonly Verdict[]> => {
    const name = 'Istio, mutual TLS';
    if (!existsSync(PROGRAM)) return [{ kind: 'skipped', name, reason: 'OUTRIGGER_ISTIOD names no program' }];
    let story: Story;
    try {
      story = await begin();
    } catch (error) {
      return [{ kind: 'failed', name, reason: String(error) }];
    }
    const verdicts = [
      await verdictOf('first calls, with certificates that istiod has signed', () => firstCalls(story)),
      await verdictOf('PERMISSIVE, the default: clear text is answered too', () => permissive(story)),
      await verdictOf('endpoints come and go', () => endpointChurn(story)),
      await verdictOf('STRICT: clear text is not answered any more', () => strict(story)),
      await verdictOf('certificates that are renewed under load', () => renewal(story)),
      await verdictOf('private keys are not shown', () => secrecy(story)),
      await verdictOf('no call failed', () => story.load.stop()),
      await verdictOf('a policy by the identity of the client', () => authorization(story)),
    ];
    await story.stop();
    return verdicts;
  },
};
