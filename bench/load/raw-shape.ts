// Our own load generator (raw-load.ts), as the bench starts it.
import { spawn } from 'node:child_process';
import { LOAD_CORE, outputOf } from '../machine.ts';
import type { LoadResult } from './load-result.ts';
import type { PeerName } from './peer-hpack.ts';

/** What raw-load.ts is told, as JSON in its only argument. */
export interface RawShape {
  readonly port: number;
  readonly connections: number;
  /** Calls at a time on each connection, where the next call begins when one has ended. */
  readonly streams: number;
  /** Of what is measured; half a second comes before, whose calls count as units only. */
  readonly seconds: number;
  /** Whose habits of encoding header blocks are followed. */
  readonly peer: PeerName;
  /** 0: the next call begins when one has ended. Else calls begin at that rate, whatever has ended. */
  readonly perSecond: number;
}

/** A generator that takes so much longer than it was told has failed. */
const graceSeconds = 10;

/** Runs the load to its end. */
export async function runRawLoad(shape: RawShape): Promise<LoadResult> {
  const script = new URL('./raw-load.ts', import.meta.url).pathname;
  const args = ['-c', String(LOAD_CORE), process.execPath, script, JSON.stringify(shape)];
  const { code, output } = await outputOf(
    spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] }),
    shape.seconds + graceSeconds,
  );
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(output) as LoadResult;
}
