// The admin port of an agent: what it is doing, and the few things that one may tell it. The paths are those that users
// of Envoy and linkerd type by habit.
import { imagineCall } from '../grpc/imagined-call.ts';
import { isLogLevel, LOG_LEVELS, type Log } from '../observe/log.ts';
import type { MergedRow } from '../stats/stats-reader.ts';
import {
  type AdminAnswer,
  AdminHttp,
  type AdminRequest,
  type AdminRoute,
  formatRoutes,
  json,
  plain,
} from './admin-http.ts';
import type { AdminSource } from './admin-source.ts';
import { formatPrometheus, PROMETHEUS_TYPE } from './prometheus-text.ts';
import { encodeStats } from './stats-json.ts';
import { formatStats } from './stats-text.ts';
import { formatStatus } from './status-text.ts';
import { xdsRows } from './xds-rows.ts';

export interface AdminServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly log: Log;
  readonly source: AdminSource;
}

/** A worker that is busy or gone must not leave a question open for ever. */
const EXPLAIN_MS = 2000;

export function createAdminServer({ host, port, log, source }: AdminServerOptions): AdminHttp {
  return new AdminHttp({ host, port, log, routes: routesOf(source) });
}

/** What anyone may ask who can reach the pod. */
export function statusRoutes(source: AdminSource): Record<string, AdminRoute> {
  const prometheus = (): AdminAnswer => ({
    kind: 'whole',
    status: 200,
    type: PROMETHEUS_TYPE,
    body: formatPrometheus(allRows(source)),
  });
  return {
    '/ready': get('200 when it takes calls, else 503 with the reasons', () => ready(source)),
    '/live': get('200 while it runs', () => plain(200, 'LIVE\n')),
    '/metrics': get('the statistics, for Prometheus', prometheus),
    '/stats/prometheus': get('the same', prometheus),
  };
}

function get(help: string, answer: AdminRoute['answer']): AdminRoute {
  return { method: 'GET', help, answer };
}

function post(help: string, answer: AdminRoute['answer']): AdminRoute {
  return { method: 'POST', help, answer };
}

function routesOf(source: AdminSource): Record<string, AdminRoute> {
  const routes: Record<string, AdminRoute> = {
    '/': get('this list', () => plain(200, `Outrigger\n\n${formatRoutes(routes)}`)),
    ...statusRoutes(source),
    '/status': get('as /ready, with what each control plane has sent and what is wrong with it', () => {
      const readiness = source.ready();
      return plain(readiness.ready ? 200 : 503, formatStatus(readiness, source.controlPlanes()));
    }),
    '/stats': get('the statistics; ?filter=REGEX, ?format=json', (request) => stats(source, request)),
    '/config_dump': get('what the control plane said, what was refused and why, what serves', () =>
      json(source.configDump()),
    ),
    '/clusters': get('clusters and their endpoints', () => json(source.clusters())),
    '/listeners': get('listeners and where they are bound', () => json(source.listeners())),
    '/server_info': get('node, version, state', () => json(source.serverInfo())),
    '/explain': get('which route takes a call: ?listener=&authority=&path=&header=NAME:VALUE', (request) =>
      explain(source, request),
    ),
    '/logging': post(`log level: ?level=${LOG_LEVELS.join('|')}`, (request) => logging(source, request)),
    '/drain': post('finish the calls in flight, take no new ones, end', () => {
      source.drain();
      return plain(200, 'draining\n');
    }),
    '/quitquitquit': post('end now', () => ({ ...plain(200, 'ending\n'), after: () => source.quit() })),
  };
  return routes;
}

function ready(source: AdminSource): AdminAnswer {
  const readiness = source.ready();
  return plain(readiness.ready ? 200 : 503, formatStatus(readiness, []));
}

function allRows(source: AdminSource): MergedRow[] {
  return [...source.stats.rows(), ...xdsRows(source.controlPlanes()), ...processRows()];
}

function stats(source: AdminSource, { query }: AdminRequest): AdminAnswer {
  const rows = allRows(source);
  if (query.get('format') === 'json') {
    return { kind: 'whole', status: 200, type: 'application/json', body: encodeStats(rows) };
  }
  const filter = query.get('filter');
  try {
    return plain(200, formatStats(rows, filter === null ? null : new RegExp(filter)));
  } catch {
    return plain(400, `filter is no regular expression: ${filter}\n`);
  }
}

function logging(source: AdminSource, { query }: AdminRequest): AdminAnswer {
  const level = query.get('level') ?? '';
  if (!isLogLevel(level)) return plain(400, `level is ${LOG_LEVELS.join(', ')}, not '${level}'\n`);
  source.setLogLevel(level);
  return plain(200, `log level: ${level}\n`);
}

async function explain(source: AdminSource, { query }: AdminRequest): Promise<AdminAnswer> {
  const listener = query.get('listener');
  const authority = query.get('authority');
  const path = query.get('path');
  if (!listener || !authority || !path) {
    return plain(400, 'explain wants ?listener=NAME&authority=NAME&path=/package.Service/Method\n');
  }
  const headers = imagineCall(path, authority, query.getAll('header'));
  if (typeof headers === 'string') return plain(400, `header is NAME:VALUE, not '${headers}'\n`);
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, EXPLAIN_MS, null);
  const found = await Promise.race([source.explain(listener, headers), late]);
  clearTimeout(timer);
  if (found === null) return plain(504, 'the data plane did not answer\n');
  if ('listeners' in found) {
    return plain(404, `no listener ${listener}; there are: ${found.listeners.join(', ') || 'none'}\n`);
  }
  return plain(200, found.lines.map((line) => `${line}\n`).join(''));
}

/** What every exporter of Prometheus metrics says of its process. */
function processRows(): MergedRow[] {
  const { user, system } = process.cpuUsage();
  const row = (kind: 'counter' | 'gauge', name: string, value: number): MergedRow => ({
    kind,
    name,
    labels: {},
    values: Float64Array.of(value),
  });
  return [
    row('gauge', 'process_resident_memory_bytes', process.memoryUsage.rss()),
    row('counter', 'process_cpu_seconds_total', (user + system) / 1e6),
    row('gauge', 'process_start_time_seconds', Math.round(performance.timeOrigin) / 1000),
  ];
}
