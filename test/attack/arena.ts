// Where an attack takes place: processes of their own, so that the cost of each is its own. Agent, endpoint and attacker
// are children; the neighbours and the victims are here. A second agent, which nobody attacks, tells what the machine is
// like meanwhile.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Up } from '../../agent/link.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { Question, Sample } from './agent-child.ts';
import type { Attack } from './attack.ts';
import type { Command, Reply } from './attacker-child.ts';
import { keyOf } from './attacks.ts';
import { hostileMesh, hostilePath } from './hostile-mesh.ts';
import { Innocent, Victims } from './innocent.ts';
import type { Measurement } from './verdict.ts';

export interface ArenaOptions {
  /** How long the attack lasts. */
  readonly seconds: number;
  /** The attacker's connections at once. */
  readonly width: number;
}

const victims = 8;
const warmUpSeconds = 1;
/** Calls at once, of a cluster. */
const largeBudget = 100_000;
/** A process that says nothing for so long, when it was asked, is ended. */
const silenceMs = 30_000;
/** As a worker has it (agent/workers.ts). */
const agentFlags = ['--expose-gc', '--max-semi-space-size=4'];

/** A child that answers each message with one of its own. */
export class Child<In extends object | string, Out extends { readonly kind: string }> {
  readonly #process: ChildProcess;

  constructor(name: string, execArgv: readonly string[] = []) {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    this.#process = fork(new URL(`./${name}${extension}`, import.meta.url), { execArgv: [...execArgv] });
  }

  /** The next message of that kind. Rejects when the child ends before it comes, or says nothing for half a minute. */
  async next<Kind extends Out['kind']>(kind: Kind): Promise<Extract<Out, { kind: Kind }>> {
    for (;;) {
      const ended = new AbortController();
      const exit = once(this.#process, 'exit', { signal: ended.signal }).then(([code, signal]): never => {
        throw new Error(`the process ended by itself (${signal ?? `exit code ${code}`})`);
      });
      const message = once(this.#process, 'message', { signal: ended.signal });
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), silenceMs);
      const [came] = await Promise.race([message, exit]).finally(() => {
        clearTimeout(timer);
        ended.abort();
      });
      message.catch(() => {});
      exit.catch(() => {});
      const out = came as Out;
      if (out.kind === kind) return out as Extract<Out, { kind: Kind }>;
    }
  }

  ask<Kind extends Out['kind']>(message: In, kind: Kind): Promise<Extract<Out, { kind: Kind }>> {
    const answer = this.next(kind);
    if (this.#process.connected) this.#process.send(message);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    if (this.#process.connected) this.#process.disconnect();
    await exited;
  }
}

type Endpoint = Child<never, { kind: 'listening'; port: number }>;
type Agent = Child<Question | { kind: 'config'; version: number; update: object }, Sample | Up>;

export async function startAgent(resources: readonly ServingResource[]): Promise<{ agent: Agent; port: number }> {
  const agent: Agent = new Child('agent-child', agentFlags);
  const update = { upsert: resources, remove: [] };
  const { port } = await agent.ask({ kind: 'config', version: 1, update }, 'listener-bound');
  return { agent, port };
}

/** An agent that is not attacked, its endpoint, and a neighbour of its own. */
export class Elsewhere {
  readonly innocent: Innocent;
  readonly #children: readonly { stop(): Promise<void> }[];

  private constructor(innocent: Innocent, children: readonly { stop(): Promise<void> }[]) {
    this.innocent = innocent;
    this.#children = children;
  }

  static async start(): Promise<Elsewhere> {
    const endpoint: Endpoint = new Child('endpoint-child');
    const { port: endpointPort } = await endpoint.next('listening');
    const { agent, port } = await startAgent(hostileMesh(endpointPort, 0));
    const innocent = new Innocent(port);
    await warmUp(innocent);
    return new Elsewhere(innocent, [agent, endpoint]);
  }

  async stop(): Promise<void> {
    this.innocent.close();
    await Promise.all(this.#children.map((child) => child.stop()));
  }
}

/** Plays one attack and measures it. Rejects when a process ended by itself. */
export async function measure(
  attack: Attack,
  { seconds, width }: ArenaOptions,
  elsewhere: Elsewhere,
): Promise<Measurement> {
  const endpoint: Endpoint = new Child('endpoint-child');
  const attacker: Child<Command, Reply> = new Child('attacker-child');
  const [{ port: endpointPort }, { endpointPort: hostilePort }] = await Promise.all([
    endpoint.next('listening'),
    attacker.ask({ kind: 'prepare', id: keyOf(attack) }, 'prepared'),
  ]);
  const maxRequests = attack.isBehindLargeBudget === true ? largeBudget : null;
  const { agent, port } = await startAgent(hostileMesh(endpointPort, hostilePort, maxRequests));
  const innocent = new Innocent(port);
  let led: Victims | null = null;
  try {
    await warmUp(innocent);
    const before = await agent.ask('begin', 'sample');
    if (hostilePort !== 0) led = new Victims(port, hostilePath, victims);
    innocent.begin();
    elsewhere.innocent.begin();
    const done = await attacker.ask({ kind: 'run', agentPort: port, seconds, width }, 'done');
    const after = await agent.ask('sample', 'sample');
    const [during, beside] = await Promise.all([innocent.end(), elsewhere.innocent.end()]);
    const { errors, hits } = after;
    return {
      tally: done.tally,
      attackerCpuMs: done.cpuMs,
      agentCpuMs: after.cpuMs - before.cpuMs,
      growthBytes: Math.max(0, after.peakRss - before.rss),
      during,
      elsewhere: beside,
      hits: attack.limit === undefined ? 0 : (hits[attack.limit] ?? 0),
      errors,
    };
  } finally {
    led?.stop();
    innocent.close();
    elsewhere.innocent.pause();
    await Promise.all([agent.stop(), attacker.stop(), endpoint.stop()]);
  }
}

async function warmUp(innocent: Innocent): Promise<void> {
  innocent.begin();
  await new Promise<void>((resolve) => {
    const over = (): void => resolve();
    setTimeout(over, 1000 * warmUpSeconds);
  });
  await innocent.end();
}
