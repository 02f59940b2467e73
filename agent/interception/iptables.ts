// iptables as programs of this machine: which ones there are, and running them.
import { spawnSync } from 'node:child_process';
import type { Family } from './rules.ts';

/** The two kinds that Linux has had; a machine may have both, and rules in both then all count. */
export type Backend = 'nft' | 'legacy' | 'plain';

export interface Iptables {
  readonly family: Family;
  readonly backend: Backend;
  /** What `iptables-save` prints of `nat` and, where the kernel has it, `mangle`. Throws an Error of one sentence. */
  save(): string;
  /** Runs `iptables-restore --noflush`: all of the script or nothing of it. Throws an Error of one sentence. */
  restore(script: string): void;
}

/** Another program may hold the lock for a moment. */
const RESTORE_ARGS = ['--noflush', '--wait', '5'];
const TIMEOUT_MS = 15_000;

/** Those that run here, the most likely one first. Throws an Error of one sentence where there is none. */
export function findIptables(family: Family, wanted: Backend | 'auto'): readonly Iptables[] {
  const backends: readonly Backend[] = wanted === 'auto' ? ['nft', 'plain', 'legacy'] : [wanted];
  const found: Iptables[] = [];
  const reasons: string[] = [];
  for (const backend of backends) {
    const iptables = createIptables(family, backend);
    try {
      iptables.save();
      found.push(iptables);
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (found.length === 0) throw new Error(`no iptables for ${family} works here: ${reasons.join('; ')}`);
  return found;
}

function createIptables(family: Family, backend: Backend): Iptables {
  const base = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}${backend === 'plain' ? '' : `-${backend}`}`;
  return {
    family,
    backend,
    save: () => {
      const nat = run(`${base}-save`, ['-t', 'nat'], '');
      try {
        return nat + run(`${base}-save`, ['-t', 'mangle'], '');
      } catch {
        return nat;
      }
    },
    restore: (script) => {
      run(`${base}-restore`, RESTORE_ARGS, script);
    },
  };
}

function run(program: string, args: readonly string[], input: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', timeout: TIMEOUT_MS });
  if (error !== undefined) throw new Error(`${program}: ${(error as NodeJS.ErrnoException).code ?? error.message}`);
  if (status !== 0) throw new Error(`${program}: ${firstLine(stderr) || `exit code ${status}`}`);
  return stdout;
}

function firstLine(text: string): string {
  return text.split('\n').find((line) => line.trim() !== '') ?? '';
}
