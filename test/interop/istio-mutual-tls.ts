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
import { statusOf } from './ask.ts';
import { replaceFile } from './control-plane.ts';
import { type Load, startLoad } from './load.ts';

const PROGRAM = process.env['OUTRIGGER_ISTIOD'] ?? '';
const START_MS = 60_000;
/** Short enough to be renewed while we look. */
const CERTIFICATE_TTL = '20s';

const meshConfig = 'trustDomain: cluster.local\nenableTracing: false\n';

/** A service of one endpoint, a sidecar before it, and mutual TLS for all. */
function resources(port: number, sidecarPort: number, backendPort: number): string {
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
  endpoints: [{address: 127.0.0.3, ports: {grpc: ${sidecarPort}}, labels: {app: echo}, serviceAccount: echo}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: echo, namespace: demo}
spec:
  workloadSelector: {labels: {app: echo}}
  ingress:
  - port: {number: ${sidecarPort}, protocol: GRPC, name: grpc}
    bind: 127.0.0.3
    captureMode: NONE
    defaultEndpoint: 127.0.0.1:${backendPort}
  egress: [{hosts: ["~/*"]}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: demo}
spec: {mtls: {mode: STRICT}}
`;
}

/** Who may call. */
function policy(account: string): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: echo, namespace: demo}
spec:
  selector: {matchLabels: {app: echo}}
  action: ALLOW
  rules: [{from: [{source: {principals: [cluster.local/ns/demo/sa/${account}]}}]}]
`;
}

interface Story {
  readonly load: Load;
  readonly agents: readonly AgentProcess[];
  /** Where the client's sidecar takes calls, and where the server's does. */
  readonly port: number;
  readonly sidecarPort: number;
  readonly authority: string;
  allow(account: string): Promise<void>;
  stop(): Promise<void>;
}

async function begin(): Promise<Story> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-istio-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end();
  };
  const [grpc = 0, tls = 0, http = 0, monitoring = 0, port = 0, sidecarPort = 0] = await freePorts(6);
  const server = await startEchoServer('echo');
  stops.push(() => server.stop());
  await mkdir(join(folder, 'config'));
  await writeFile(join(folder, 'mesh.yaml'), meshConfig);
  await writeFile(join(folder, 'config', 'echo.yaml'), resources(port, sidecarPort, server.port));
  const allow = (account: string): Promise<void> => replaceFile(join(folder, 'config', 'policy.yaml'), policy(account));
  await allow('client');
  try {
    stops.push(await startIstiod(folder, { grpc, tls, http, monitoring }));
    const startAgent = async (account: string, ip: string) => {
      const token = join(folder, `${account}.token`);
      await writeFile(token, `test:demo:${account}`);
      const agent = await startAgentProcess({
        xdsPort: 0,
        node: '',
        args: ['--control-plane', 'istio', '--log-level', 'debug'],
        env: {
          POD_NAME: `${account}-1`,
          POD_NAMESPACE: 'demo',
          SERVICE_ACCOUNT: account,
          INSTANCE_IP: ip,
          ISTIO_META_INTERCEPTION_MODE: 'NONE',
          ISTIO_METAJSON_LABELS: JSON.stringify({ app: account }),
          SECRET_TTL: CERTIFICATE_TTL,
          OUTRIGGER_XDS_SERVER: `127.0.0.1:${tls}`,
          OUTRIGGER_XDS_SERVER_NAME: 'istiod.istio-system.svc',
          OUTRIGGER_XDS_CA_FILE: join(folder, 'root.pem'),
          OUTRIGGER_XDS_TOKEN_FILE: token,
        },
      });
      stops.push(() => agent.stop());
      return agent;
    };
    const agents = [await startAgent('echo', '127.0.0.3'), await startAgent('client', '127.0.0.2')];
    await Promise.all(
      [sidecarPort, port].map((wanted, i) =>
        agents[i]?.line(({ msg, port: at }) => msg === 'listener bound' && at === wanted),
      ),
    );
    const authority = `echo.demo.svc.cluster.local:${port}`;
    await firstAnswer(port, authority);
    return { load: startLoad(port, authority), agents, port, sidecarPort, authority, allow, stop };
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

async function firstAnswer(port: number, authority: string): Promise<void> {
  const client = new EchoClient(port, authority);
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      await client.unary(Buffer.from('x'));
      break;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
  client.close();
}

/** What has no certificate of the mesh gets nothing from the server's sidecar. */
async function strict({ sidecarPort, authority }: Story): Promise<void> {
  const client = new EchoClient(sidecarPort, authority, {}, undefined, `127.0.0.3:${sidecarPort}`);
  const answer = await client.unary(Buffer.from('x')).then(
    () => 'was answered',
    () => null,
  );
  client.close();
  if (answer !== null) throw new Error(`a call in clear text ${answer}`);
}

/** The server's sidecar knows the client by its certificate. Load would fail meanwhile, so there is none. */
async function authorization({ allow, port, authority }: Story): Promise<void> {
  const until = async (wanted: status): Promise<void> => {
    const deadline = Date.now() + START_MS;
    for (let seen = await one(); seen !== wanted; seen = await one()) {
      if (Date.now() > deadline) throw new Error(`waited for status ${wanted}, and saw ${seen}`);
    }
  };
  const one = (): Promise<status> => statusOf(port, authority, '/no.Such/Call');
  await until(status.UNIMPLEMENTED);
  await allow('somebody-else');
  await until(status.PERMISSION_DENIED);
  await allow('client');
  await until(status.UNIMPLEMENTED);
}

/** Both have theirs renewed twice, and calls go on over connections that were made before and after. */
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
      await verdictOf('first calls, with certificates that istiod has signed', () => story.load.more(500)),
      await verdictOf('a call in clear text is not answered', () => strict(story)),
      await verdictOf('certificates that are renewed under load', () => renewal(story)),
      await verdictOf('private keys are not shown', () => secrecy(story)),
      await verdictOf('no call failed', () => story.load.stop()),
      await verdictOf('a policy by the identity of the client', () => authorization(story)),
    ];
    await story.stop();
    return verdicts;
  },
};
