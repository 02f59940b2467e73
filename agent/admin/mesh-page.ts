// The page of the local mesh and the data behind it: looks at every agent once a second, puts together what they counted,
// what the receiver of spans has and what the mesh says of itself, and hands it on as snapshots. On the same port are
// the readiness and the metrics of all agents.
import type { ServerResponse } from 'node:http';
import type { Log } from '../observe/log.ts';
import { type AdminAnswer, AdminHttp, plain } from './admin-http.ts';
import { askReadiness, lookAtAgent } from './agent-poll.ts';
import { AgentSeries } from './agent-series.ts';
import type { MeshDescription } from './mesh-description.ts';
import { MethodHistory } from './mesh-history.ts';
import { measureEdges, measureHistory, measureMethods, measureServices } from './mesh-measures.ts';
import type { MeshAgent, MeshSnapshot, MeshTrace } from './mesh-snapshot.ts';
import { formatPrometheus, PROMETHEUS_TYPE } from './prometheus-text.ts';
import { readStaticFile } from './static-files.ts';

/** Where traces come from, newest first: the OTLP receiver. */
interface TraceSource {
  traces(): readonly (MeshTrace & { readonly whole: boolean; readonly receivedMs: number })[];
}

export interface MeshPageOptions {
  readonly agents: readonly { readonly name: string; readonly adminUrl: string }[];
  readonly receiver: TraceSource;
  /** As it is now; asked for each snapshot. */
  readonly describe: () => MeshDescription;
  /** `admin-ui/dist`. */
  readonly staticDir: string;
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly log: Log;
  /** Between two looks at the agents, in milliseconds. Default 1,000. */
  readonly intervalMs?: number;
}

export interface MeshPage {
  /** Answers the port. Rejects with one sentence where it can't be had. */
  listen(): Promise<number>;
  snapshot(): MeshSnapshot;
  close(): Promise<void>;
}

/** What rates and percentiles are made of: long enough for a trickle, short enough to follow a hand. */
const WINDOW_MS = 4000;
const MAX_TRACES = 30;
/** Agents send their spans at different times: a trace is shown when nothing came for so long, whole or in part. */
const QUIET_MS = { whole: 700, part: 5000 };
/** A page that does not read is not written to. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

interface WatchedAgent {
  readonly name: string;
  readonly adminUrl: string;
  readonly series: AgentSeries;
  reachable: boolean;
  ready: boolean;
  controlPlaneConnected: boolean;
}

export function createMeshPage(options: MeshPageOptions): MeshPage {
  const { describe, receiver, staticDir, host, port, log, intervalMs = 1000 } = options;
  const agents = options.agents.map((agent): WatchedAgent => {
    const unknown = { reachable: false, ready: false, controlPlaneConnected: false };
    return { ...agent, ...unknown, series: new AgentSeries(WINDOW_MS) };
  });
  const history = new MethodHistory();
  const readers = new Set<ServerResponse>();
  let timer: NodeJS.Timeout | null = null;
  let looking = false;

  function measured(description: MeshDescription) {
    return agents.map(({ name, series }) => ({
      agent: description.agents.find((agent) => agent.name === name) ?? {
        name,
        nodeId: name,
        services: [],
        configVersion: '',
      },
      recent: series.recent(),
      totals: series.totals(),
    }));
  }

  function snapshot(): MeshSnapshot {
    const description = describe();
    const measures = measured(description);
    return {
      atMs: Date.now(),
      agents: agents.map(({ name, reachable, ready, controlPlaneConnected }, i): MeshAgent => {
        const { nodeId = name, services = [], configVersion = '' } = measures[i]?.agent ?? {};
        return { name, services, nodeId, reachable, ready: ready && reachable, controlPlaneConnected, configVersion };
      }),
      services: measureServices(measures, description.services),
      edges: measureEdges(measures, description.services),
      methods: measureMethods(measures),
      history: history.read(),
      traces: settledTraces(receiver),
      config: description.config,
    };
  }

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      await Promise.all(agents.map(lookAt));
      const atMs = Date.now();
      history.add(atMs, measureHistory(measured(describe())));
      if (readers.size > 0) send(eventOf(snapshot()));
    } catch (error) {
      log('error', 'the page of the mesh could not be brought up to date', { cause: String(error) });
    } finally {
      looking = false;
    }
  }

  function send(event: string): void {
    for (const reader of readers) if (reader.writableLength < MAX_UNREAD_BYTES) reader.write(event);
  }

  function openEvents(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(eventOf(snapshot()));
    readers.add(response);
    response.on('close', () => readers.delete(response));
  }

  async function ready(): Promise<AdminAnswer> {
    const answers = await Promise.all(
      agents.map(async ({ name, adminUrl }) => (await askReadiness(adminUrl)).map((reason) => `${name}: ${reason}\n`)),
    );
    const reasons = answers.flat();
    return reasons.length === 0 ? plain(200, 'LIVE\n') : plain(503, `not ready\n${reasons.join('')}`);
  }

  function metrics(): AdminAnswer {
    const rows = agents.flatMap(({ name, series }) =>
      series.latest().map((row) => ({ ...row, labels: { agent: name, ...row.labels } })),
    );
    return { kind: 'whole', status: 200, type: PROMETHEUS_TYPE, body: formatPrometheus(rows) };
  }

  const http = new AdminHttp({
    host,
    port,
    log,
    routes: {
      '/api/mesh': { method: 'GET', help: 'a snapshot of the mesh', answer: () => compactJson(snapshot()) },
      '/api/events': {
        method: 'GET',
        help: 'a snapshot a second, as server-sent events',
        answer: () => ({ kind: 'stream', open: openEvents }),
      },
      '/ready': { method: 'GET', help: '200 when every agent is ready, else 503 with the reasons', answer: ready },
      '/live': { method: 'GET', help: '200 while the mesh runs', answer: () => plain(200, 'LIVE\n') },
      '/metrics': { method: 'GET', help: 'the statistics of all agents, for Prometheus', answer: metrics },
      '/stats/prometheus': { method: 'GET', help: 'the same', answer: metrics },
    },
    fallback: async ({ path }) => {
      const file = await readStaticFile(staticDir, path);
      return file === null && path === '/'
        ? plain(503, `the page is not built: there is no index.html in ${staticDir}\n`)
        : file;
    },
  });

  return {
    listen: async () => {
      const bound = await http.listen();
      timer = setInterval(() => void look(), intervalMs);
      void look();
      return bound;
    },
    snapshot,
    close: () => {
      if (timer !== null) clearInterval(timer);
      return http.close();
    },
  };
}

async function lookAt(agent: WatchedAgent): Promise<void> {
  const look = await lookAtAgent(agent.adminUrl);
  agent.reachable = look !== null;
  agent.series.sample(Date.now(), look?.rows ?? null);
  if (look === null) return;
  agent.ready = look.ready;
  agent.controlPlaneConnected = look.controlPlaneConnected;
}

/** The last of which all has come, or no more will. */
function settledTraces(receiver: TraceSource): MeshTrace[] {
  const now = Date.now();
  return receiver
    .traces()
    .filter(({ whole, receivedMs }) => now - receivedMs > (whole ? QUIET_MS.whole : QUIET_MS.part))
    .slice(0, MAX_TRACES)
    .map(({ whole: _whole, receivedMs: _receivedMs, ...trace }) => trace);
}

function compactJson(value: unknown): AdminAnswer {
  return { kind: 'whole', status: 200, type: 'application/json', body: JSON.stringify(value) };
}

function eventOf(snapshot: MeshSnapshot): string {
  return `data: ${JSON.stringify(snapshot)}\n\n`;
}
