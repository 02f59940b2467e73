// What is measured of an attack, and when it has been held off. Pure.
//
// A machine may be busy with something else, so nothing is judged by the clock alone: beside the neighbours of the agent
// that is attacked there are, at the same time, those of another one that is not, and what the first wait is told as a
// multiple of what the second do. What still misses its bar is played again, and the medians are judged.
import type { End, Tally } from './attack.ts';
import type { Latencies } from './innocent.ts';

export interface Measurement {
  readonly tally: Tally;
  /** CPU of attacker and agent while the attack lasted, ms. */
  readonly attackerCpuMs: number;
  readonly agentCpuMs: number;
  /** The agent's resident set at most during the attack, less what it was before, bytes. */
  readonly growthBytes: number;
  /** Of the neighbours, and, in the same seconds, of those of an agent that is not attacked. */
  readonly during: Latencies;
  readonly elsewhere: Latencies;
  /** How often the attack's limit was counted. */
  readonly hits: number;
  /** Faults of the program that the agent logged. */
  readonly errors: readonly string[];
}

/** The least that a hostile peer must spend for what it takes (docs/security.md). */
export const maxRatio = 100;
/** Below this, growth is the garbage of a heap at work, whoever caused it. */
export const growthAllowanceBytes = 24 * 1024 * 1024;
/** Neighbours may wait so many times longer than elsewhere, */
const elsewhereFactor = 3;
/** or so many times what a busy client that means well makes of it. */
const honestFactor = 2;
/** What a process that shares its cores is late by in any case. */
const leastBarMs = 10;

export function cpuRatio({ attackerCpuMs, agentCpuMs }: Measurement): number {
  return agentCpuMs / Math.max(attackerCpuMs, 1);
}

/** Bytes of memory for each byte that was sent. */
export function memoryRatio({ tally, growthBytes }: Measurement): number {
  return growthBytes / Math.max(tally.sentBytes, 1);
}

/** How many times longer the neighbours' p99 is than elsewhere; one below 10 ms is never more than allowed. */
export function slowdown({ during, elsewhere }: Measurement): number {
  return during.p99Ms / Math.max(elsewhere.p99Ms, leastBarMs / elsewhereFactor);
}

/** The lower one of two. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** The measurement that stands for all: its neighbours were slowed down as much as the median says. */
export function typical(measurements: readonly Measurement[]): Measurement | null {
  const middle = median(measurements.map(slowdown));
  return measurements.find((one) => slowdown(one) === middle) ?? null;
}

/**
 * Why the agent fell, in clauses; none when it held. What was seen counts when most measurements have it, a fault in the
 * log when one has, and of numbers the median.
 * @param honest the same of a client that means well.
 */
export function judge(
  measurements: readonly Measurement[],
  attack: { readonly ends: readonly End[]; readonly limit?: string },
  honest: readonly Measurement[],
): readonly string[] {
  const { ends, limit } = attack;
  const faults = measurements.flatMap(({ errors }) => errors).slice(0, 3);
  const clauses = faults.map((error) => `the agent logged ${error}`);
  const most = (clauseOf: (measured: Measurement) => string): void => {
    const found = measurements.map(clauseOf).filter((clause) => clause !== '');
    if (2 * found.length > measurements.length) clauses.push(found[0]!);
  };
  most(({ tally }) => wrongEnds(tally, ends));
  most(({ hits }) => (limit !== undefined && hits === 0 ? `${limit} was not counted` : ''));
  const cpu = median(measurements.map(cpuRatio));
  if (cpu > maxRatio) clauses.push(`the agent spent ${cpu.toFixed(0)} times the attacker's CPU`);
  most((measured) => {
    const bytes = memoryRatio(measured);
    if (measured.growthBytes <= growthAllowanceBytes || bytes <= maxRatio) return '';
    return `the agent grew by ${bytes.toFixed(0)} bytes for each that was sent`;
  });
  most(({ during }) =>
    during.failed === 0 ? '' : `${during.failed} calls of neighbours failed, the first with ${during.failure}`,
  );
  const slowed = median(measurements.map(slowdown));
  const bar = Math.max(elsewhereFactor, honestFactor * median(honest.map(slowdown)));
  if (slowed > bar) {
    clauses.push(`neighbours' p99 was ${slowed.toFixed(1)} times that elsewhere, the bar ${bar.toFixed(1)}`);
  }
  return clauses;
}

function wrongEnds({ ends }: Tally, documented: readonly End[]): string {
  if (Object.keys(ends).length === 0) return 'no connection was played to its end';
  const others = Object.keys(ends).filter((end) => !documented.includes(end));
  if (others.length === 0) return '';
  return `${others.map((end) => `${ends[end]} ended with ${end}`).join(', ')} and not ${documented.join(' or ')}`;
}
