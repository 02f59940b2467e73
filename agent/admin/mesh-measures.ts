// What the page shows in numbers, from what the agents counted. Pure.
import { type CallHistogram, histogramsOf } from '../stats/call-layout.ts';
import { LATENCY_BOUNDS_SECONDS } from '../stats/histogram-bounds.ts';
import type { MergedRow } from '../stats/stats-reader.ts';
import type { RecentCounts } from './agent-series.ts';
import { histogramQuantile } from './histogram-quantile.ts';
import type { DescribedAgent, DescribedService } from './mesh-description.ts';
import type { MeshEdge, MeshMethod, MeshService } from './mesh-snapshot.ts';

/** One agent: who it is, and what it counted. */
export interface MeasuredAgent {
  readonly agent: DescribedAgent;
  readonly recent: RecentCounts;
  readonly totals: readonly MergedRow[];
}

interface Figures {
  readonly callsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Whoever calls from outside of the mesh. */
const OUTSIDE = 'traffic';
/**
 * Calls into a service that no agent sent: below this part of all, they are but calls that one agent has counted and
 * the other has not yet.
 */
const OUTSIDE_PART = 0.1;

/** Calls of some kind, over all agents. */
class Tally {
  #perSecond = 0;
  #errorsPerSecond = 0;
  #calls = 0;
  readonly #buckets = new Float64Array(LATENCY_BOUNDS_SECONDS.length + 1);

  add(row: MergedRow, histogram: CallHistogram, seconds: number): void {
    let calls = 0;
    for (let i = 0; i < this.#buckets.length; i++) {
      const count = row.values[histogram.start + i] ?? 0;
      this.#buckets[i] = (this.#buckets[i] ?? 0) + count;
      calls += count;
    }
    this.#calls += calls;
    if (seconds <= 0) return;
    this.#perSecond += calls / seconds;
    if (row.labels['status'] !== '0') this.#errorsPerSecond += calls / seconds;
  }

  get calls(): number {
    return this.#calls;
  }

  figures(): Figures {
    const quantile = (q: number) => {
      const seconds = histogramQuantile(LATENCY_BOUNDS_SECONDS, this.#buckets, q);
      return seconds === null ? null : seconds * 1000;
    };
    return {
      callsPerSecond: this.#perSecond,
      errorsPerSecond: this.#errorsPerSecond,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
    };
  }
}

/** Where a call counts; null: nowhere. */
type KeyOf = (agent: DescribedAgent, row: MergedRow) => string | null;

/** Tallies by key, in the order of the keys; of the last seconds, or of all time, which gives no rates. */
function tally(
  agents: readonly MeasuredAgent[],
  span: 'recent' | 'ever',
  direction: 'inbound' | 'outbound',
  keyOf: KeyOf,
): ReadonlyMap<string, Tally> {
  const tallies = new Map<string, Tally>();
  const metric = direction === 'inbound' ? 'grpc_server_call_duration_seconds' : 'grpc_client_call_duration_seconds';
  for (const { agent, recent, totals } of agents) {
    const [rows, seconds] = span === 'recent' ? [recent.rows, recent.seconds] : [totals, 0];
    for (const row of callsOf(rows, direction)) {
      const key = keyOf(agent, row);
      const histogram = histogramsOf(row).find((candidate) => candidate.metric === metric);
      if (key === null || histogram === undefined) continue;
      const found = tallies.get(key) ?? new Tally();
      tallies.set(key, found);
      found.add(row, histogram, seconds);
    }
  }
  return new Map([...tallies].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** By service and method, measured where the calls enter the service. */
export function measureMethods(agents: readonly MeasuredAgent[]): MeshMethod[] {
  const tallies = tally(agents, 'recent', 'inbound', (agent, row) =>
    JSON.stringify([serviceOfMethod(agent, row, agents), methodOf(row)]),
  );
  return Array.from(tallies, ([key, counted]) => {
    const [service, method]: [string, string] = JSON.parse(key);
    return { method, service, ...counted.figures() };
  });
}

/** By method alone: what the charts show. */
export function measureHistory(agents: readonly MeasuredAgent[]): ReadonlyMap<string, Figures> {
  const tallies = tally(agents, 'recent', 'inbound', (_, row) => methodOf(row));
  return new Map(Array.from(tallies, ([method, counted]) => [method, counted.figures()]));
}

/** Between services, as the caller's agent measures it; and from outside, where more comes in than agents sent. */
export function measureEdges(agents: readonly MeasuredAgent[], services: readonly DescribedService[]): MeshEdge[] {
  const receiver: KeyOf = (_, row) => serviceOfCluster(row.labels['cluster'] ?? '', services);
  const senderAndReceiver: KeyOf = (agent, row) => {
    const to = receiver(agent, row);
    return to === null ? null : JSON.stringify([agent.services[0] ?? OUTSIDE, to]);
  };
  const entered: KeyOf = (agent, row) => serviceOfMethod(agent, row, agents);
  const came = { ever: tally(agents, 'ever', 'inbound', entered), recent: tally(agents, 'recent', 'inbound', entered) };
  const sent = {
    ever: tally(agents, 'ever', 'outbound', receiver),
    recent: tally(agents, 'recent', 'outbound', receiver),
  };

  const fromOutside = services.flatMap(({ name }): MeshEdge[] => {
    const calls = came.ever.get(name)?.calls ?? 0;
    const all = came.recent.get(name)?.figures();
    if (all === undefined || calls - (sent.ever.get(name)?.calls ?? 0) <= calls * OUTSIDE_PART) return [];
    const inside = sent.recent.get(name)?.figures();
    const figures = {
      ...all,
      callsPerSecond: Math.max(0, all.callsPerSecond - (inside?.callsPerSecond ?? 0)),
      errorsPerSecond: Math.max(0, all.errorsPerSecond - (inside?.errorsPerSecond ?? 0)),
    };
    return [edgeOf(OUTSIDE, name, figures)];
  });
  const between = Array.from(tally(agents, 'recent', 'outbound', senderAndReceiver), ([key, counted]) => {
    const [from, to]: [string, string] = JSON.parse(key);
    return edgeOf(from, to, counted.figures());
  });
  return [...fromOutside, ...between];
}

function edgeOf(from: string, to: string, { callsPerSecond, errorsPerSecond, p50Ms, p99Ms }: Figures): MeshEdge {
  const errorRate = callsPerSecond > 0 ? Math.min(1, errorsPerSecond / callsPerSecond) : 0;
  return { from, to, callsPerSecond, errorRate, p50Ms, p99Ms };
}

/** Each instance, with the calls that whoever stands before it sent there. */
export function measureServices(
  agents: readonly MeasuredAgent[],
  services: readonly DescribedService[],
): MeshService[] {
  const totals = new Map<string, number>();
  const rates = new Map<string, number>();
  const add = (sums: Map<string, number>, rows: readonly MergedRow[], seconds: number): void => {
    for (const { name, labels, values } of rows) {
      if (name !== 'outrigger_endpoint_calls_total' || seconds <= 0) continue;
      const endpoint = labels['endpoint'] ?? '';
      sums.set(endpoint, (sums.get(endpoint) ?? 0) + (values[0] ?? 0) / seconds);
    }
  };
  for (const { recent, totals: rows } of agents) {
    add(totals, rows, 1);
    add(rates, recent.rows, recent.seconds);
  }
  return services.map(({ name, instances }) => ({
    name,
    endpoints: instances.map((instance) => ({
      ...instance,
      callsTotal: totals.get(instance.address) ?? 0,
      callsPerSecond: rates.get(instance.address) ?? 0,
    })),
  }));
}

function methodOf(row: MergedRow): string {
  return row.labels['method'] ?? '';
}

function callsOf(rows: readonly MergedRow[], direction: 'inbound' | 'outbound'): MergedRow[] {
  return rows.filter(({ kind, labels }) => kind === 'call' && labels['direction'] === direction);
}

/** `catalogue/v1` and `catalogue` are clusters of the service `catalogue`. */
function serviceOfCluster(cluster: string, services: readonly DescribedService[]): string | null {
  return services.find(({ name }) => cluster === name || cluster.startsWith(`${name}/`))?.name ?? null;
}

/**
 * Of an agent beside one service, that. Beside several, the one to which some agent sends calls of this method; the
 * first where nobody does.
 */
function serviceOfMethod(
  { services }: DescribedAgent,
  { labels }: MergedRow,
  agents: readonly MeasuredAgent[],
): string {
  const [first = ''] = services;
  if (services.length < 2) return first;
  for (const { totals } of agents) {
    for (const row of callsOf(totals, 'outbound')) {
      if (methodOf(row) !== labels['method']) continue;
      const service = services.find(
        (name) => row.labels['cluster'] === name || row.labels['cluster']?.startsWith(`${name}/`),
      );
      if (service !== undefined) return service;
    }
  }
  return first;
}
