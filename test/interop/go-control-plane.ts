// What go-control-plane does to an agent, in both modes, with both kinds of cache, by its own rules of what it answers.
import type { Judge, Verdict } from '../conformance/judge.ts';
import { verdictOf } from '../conformance/judge.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { type EchoServer, startEchoServer } from '../support/echo-service.ts';
import { clusterJson, endpointsJson, type JsonSnapshot, listenerJson, routesJson, routeTo } from './envoy-json.ts';
import { type GoServer, type GoServerOptions, goServerMissing, startGoServer } from './go-server.ts';
import { type Load, startLoad } from './load.ts';

interface Variant extends GoServerOptions {
  readonly mode: 'delta' | 'sotw';
}

const variants: readonly Variant[] = (['delta', 'sotw'] as const).flatMap((mode): Variant[] => [
  { mode, cache: 'snapshot', ads: true },
  { mode, cache: 'snapshot', ads: false },
  { mode, cache: 'snapshot', ads: true, ttl: '3s' },
  { mode, cache: 'linear' },
]);

const SHIFTS = 100;
const CHURNS = 50;
/** In whose time a client that answers a NACK's echo at once would send thousands. */
const NACK_CALLS = 3000;

/** Clusters `a` and `b`, an endpoint each; all calls go to one of them. */
function mesh(version: string, to: string, endpoints: Readonly<Record<string, readonly number[]>>): JsonSnapshot {
  return {
    version,
    listeners: [listenerJson('echo', 0, 'echo-routes')],
    routes: [routesJson('echo-routes', [routeTo(to)])],
    clusters: Object.keys(endpoints).map(clusterJson),
    endpoints: Object.entries(endpoints).map(([name, ports]) => endpointsJson(name, ports)),
  };
}

/** One life of an agent under one kind of server. */
class Story {
  readonly #variant: Variant;
  readonly #a: EchoServer;
  readonly #b: EchoServer;
  #server: GoServer;
  readonly agent: AgentProcess;
  #version = 0;

  private constructor(variant: Variant, a: EchoServer, b: EchoServer, server: GoServer, agent: AgentProcess) {
    this.#variant = variant;
    this.#a = a;
    this.#b = b;
    this.#server = server;
    this.agent = agent;
  }

  static async begin(variant: Variant): Promise<Story> {
    const [a, b] = await Promise.all([startEchoServer('a'), startEchoServer('b')]);
    const server = await startGoServer(variant);
    const args = ['--xds-mode', variant.mode, '--log-level', 'info'];
    const agent = await startAgentProcess({ xdsPort: server.port, node: 'interop', args });
    return new Story(variant, a, b, server, agent);
  }

  async firstConfig(): Promise<Load> {
    await this.#set('a', this.#both());
    const load = startLoad(await this.agent.listenerPort('echo'), 'echo');
    await load.more(100, 'a');
    return load;
  }

  async routeShifts(load: Load): Promise<void> {
    for (let shift = 0; shift < SHIFTS; shift++) {
      const to = shift % 2 === 0 ? 'b' : 'a';
      await this.#set(to, this.#both());
      await load.more(10, to);
    }
  }

  async endpointChurn(load: Load): Promise<void> {
    const [a, b] = [this.#a.port, this.#b.port];
    for (let churn = 0; churn < CHURNS; churn++) {
      const isB = churn % 2 === 0;
      await this.#set('a', { a: isB ? [b] : [a], b: [b] });
      await load.more(10, isB ? 'b' : 'a');
    }
  }

  /** Calls move to a cluster that comes with the same snapshot that drops the one they went to. */
  async deletion(load: Load): Promise<void> {
    await this.#set('a', this.#both());
    await load.more(10, 'a');
    await this.#set('new', { new: [this.#b.port] });
    await load.more(100, 'b');
    await this.#set('a', this.#both());
    await load.more(100, 'a');
  }

  async nackAndRepair(load: Load): Promise<void> {
    const bad = { match: { safe_regex: { regex: '(' } }, route: { cluster: 'b' } };
    const snapshot = mesh('bad', 'a', this.#both());
    await this.#server.set({ ...snapshot, routes: [routesJson('echo-routes', [bad])] });
    const nack = await this.#server.request(({ error }) => error !== '');
    if (!/virtual_hosts\[0\]\.routes\[0\]\.match\.safe_regex/.test(nack.error)) {
      throw new Error(`the NACK does not name the field: ${nack.error}`);
    }
    const nacks = (): number => this.#server.requests.filter(({ error }) => error !== '').length;
    await load.more(NACK_CALLS, 'a');
    if (nacks() > 5) throw new Error(`${nacks()} NACKs during ${NACK_CALLS} calls`);
    await this.#set('b', this.#both());
    await load.more(10, 'b');
  }

  async restart(load: Load): Promise<void> {
    const { port } = this.#server;
    await this.#server.stop();
    await load.more(200);
    this.#server = await startGoServer({ ...this.#variant, port });
    // It has nothing at first, as one that still reads its sources.
    await load.more(200);
    await this.#set('a', this.#both());
    await load.more(100, 'a');
  }

  async end(): Promise<void> {
    await this.agent.stop();
    await this.#server.stop();
    await Promise.all([this.#a.stop(), this.#b.stop()]);
  }

  #both(): Readonly<Record<string, readonly number[]>> {
    return { a: [this.#a.port], b: [this.#b.port] };
  }

  async #set(to: string, endpoints: Readonly<Record<string, readonly number[]>>): Promise<void> {
    this.#version++;
    await this.#server.set(mesh(`v${this.#version}`, to, endpoints));
  }
}

function nameOf({ mode, cache, ads, ttl }: Variant): string {
  const details = [cache, ...(cache === 'linear' ? [] : [`ads ${ads}`]), ...(ttl === undefined ? [] : ['TTL'])];
  return `${mode}, ${details.join(', ')}`;
}

async function live(variant: Variant): Promise<Verdict[]> {
  const name = nameOf(variant);
  const story = await Story.begin(variant);
  const verdicts: Verdict[] = [];
  let load: Load | null = null;
  verdicts.push(
    await verdictOf(`${name}: first configuration`, async () => {
      load = await story.firstConfig();
    }),
  );
  const steps: readonly (readonly [string, (load: Load) => Promise<void>])[] = [
    [`${SHIFTS} route shifts`, (calls) => story.routeShifts(calls)],
    [`${CHURNS} changes of endpoints`, (calls) => story.endpointChurn(calls)],
    ['deletion of the cluster in use', (calls) => story.deletion(calls)],
    ['NACK and repair', (calls) => story.nackAndRepair(calls)],
    ['restart', (calls) => story.restart(calls)],
  ];
  for (const [step, run] of steps) {
    const calls: Load | null = load;
    if (calls === null) verdicts.push({ kind: 'failed', name: `${name}: ${step}`, reason: 'there are no calls' });
    else verdicts.push(await verdictOf(`${name}: ${step}`, () => run(calls)));
  }
  verdicts.push(await verdictOf(`${name}: no call failed`, async () => (load as Load | null)?.stop()));
  await story.end();
  return verdicts;
}

/** Each request is looked at half a second late: nothing is given up meanwhile. */
async function slowServer(mode: 'delta' | 'sotw'): Promise<void> {
  const echo = await startEchoServer('a');
  const server = await startGoServer({ delay: '500ms' });
  await server.set(mesh('v1', 'a', { a: [echo.port] }));
  const agent = await startAgentProcess({ xdsPort: server.port, node: 'interop', args: ['--xds-mode', mode] });
  const load = startLoad(await agent.listenerPort('echo'), 'echo');
  try {
    await load.more(100, 'a');
    await load.stop();
  } finally {
    await agent.stop();
    await server.stop();
    await echo.stop();
  }
}

export const goControlPlane: Judge = {
  name: 'go-control-plane',
  judge: async () => {
    if (goServerMissing !== null) return [{ kind: 'skipped', name: 'go-control-plane', reason: goServerMissing }];
    const verdicts: Verdict[] = [];
    for (const variant of variants) verdicts.push(...(await live(variant)));
    for (const mode of ['delta', 'sotw'] as const) {
      verdicts.push(await verdictOf(`${mode}: a slow server`, () => slowServer(mode)));
    }
    return verdicts;
  },
};
