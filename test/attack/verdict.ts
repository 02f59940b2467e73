// What is measured of an attack, and when it has been held off. Pure.
import type { End, Tally } from './attack.ts';
import type { Latencies } from './innocent.ts';

export interface Measurement {
  readonly tally: Tally;
  /** CPU of attacker and agent while the attack lasted, ms. */
  readonly attackerCpuMs: number;
  readonly agentCpuMs: number;
  /** The agent's resident set at most during the attack, less what it was before, bytes. */
  readonly growthBytes: number;
  readonly quiet: Latencies;
  readonly during: Latencies;
  /** How often the attack's limit was counted. */
  readonly hits: number;
  /** Faults of the program that the agent logged. */
  readonly errors: readonly string[];
}

/** The least that a hostile peer must spend for what it takes (docs/security.md). */
export const maxRatio = 100;
/** Below this, growth is the garbage of a heap at work, whoever caused it. */
export const growthAllowanceBytes = 24 * 1024 * 1024;
/** Neighbours may wait so many times longer than when it is quiet, or than beside a busy client that means well. */
const quietFactor = 3;
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

export function neighbourBarMs({ quiet }: Measurement, honestP99Ms: number): number {
  return Math.max(leastBarMs, quietFactor * quiet.p99Ms, honestFactor * honestP99Ms);
}

/** Why the agent fell, in clauses; none when it held. */
export function judge(
  measured: Measurement,
  attack: { readonly ends: readonly End[]; readonly limit?: string },
  honestP99Ms: number,
): readonly string[] {
  const faults = measured.errors.slice(0, 3).map((error) => `the agent logged ${error}`);
  const { ends } = measured.tally;
  const others = Object.keys(ends).filter((end) => !attack.ends.includes(end));
  if (others.length > 0) {
    faults.push(
      `${others.map((end) => `${ends[end]} ended with ${end}`).join(', ')} and not ${attack.ends.join(' or ')}`,
    );
  }
  if (Object.keys(ends).length === 0) faults.push('no connection was played to its end');
  if (attack.limit !== undefined && measured.hits === 0) faults.push(`${attack.limit} was not counted`);
  if (cpuRatio(measured) > maxRatio)
    faults.push(`the agent spent ${cpuRatio(measured).toFixed(0)} times the attacker's CPU`);
  if (measured.growthBytes > growthAllowanceBytes && memoryRatio(measured) > maxRatio) {
    faults.push(`the agent grew by ${memoryRatio(measured).toFixed(0)} bytes for each that was sent`);
  }
  const { failed, failure, p99Ms } = measured.during;
  if (failed > 0) faults.push(`${failed} calls of neighbours failed, the first with ${failure}`);
  const barMs = neighbourBarMs(measured, honestP99Ms);
  if (p99Ms > barMs) faults.push(`neighbours' p99 was ${p99Ms.toFixed(1)} ms, the bar ${barMs.toFixed(1)}`);
  return faults;
}
