// The page that `npm run attack -- --write FILE` leaves behind.
import { cpus } from 'node:os';
import type { ArenaOptions } from './arena.ts';
import { growthAllowanceBytes, maxRatio } from './verdict.ts';

/** `table`: the lines of the tables, as they were printed. */
export function attackPage(table: readonly string[], { seconds, width }: ArenaOptions): string {
  const machine = `${cpus()[0]?.model ?? 'an unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`;
  return `# Attacks

Written by \`npm run attack -- --write docs/attack.md\`; how to read it is in [security.md](security.md). Each attack is
played for ${seconds} s on ${width} connections at once, from a process of its own, at an agent in another; \`honest\` is the
yardstick: the same client, meaning well. An attack has fallen when the agent spends more than ${maxRatio} times the attacker's
CPU, when it grows by more than ${growthAllowanceBytes / 2 ** 20} MiB and ${maxRatio} bytes for each that was sent, when a neighbour's call fails or its p99
exceeds what security.md allows, or when a connection ends otherwise than documented. Neighbours are at the same time at an
agent that is not attacked, \`elsewhere\`, which shows how busy the machine is.

Measured on ${machine}.

${table.join('\n').trim()}`;
}
