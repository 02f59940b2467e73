// One attack as a line of the table.
import type { Attack } from './attack.ts';
import type { Endured } from './endurance.ts';
import { cpuRatio, type Measurement, memoryRatio } from './verdict.ts';

export interface AttackRow {
  readonly attack: Attack;
  /** The typical one of several plays. `null`: a process ended before there was anything to measure. */
  readonly measured: Measurement | null;
  readonly faults: readonly string[];
}

export const tableHead: string =
  '| class | attack | from | sent | CPU agent : attacker | growth | neighbours p99, elsewhere > here | ended | counted | |\n' +
  '|---|---|---|--:|--:|--:|--:|---|---|---|';

export function formatRow({ attack, measured, faults }: AttackRow): string {
  const { id, title, from } = attack;
  const verdict = faults.length === 0 ? 'held' : '**fell**';
  const cells = measured === null ? ['', '', '', '', '', ''] : formatMeasurement(attack, measured);
  return `| ${[id, title, from, ...cells, verdict].join(' | ')} |`;
}

export const enduredHead: string = '| played | streams | memory kept | |\n|---|--:|--:|---|';

export function formatEndured({ title, played, growthBytes, faults }: Endured): string {
  return `| ${title} | ${played} | ${mib(growthBytes)} | ${faults.length === 0 ? 'held' : '**fell**'} |`;
}

function formatMeasurement({ limit }: Attack, measured: Measurement): string[] {
  const { tally, agentCpuMs, attackerCpuMs, growthBytes, elsewhere, during, hits } = measured;
  const ends = Object.entries(tally.ends).map(([end, count]) => `${end} (${count})`);
  const perByte = memoryRatio(measured);
  return [
    mib(tally.sentBytes),
    `${agentCpuMs.toFixed(0)} : ${attackerCpuMs.toFixed(0)} ms = ${cpuRatio(measured).toFixed(1)}`,
    `${mib(growthBytes)}, ${perByte < 0.1 ? 'under 0.1' : perByte.toFixed(1)} a byte`,
    `${elsewhere.p99Ms.toFixed(1)} > ${during.p99Ms.toFixed(1)} ms`,
    ends.join(', '),
    limit === undefined ? '' : `${limit} (${hits})`,
  ];
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
