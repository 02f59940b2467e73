// h2load of nghttp2, told to send what looks like gRPC calls, for a time.
import { spawn } from 'node:child_process';
import { LOAD_CORE, outputOf } from '../machine.ts';
import type { LoadResult } from './load-result.ts';
import { AUTHORITY } from './payload.ts';

export interface H2loadShape {
  readonly port: number;
  readonly connections: number;
  /** Streams at a time on each connection. */
  readonly streams: number;
  readonly seconds: number;
  /** The file that each call sends. */
  readonly body: string;
  /** Called in turn. */
  readonly paths: readonly string[];
  readonly isTls: boolean;
}

/** What h2load says of a run; `units` are calls. */
export interface H2loadResult extends LoadResult {
  /** Bytes of DATA that came, those of calls included that had not ended. */
  readonly dataBytes: number;
}

/** A generator that takes so much longer than it was told has failed. */
const graceSeconds = 10;

/** Runs the load to its end. */
export async function runH2load(shape: H2loadShape): Promise<H2loadResult> {
  const args = [
    ...['-c', String(LOAD_CORE), 'h2load', '-t', '1', '-D', `${Math.round(shape.seconds * 1000)}ms`],
    ...['-c', String(shape.connections), '-m', String(shape.streams)],
    ...['-d', shape.body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    ...['-H', `:authority: ${AUTHORITY}`, '-H', 'user-agent: grpc-bench/1'],
    ...shape.paths.map((path) => `${shape.isTls ? 'https' : 'http'}://127.0.0.1:${shape.port}${path}`),
  ];
  const { code, output } = await outputOf(
    spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] }),
    shape.seconds + graceSeconds,
  );
  const result = parseH2load(output);
  if (code !== 0 || result === null) throw new Error(`h2load failed (${code}):\n${output}`);
  return result;
}

const MS_OF = { us: 0.001, ms: 1, s: 1000 };

/** `null` where it is not what h2load prints at the end of a run. */
export function parseH2load(output: string): H2loadResult | null {
  const rate = /finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(output);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(output);
  const data = /\((\d+)\) data/.exec(output);
  const latency = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(output);
  if (rate === null || counts === null || data === null || latency === null) return null;
  return {
    units: Number(counts[1]),
    callsPerSecond: Number(rate[1]),
    latencyMs: { mean: Number(latency[1]) * MS_OF[latency[2] as keyof typeof MS_OF], p50: null, p99: null, p999: null },
    failed: Number(counts[2]) + Number(counts[3]),
    dataBytes: Number(data[1]),
  };
}
