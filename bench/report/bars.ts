// What Outrigger is held to, and whether a run's figures meet it. A bar compares Outrigger with one other, round by
// round, so that what slows a whole round cancels out.
import type { Figure, Measure } from '../figure.ts';
import { median, type Spread, spreadOf } from './statistics.ts';

/** What the figure is measured against. */
type Reference =
  /** The one of them with the least median. */
  { readonly kind: 'best'; readonly proxies: readonly string[] } | { readonly kind: 'absolute'; readonly unit: string };

export interface Bar {
  readonly what: string;
  readonly load: string;
  readonly measure: Measure;
  /** The row that is judged. */
  readonly subject: string;
  readonly reference: Reference;
  /** A ratio, or a figure of its own where the reference is absolute. */
  readonly most: number;
}

export type Verdict = 'met' | 'within the spread' | 'missed' | 'not measured';

export interface BarResult {
  readonly bar: Bar;
  /** Who was the best of those it is measured against; `null` where there is none. */
  readonly against: string | null;
  /** Of the rounds' ratios or figures; `null` where there are none. */
  readonly figure: Spread | null;
  readonly verdict: Verdict;
}

/** Of which round a figure is missing, there is no ratio. */
export function judge(bar: Bar, figures: readonly Figure[]): BarResult {
  const own = roundsOf(figures, bar, bar.subject);
  const against = bar.reference.kind === 'best' ? bestOf(figures, bar, bar.reference.proxies) : null;
  const others = against === null ? null : roundsOf(figures, bar, against);
  const values =
    bar.reference.kind === 'absolute'
      ? [...own.values()]
      : [...own].flatMap(([round, value]) => {
          const other = others?.get(round);
          return other === undefined ? [] : [value / other];
        });
  const figure = spreadOf(values);
  return { bar, against, figure, verdict: verdictOf(figure, bar.most) };
}

function verdictOf(figure: Spread | null, most: number): Verdict {
  if (figure === null) return 'not measured';
  if (figure.median <= most) return 'met';
  return figure.least <= most ? 'within the spread' : 'missed';
}

function bestOf(figures: readonly Figure[], bar: Bar, proxies: readonly string[]): string | null {
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const proxy of proxies) {
    const value = median([...roundsOf(figures, bar, proxy).values()]);
    if (!(value < least)) continue;
    least = value;
    best = proxy;
  }
  return best;
}

/** Share of a load that may fail: what is refused costs little, and would flatter who refuses it. */
const maxFailedShare = 0.01;

function roundsOf(figures: readonly Figure[], { load, measure }: Bar, proxy: string): Map<number, number> {
  const values = new Map<number, number>();
  for (const figure of figures) {
    const value = figure[measure];
    if (figure.load !== load || figure.proxy !== proxy || value === null) continue;
    if (figure.failed <= maxFailedShare * figure.units) values.set(figure.round, value);
  }
  return values;
}

function best(...proxies: readonly string[]): Reference {
  return { kind: 'best', proxies };
}

const lean = best('nghttpx', 'haproxy');
const envoy = best('envoy');

function bar(
  what: string,
  load: string,
  measure: Measure,
  most: number,
  reference: Reference,
  subject = 'outrigger',
): Bar {
  return { what, load, measure, most, reference, subject };
}

export const BARS: readonly Bar[] = [
  bar('CPU per call, 10 x 50', '10x50', 'cpuUs', 0.6, lean),
  bar('CPU per call, 10 x 50', '10x50', 'cpuUs', 1 / 8, envoy),
  bar('CPU per call, 4 x 8', '4x8', 'cpuUs', 0.9, lean),
  bar('CPU per call, 4 x 8', '4x8', 'cpuUs', 1 / 4, envoy),
  bar('CPU per call, 100 x 1', '100x1', 'cpuUs', 1, lean),
  bar('CPU per call, 100 x 1', '100x1', 'cpuUs', 1 / 3, envoy),
  bar('mean latency, 1 x 1', '1x1', 'meanMs', 1.05, best('envoy', 'nghttpx', 'haproxy', 'nginx')),
  bar('CPU per call, fresh headers of grpc-go', 'fresh-grpc-go', 'cpuUs', 0.7, best('haproxy')),
  bar('CPU per call, fresh headers of grpc-go', 'fresh-grpc-go', 'cpuUs', 1 / 8, envoy),
  bar('CPU per call, fresh headers of C-core', 'fresh-c-core', 'cpuUs', 0.7, best('haproxy')),
  bar('CPU per call, fresh headers of C-core', 'fresh-c-core', 'cpuUs', 1 / 8, envoy),
  bar('CPU per MiB, requests', 'mib-up', 'cpuUs', 1, envoy),
  bar('CPU per MiB, responses', 'mib-down', 'cpuUs', 1, envoy),
  bar('CPU per message of 1 KiB in a stream', 'stream', 'cpuUs', 1 / 2, envoy),
  bar('CPU per call, TLS on both legs', 'tls', 'cpuUs', 1 / 2, envoy),
  bar('p99 at 5,000 calls/s', 'open-5000', 'p99Ms', 1 / 2, envoy),
  bar('p99.9 at 5,000 calls/s', 'open-5000', 'p999Ms', 1, envoy),
  bar('memory of an idle connection', 'idle', 'perConnectionKiB', 30 * 1.024, { kind: 'absolute', unit: 'KiB' }),
  bar(
    'resident set with 100 clusters',
    'clusters-100',
    'residentMiB',
    1,
    best('envoy, 100 clusters'),
    'outrigger, 100 clusters',
  ),
  bar('CPU per call, 10,000 routes', 'routes', 'cpuUs', 1.1, best('outrigger'), 'outrigger, 10,000 routes'),
  bar('CPU per call, 10,000 clusters', 'routes', 'cpuUs', 1.1, best('outrigger'), 'outrigger, 10,000 clusters'),
];
