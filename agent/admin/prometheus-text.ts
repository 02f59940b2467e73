// The statistics as Prometheus text. Source: Prometheus, "Exposition formats", text format 0.0.4; metric names and
// labels of gRFC A66 in their Prometheus spelling (dots to underscores, unit, `_total`).
import { statusName } from '../grpc/status.ts';
import { type CallHistogram, histogramsOf } from '../stats/call-layout.ts';
import type { MergedRow } from '../stats/stats-reader.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly lines: string[];
}

const HELP: Readonly<Record<string, string>> = {
  grpc_client_attempt_started_total: 'Attempts begun, those that go on included.',
  grpc_client_attempt_duration_seconds: 'From the start of an attempt to its end, the pick of an endpoint included.',
  grpc_client_attempt_sent_total_compressed_message_size_bytes:
    'Message bytes sent in an attempt, as they were compressed.',
  grpc_client_attempt_rcvd_total_compressed_message_size_bytes:
    'Message bytes received in an attempt, as they were compressed.',
  grpc_client_call_duration_seconds: 'From the arrival of a call of the app to its end, over all attempts.',
  grpc_server_call_started_total: 'Calls to the app begun, those that go on included.',
  grpc_server_call_duration_seconds: 'From the arrival of a call to the app to its end.',
  grpc_server_call_sent_total_compressed_message_size_bytes:
    'Message bytes sent in a response, as they were compressed.',
  grpc_server_call_rcvd_total_compressed_message_size_bytes:
    'Message bytes received in a request, as they were compressed.',
  outrigger_endpoint_calls_total: 'Attempts that ended at an endpoint, by whether their status was OK.',
  outrigger_endpoint_call_seconds_total: 'Time of the attempts that ended at an endpoint.',
  outrigger_cluster_active_calls: 'Calls that are routed to a cluster and have not ended.',
  outrigger_spans_total:
    'Spans by what became of them: exported, failed to export, or dropped because the control thread was busy.',
  outrigger_http2_limit_hits_total:
    'How often a peer met a limit of the HTTP/2 codec, by the limit and by whether the agent was its server or its client.',
  outrigger_call_faults_total: 'Calls in which something threw, by the part; 0 but for faults of the agent itself.',
  outrigger_on_demand_listeners: 'Listeners that are followed because calls name them with their authority.',
  outrigger_on_demand_waits_total: 'Calls that waited for the listener that they name.',
  outrigger_on_demand_refusals_total: 'Calls that were refused for want of the listener that they name.',
  outrigger_stats_rows_refused_total: 'Rows of statistics for which the statistics block had no room.',
  grpc_xds_client_connected: 'Whether the xDS server is reached and has answered.',
  grpc_xds_client_server_failure_total: 'How often an xDS server that worked stopped working.',
  grpc_xds_client_resource_updates_valid_total: 'Resources that came and were good, unchanged ones included.',
  grpc_xds_client_resource_updates_invalid_total: 'Resources that came and were refused.',
  grpc_xds_client_resources: 'Resources that are asked for, by what is known of them.',
  process_resident_memory_bytes: 'Resident set of the agent.',
  process_cpu_seconds_total: 'CPU time of the agent, user and system.',
  process_start_time_seconds: 'When the agent began, in seconds since the epoch.',
};

/** Every metric once, with its HELP and TYPE, in the order of the rows. */
export function formatPrometheus(rows: readonly MergedRow[]): string {
  const families = new Map<string, Family>();
  const family = (name: string, type: Family['type']): string[] => {
    let found = families.get(name);
    if (found === undefined) {
      found = { type, lines: [] };
      families.set(name, found);
    }
    return found.lines;
  };
  for (const row of rows) {
    if (row.kind === 'call') {
      const labels = callLabels(row.labels);
      for (const histogram of histogramsOf(row)) {
        addHistogram(family(histogram.metric, 'histogram'), histogram, labels, row.values);
      }
    } else {
      family(row.name, row.kind).push(`${row.name}${formatLabels(row.labels)} ${formatNumber(row.values[0] ?? 0)}\n`);
    }
  }
  return Array.from(families, ([name, { type, lines }]) => {
    const help = HELP[name] ?? name.replaceAll('_', ' ');
    return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
  }).join('');
}

/** The labels of a `call` row as A66 names them; labels that someone added stay. */
export function callLabels(labels: Labels): Labels {
  const { direction, method = '', cluster = '', status, ...added } = labels;
  const target = direction === 'outbound' ? { grpc_target: cluster } : {};
  return { ...added, grpc_method: method, ...target, grpc_status: statusName(Number(status)) };
}

function addHistogram(
  lines: string[],
  { metric, bounds, start, sum }: CallHistogram,
  labels: Labels,
  values: Float64Array,
): void {
  // A call that was never routed has no attempt, so this row no such histogram.
  const counts = values.subarray(start, start + bounds.length + 1);
  if (counts.every((count) => count === 0)) return;
  const inner = formatLabelPairs(labels);
  let count = 0;
  for (const [i, n] of counts.entries()) {
    count += n;
    lines.push(`${metric}_bucket{${inner},le="${formatNumber(bounds[i] ?? Number.POSITIVE_INFINITY)}"} ${count}\n`);
  }
  lines.push(`${metric}_sum{${inner}} ${formatNumber(values[sum] ?? 0)}\n`, `${metric}_count{${inner}} ${count}\n`);
}

/** `{name="value",…}`, or nothing. */
export function formatLabels(labels: Labels): string {
  const pairs = formatLabelPairs(labels);
  return pairs === '' ? '' : `{${pairs}}`;
}

function formatLabelPairs(labels: Labels): string {
  return Object.entries(labels)
    .map(
      ([name, value]) =>
        `${name}="${value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`,
    )
    .join(',');
}

function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (character) => (character === '\n' ? '\\n' : '\\\\'));
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
