// The load of the benchmarks: h2load, with requests shaped like gRPC calls.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE } from './machine.ts';

/** A gRPC message of 100 bytes: 5-byte prefix and payload. */
export const MESSAGE_BYTES = 105;
export const METHOD_PATH = '/demo.catalogue.Catalogue/GetProduct';
export const AUTHORITY = 'catalogue';

export interface LoadShape {
  readonly connections: number;
  /** Streams at a time on each connection. */
  readonly streams: number;
  readonly calls: number;
}

export interface LoadResult {
  readonly callsPerSecond: number;
  readonly meanLatencyMs: number;
  readonly failed: number;
}

export function writeMessage(folder: string): string {
  const message = Buffer.alloc(MESSAGE_BYTES, 0x61);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(MESSAGE_BYTES - 5, 1);
  const file = join(folder, 'message.bin');
  writeFileSync(file, message);
  return file;
}

/** Runs the load to its end. */
export function runLoad(port: number, shape: LoadShape, messageFile: string): Promise<LoadResult> {
  const args = [
    ...['-c', String(LOAD_CORE), 'h2load', '-t', '1'],
    ...['-c', String(shape.connections), '-m', String(shape.streams), '-n', String(shape.calls)],
    ...['-d', messageFile, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    ...['-H', `:authority: ${AUTHORITY}`, '-H', 'user-agent: grpc-bench/1'],
    `http://127.0.0.1:${port}${METHOD_PATH}`,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.once('exit', (code) => {
      const rate = /finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(output);
      const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(output);
      const latency = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(output);
      if (code !== 0 || rate === null || counts === null || latency === null) {
        reject(new Error(`h2load failed (${code}):\n${output}`));
        return;
      }
      const unit = { us: 0.001, ms: 1, s: 1000 }[latency[2] as 'us' | 'ms' | 's'];
      resolve({
        callsPerSecond: Number(rate[1]),
        meanLatencyMs: Number(latency[1]) * unit,
        failed: Number(counts[2]) + Number(counts[3]),
      });
    });
  });
}
