// The agent of a soak: one data plane alone in a process, so that its memory and its handles are its own. Messages in: a
// `Down` of the link, or a `Question`; out: bound listeners, `drained`, and a `Report`. Started with --expose-gc.
import { DataPlane } from '../../agent/data-plane.ts';
import type { Down, Up } from '../../agent/link.ts';
import { INBOUND_HISTOGRAMS, OUTBOUND_HISTOGRAMS } from '../../agent/stats/call-layout.ts';
import { type MergedRow, StatsReader } from '../../agent/stats/stats-reader.ts';

/** `finish`: stop, say what is left when everything should be gone, and let Node end the process. */
export type Question = 'report' | 'finish';

export interface Report {
  readonly kind: 'report';
  /** Behind two collections, in bytes. */
  readonly heap: number;
  readonly rss: number;
  readonly arrayBuffers: number;
  readonly cpuMs: number;
  /** Calls that have ended, by the name of their status. */
  readonly calls: Readonly<Record<string, number>>;
  /** Calls under way. */
  readonly active: number;
  /** What the endpoints' counters say of calls that ended OK. */
  readonly endpointsOk: number;
  /** Limits that bit, by name. */
  readonly limits: Readonly<Record<string, number>>;
  /** Lines of the log at `error`. */
  readonly errors: readonly string[];
}

export interface Finished {
  readonly kind: 'finished';
  /** What keeps the process alive besides its channel to the parent (`process.getActiveResourcesInfo`). */
  readonly resources: readonly string[];
}

/** A socket that was ended waits this long for its peer (`lingerTimeoutMs`), and a little more. */
const patienceMs = 5000;
const lookEveryMs = 50;

const stats = new SharedArrayBuffer(8 * 1024 * 1024);
const reader = new StatsReader();
reader.addWorker(0, stats);
const errors: string[] = [];

const dataPlane = new DataPlane(
  {
    worker: 0,
    reusePort: false,
    stats,
    logLevel: 'error',
    sampling: { enabled: false, parentBased: true, ratio: 0 },
  },
  (up: Up) => {
    if (up.kind === 'stats-row') reader.addRow(0, up.row);
    else if (up.kind === 'log') errors.push(`${up.message} ${JSON.stringify(up.fields)}`);
    else if (process.connected) process.send?.(up);
  },
);

process.on('message', (message: Down | Question) => {
  if (typeof message === 'object') dataPlane.receive(message);
  else if (message === 'report') process.send?.(report());
  else finish();
});

function report(): Report {
  // Twice: what the first collection finds unreachable may have held buffers that only the second one frees.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, rss, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const rows = reader.rows();
  return {
    kind: 'report',
    heap: heapUsed,
    rss,
    arrayBuffers,
    cpuMs: (user + system) / 1000,
    calls: tally(rows, ({ kind }) => kind === 'call', 'status', callsIn),
    active: sum(rows.filter(({ name }) => name === 'outrigger_cluster_active_calls')),
    endpointsOk: sum(
      rows.filter(({ name, labels }) => name === 'outrigger_endpoint_calls_total' && labels['outcome'] === 'ok'),
    ),
    limits: tally(rows, ({ name }) => name === 'outrigger_http2_limit_hits_total', 'limit', first),
    errors,
  };
}

function first({ values }: MergedRow): number {
  return values[0] ?? 0;
}

function sum(rows: readonly MergedRow[]): number {
  return rows.reduce((total, row) => total + first(row), 0);
}

/** In the histogram of whole calls, all buckets. */
function callsIn({ labels, values }: MergedRow): number {
  const histogram = labels['direction'] === 'outbound' ? OUTBOUND_HISTOGRAMS[3] : INBOUND_HISTOGRAMS[0];
  if (histogram === undefined) return 0;
  return values.slice(histogram.start, histogram.sum).reduce((total, count) => total + count, 0);
}

function tally(
  rows: readonly MergedRow[],
  isCounted: (row: MergedRow) => boolean,
  label: string,
  count: (row: MergedRow) => number,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows) {
    const name = row.labels[label];
    if (name !== undefined && isCounted(row)) counts[name] = (counts[name] ?? 0) + count(row);
  }
  return counts;
}

function finish(): void {
  dataPlane.receive({ kind: 'stop' });
  const giveUpMs = performance.now() + patienceMs;
  const look = setInterval(() => {
    // The channel to the parent, and this timer.
    const resources = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'Timeout');
    if (resources.length > 0 && performance.now() < giveUpMs) return;
    clearInterval(look);
    process.send?.({ kind: 'finished', resources } satisfies Finished, () => process.disconnect?.());
  }, lookEveryMs);
}
