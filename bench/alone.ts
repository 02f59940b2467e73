// Figures are worth nothing on a machine that does other things: one bench at a time, and what others used of the
// processors while it ran is measured and reported.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Linux counts in ticks of this many a second (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** Throws an Error of one sentence where another bench runs. Answers what ends the claim, which the end of the process does too. */
export function takeLock(): () => void {
  const path = join(tmpdir(), 'outrigger-bench.lock');
  const holder = readLock(path);
  if (holder !== null && isAlive(holder)) throw new Error(`another benchmark runs: process ${holder} holds ${path}`);
  rmSync(path, { force: true });
  const file = openSync(path, 'wx');
  writeSync(file, String(process.pid));
  closeSync(file);
  const release = (): void => rmSync(path, { force: true });
  process.once('exit', release);
  return release;
}

function readLock(path: string): number | null {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export interface CpuCount {
  /** All processes of the machine. */
  readonly machine: number;
  /** This process, and those of its children that have ended. */
  readonly own: number;
}

/** Seconds of CPU since the machine and this process began. */
export function countCpu(): CpuCount {
  const [user = 0, nice = 0, system = 0] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1, 4)
    .map(Number);
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const own = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15);
  const seconds = (ticks: number): number => ticks / TICKS_PER_SECOND;
  return { machine: seconds(user + nice + system), own: own.reduce((sum, ticks) => sum + seconds(Number(ticks)), 0) };
}

/**
 * How many cores others kept busy in between. `childSeconds`: what children that still run have used in that time.
 */
export function foreignCores(before: CpuCount, after: CpuCount, childSeconds: number, elapsedSeconds: number): number {
  const own = after.own - before.own + childSeconds;
  return Math.max(0, after.machine - before.machine - own) / elapsedSeconds;
}

/** How many cores others keep busy, measured for a second at a time until it is next to none or `seconds` are over; `null`: none. */
export async function untilAlone(seconds: number): Promise<number | null> {
  for (let waited = 0; ; waited++) {
    const before = countCpu();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const cores = foreignCores(before, countCpu(), 0, 1);
    if (cores <= quietCores) return null;
    if (waited >= seconds) return cores;
    if (waited === 0 && seconds > 0)
      process.stdout.write(`bench: waiting for ${seconds} s at most for others to end\n`);
  }
}

/** What a machine's own housekeeping takes at most. */
const quietCores = 0.15;
