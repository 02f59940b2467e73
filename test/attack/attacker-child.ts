// The attacker's process. Messages in: a `Command`; out: where its endpoint listens, then what it did and what that cost.
import { newTally, type Tally } from './attack.ts';
import { findAttack } from './attacks.ts';

export type Command =
  | { readonly kind: 'prepare'; readonly id: string }
  | { readonly kind: 'run'; readonly agentPort: number; readonly seconds: number; readonly width: number };

export type Reply =
  | { readonly kind: 'prepared'; readonly endpointPort: number }
  | { readonly kind: 'done'; readonly tally: Tally; readonly cpuMs: number; readonly seconds: number };

let assault: ReturnType<ReturnType<typeof findAttack>['prepare']> | null = null;

process.on('message', (command: Command) => void obey(command));
process.on('disconnect', () => process.exit(0));

async function obey(command: Command): Promise<void> {
  if (command.kind === 'prepare') {
    assault = findAttack(command.id).prepare();
    reply({ kind: 'prepared', endpointPort: await assault.listen() });
    return;
  }
  const { agentPort, seconds, width } = command;
  const tally = newTally();
  const beganMs = performance.now();
  const began = process.cpuUsage();
  await assault?.run({ agentPort, untilMs: beganMs + 1000 * seconds, width, tally });
  const { user, system } = process.cpuUsage(began);
  reply({ kind: 'done', tally, cpuMs: (user + system) / 1000, seconds: (performance.now() - beganMs) / 1000 });
}

function reply(message: Reply): void {
  process.send?.(message);
}
