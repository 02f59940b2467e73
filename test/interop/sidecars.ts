// The agents and endpoints of one control plane of others: whoever the control plane says there is.
import type { status } from '@grpc/grpc-js';
import { type Verdict, verdictOf } from '../conformance/judge.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { startEchoServer } from '../support/echo-service.ts';
import { statusOf, untilAnswered } from './ask.ts';
import { type ControlPlaneProcess, startControlPlane } from './control-plane.ts';
import { type Load, startLoad } from './load.ts';

export interface Sidecars {
  readonly client: AgentProcess;
  /** Names of the endpoints, `b<port>` each. */
  readonly endpoints: readonly string[];
  readonly load: Load;
  /** The gRPC status of a unary call of this path, of its own connection. */
  statusOf(path: string): Promise<status>;
  /** Ends the control plane and starts it again on the same ports. */
  restartControlPlane(): Promise<void>;
  readonly controlPlane: () => ControlPlaneProcess;
  stop(): Promise<void>;
}

/** How an agent is told of its control plane; `prefix`: whose facts count. */
export type Introduce = (facts: ControlPlaneProcess, prefix: '' | 'SERVER_') => Introduction;

export interface Introduction {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The listener that calls go to; absent: whichever is bound to the port that the control plane printed. */
  readonly listener?: string;
}

/** By the node that the control plane printed. */
export const byBootstrap: Introduce = (facts, prefix) => {
  const bootstrap = {
    xds_servers: [{ server_uri: facts.fact('XDS'), channel_creds: [{ type: 'insecure' }] }],
    node: {
      id: facts.fact(`${prefix}NODE_ID`),
      cluster: facts.fact(`${prefix}NODE_CLUSTER`),
      metadata: JSON.parse(facts.fact(`${prefix}NODE_METADATA`)),
    },
  };
  return { args: [], env: { GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) } };
};

/** Facts whose port a restarted control plane must have again, by the name of the variable that says it. */
const kept = { PORT: 'XDS', SVC: 'LISTEN', OUT: 'LISTEN', IN: 'SERVER_LISTEN' };
/** Consul finds an endpoint healthy after some ten seconds. */
const HEALTHY_MS = 30_000;

export type Step = (sidecars: Sidecars) => Promise<void>;

/** Plays `steps` one after another under load; the last verdict is that no call failed in any of them. */
export async function live(
  controlPlane: string,
  name: string,
  env: NodeJS.ProcessEnv,
  introduce: Introduce,
  steps: Readonly<Record<string, Step>>,
): Promise<Verdict[]> {
  let sidecars: Sidecars;
  try {
    sidecars = await startSidecars(controlPlane, env, introduce);
  } catch (error) {
    return [{ kind: 'failed', name, reason: String(error) }];
  }
  const verdicts: Verdict[] = [];
  for (const [step, run] of Object.entries(steps)) {
    verdicts.push(await verdictOf(`${name}: ${step}`, () => run(sidecars)));
  }
  verdicts.push(await verdictOf(`${name}: no call failed`, () => sidecars.load.stop()));
  await sidecars.stop();
  return verdicts;
}

async function startSidecars(name: string, env: NodeJS.ProcessEnv, introduce: Introduce): Promise<Sidecars> {
  let controlPlane = await startControlPlane(name, env);
  const stops: (() => Promise<unknown>)[] = [() => controlPlane.stop()];
  const stop = async (): Promise<void> => {
    for (const end of stops.toReversed()) await end();
  };
  const startAgent = async (prefix: '' | 'SERVER_') => {
    const { args, env: agentEnv, listener } = introduce(controlPlane, prefix);
    const options = { xdsPort: 0, node: '', args: ['--log-level', 'debug', ...args], env: agentEnv };
    const agent = await startAgentProcess(options);
    stops.push(() => agent.stop());
    return { agent, listener };
  };
  try {
    const ports = controlPlane
      .fact('BACKENDS')
      .split(' ')
      .map((backend) => Number(backend.split(':')[1]));
    for (const port of ports) {
      const server = await startEchoServer(`b${port}`, port);
      stops.push(() => server.stop());
    }
    if (controlPlane.has('SERVER_NODE_ID')) await startAgent('SERVER_');
    const { agent: client, listener } = await startAgent('');
    const listening = controlPlane.port('LISTEN');
    const { port: bound } = await client.line(
      (line) =>
        line.msg === 'listener bound' &&
        (listener === undefined ? line['port'] === listening : line['listener'] === listener),
    );
    const port = Number(bound);
    const authority = controlPlane.fact('AUTHORITY') || `127.0.0.1:${port}`;
    await untilAnswered(port, authority, HEALTHY_MS);
    const load = startLoad(port, authority);
    return {
      client,
      endpoints: ports.map((backend) => `b${backend}`),
      load,
      statusOf: (path) => statusOf(port, authority, path),
      controlPlane: () => controlPlane,
      restartControlPlane: async () => {
        const places = keptPorts(controlPlane, ports);
        await controlPlane.stop();
        await load.more(1000);
        controlPlane = await startControlPlane(name, { ...env, ...places });
        await load.more(200);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The variables that give a control plane the same ports again. */
function keptPorts(controlPlane: ControlPlaneProcess, backends: readonly number[]): NodeJS.ProcessEnv {
  const facts = Object.entries(kept).filter(([, fact]) => controlPlane.has(fact));
  return Object.fromEntries([
    ...facts.map(([variable, fact]) => [variable, String(controlPlane.port(fact))]),
    ...backends.map((port, index) => [`B${index + 1}`, String(port)]),
  ]);
}
