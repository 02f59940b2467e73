// What an outside judge is and what it says. Each judge is a file of its own; `run.ts` asks them one after another.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Where `npm run peers` puts the programs of others. */
export const PEERS: string = fileURLToPath(new URL('../../node_modules/.cache/peers/', import.meta.url));

export type Verdict =
  | { readonly kind: 'passed'; readonly name: string }
  | { readonly kind: 'failed' | 'skipped'; readonly name: string; readonly reason: string };

export interface Judge {
  readonly name: string;
  /** One verdict a case. A judge that can't sit says so in a single skipped case. */
  judge(): Promise<readonly Verdict[]>;
}

/** The verdict on a case that fails by throwing. */
export async function verdictOf(name: string, run: () => Promise<unknown>): Promise<Verdict> {
  try {
    await run();
    return { kind: 'passed', name };
  } catch (error) {
    return { kind: 'failed', name, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Runs a program of `PEERS` to its end; rejects with the last words of one that fails or takes longer than that. */
export async function runPeer(program: string, args: readonly string[], timeoutMs: number): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(`${PEERS}${program}`, [...args], {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const failed = error as Error & { stderr?: string; stdout?: string; killed?: boolean };
    if (failed.killed) throw new Error(`took longer than ${timeoutMs} ms`);
    const words = (failed.stderr || failed.stdout || failed.message).trim().split('\n');
    throw new Error(words.slice(-3).join(' | '));
  }
}
