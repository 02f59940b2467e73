// The attacked agent: one data plane in a process of its own, which tells what it costs. Messages in: a `Down` of the
// link, or a `Question`; out: every `Up`, or a `Sample`. Node ends it at the first exception that nobody catches.
import { DataPlane } from '../../agent/data-plane.ts';
import type { Down, Up } from '../../agent/link.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';

/** `begin` also forgets the peak of memory, after a collection. */
export type Question = 'begin' | 'sample';

export interface Sample {
  readonly kind: 'sample';
  readonly cpuMs: number;
  /** Resident, in bytes: now, and at most since `begin`. */
  readonly rss: number;
  readonly peakRss: number;
  /** What the program holds, heap and buffers, in bytes; right behind a collection at `begin`. */
  readonly heldBytes: number;
  /** What has been counted, by the limit's name. */
  readonly hits: Readonly<Record<string, number>>;
  /** Lines of the log at `error`: faults of the program. */
  readonly errors: readonly string[];
}

const peakEveryMs = 10;

const stats = new SharedArrayBuffer(8 * 1024 * 1024);
const reader = new StatsReader();
reader.addWorker(0, stats);
const errors: string[] = [];
let peakRss = 0;
const look = (): void => {
  peakRss = Math.max(peakRss, process.memoryUsage.rss());
};
setInterval(look, peakEveryMs);

const dataPlane = new DataPlane(
  {
    worker: 0,
    reusePort: false,
    stats,
    logLevel: 'warn',
    sampling: { enabled: false, parentBased: true, ratio: 0 },
  },
  (up: Up) => {
    if (up.kind === 'stats-row') reader.addRow(0, up.row);
    else if (up.kind === 'log' && up.level === 'error') errors.push(`${up.message}: ${JSON.stringify(up.fields)}`);
    else if (up.kind === 'listener-bound' && process.connected) process.send?.(up);
  },
);

process.on('message', (message: Down | Question) => {
  if (typeof message === 'object') dataPlane.receive(message);
  else answer(message);
});
process.on('disconnect', () => process.exit(0));

function answer(question: Question): void {
  if (question === 'begin') {
    globalThis.gc?.();
    globalThis.gc?.();
    peakRss = 0;
  }
  look();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const sample: Sample = {
    kind: 'sample',
    cpuMs: (user + system) / 1000,
    rss,
    peakRss,
    heldBytes: heapUsed + arrayBuffers,
    hits: countHits(),
    errors,
  };
  process.send?.(sample);
}

function countHits(): Record<string, number> {
  const hits: Record<string, number> = {};
  for (const { name, labels, values } of reader.rows()) {
    const limit = labels['limit'];
    if (name !== 'outrigger_http2_limit_hits_total' || limit === undefined) continue;
    hits[limit] = (hits[limit] ?? 0) + (values[0] ?? 0);
  }
  return hits;
}
