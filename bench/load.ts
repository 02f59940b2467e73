// The loads of the benchmarks: h2load, with requests shaped like gRPC calls; our own generator (raw-load.ts) for what
// h2load cannot do; and connections that do nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { LOAD_CORE } from './machine.ts';
import { clientPreface, settingsAckFrame } from './raw-frames.ts';

/** A gRPC message of 100 bytes: 5-byte prefix and payload. */
export const MESSAGE_BYTES = 105;
export const METHOD_PATH = '/demo.catalogue.Catalogue/GetProduct';
/** Answered with a message of 1 MiB. */
export const MEBIBYTE_PATH = '/demo.catalogue.Catalogue/GetImage';
export const AUTHORITY = 'catalogue';

export interface LoadShape {
  readonly connections: number;
  /** Streams at a time on each connection. */
  readonly streams: number;
  readonly calls: number;
}

export interface LoadResult {
  /** Calls, messages or connections that were done. */
  readonly units: number;
  readonly callsPerSecond: number | null;
  readonly latencyMs: Latency | null;
  readonly failed: number;
  /** Ends what is left open. */
  close?(): void;
}

export interface Latency {
  readonly mean: number;
  /** 50th, 99th and 99.9th percentile; `null` where the generator does not tell. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

export interface PayloadFiles {
  readonly message: string;
  readonly mebibyte: string;
}

export interface LoadTarget {
  readonly port: number;
  /** The file that each call sends. */
  readonly body: string;
  readonly path: string;
  readonly isTls?: boolean;
}

/** What raw-load.ts is told, as JSON in its only argument. */
export interface RawShape extends LoadShape {
  readonly port: number;
  /** Whose habits of encoding header blocks are followed. */
  readonly peer: 'grpc-go' | 'c-core';
  /** 0: the next call begins when one has ended. Else calls begin at that rate, whatever has ended. */
  readonly perSecond: number;
}

export interface IdleShape {
  readonly connections: number;
}

/** A gRPC message of `payload` bytes, prefix included in what is returned. */
export function grpcMessage(payload: number, fill: number): Buffer {
  const message = Buffer.alloc(payload + 5, fill);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(payload, 1);
  return message;
}

export function writePayloads(folder: string): PayloadFiles {
  const files = { message: join(folder, 'message.bin'), mebibyte: join(folder, 'mebibyte.bin') };
  writeFileSync(files.message, grpcMessage(MESSAGE_BYTES - 5, 0x61));
  writeFileSync(files.mebibyte, grpcMessage(1_048_576, 0x61));
  return files;
}

/** Runs the load to its end. */
export async function runH2load(target: LoadTarget, shape: LoadShape): Promise<LoadResult> {
  const args = [
    ...['-c', String(LOAD_CORE), 'h2load', '-t', '1'],
    ...['-c', String(shape.connections), '-m', String(shape.streams), '-n', String(shape.calls)],
    ...['-d', target.body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    ...['-H', `:authority: ${AUTHORITY}`, '-H', 'user-agent: grpc-bench/1'],
    `${target.isTls ? 'https' : 'http'}://127.0.0.1:${target.port}${target.path}`,
  ];
  const { code, output } = await outputOf(spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  const rate = /finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(output);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(output);
  const latency = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(output);
  if (code !== 0 || rate === null || counts === null || latency === null) {
    throw new Error(`h2load failed (${code}):\n${output}`);
  }
  const unit = { us: 0.001, ms: 1, s: 1000 }[latency[2] as 'us' | 'ms' | 's'];
  return {
    units: shape.calls,
    callsPerSecond: Number(rate[1]),
    latencyMs: { mean: Number(latency[1]) * unit, p50: null, p99: null, p999: null },
    failed: Number(counts[2]) + Number(counts[3]),
  };
}

/** Runs our own generator to its end. */
export async function runRawLoad(shape: RawShape): Promise<LoadResult> {
  const script = new URL('./raw-load.ts', import.meta.url).pathname;
  const args = ['-c', String(LOAD_CORE), process.execPath, script, JSON.stringify(shape)];
  const { code, output } = await outputOf(spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(output) as LoadResult;
}

/** Connections that have exchanged SETTINGS and stay as they are until `close`. */
export async function openIdleConnections(port: number, { connections }: IdleShape): Promise<LoadResult> {
  const sockets: net.Socket[] = [];
  for (let i = 0; i < connections; i++) {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => socket.destroy());
    socket.write(clientPreface);
    // The first that comes is the peer's SETTINGS; what follows is read and dropped.
    await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.write(settingsAckFrame);
    socket.resume();
    sockets.push(socket);
  }
  const failed = sockets.filter((socket) => socket.destroyed).length;
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return { units: connections, callsPerSecond: null, latencyMs: null, failed, close };
}

async function outputOf(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
