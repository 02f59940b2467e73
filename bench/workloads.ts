// What is asked of each proxy. A workload is one start of a proxy, under which one or more loads run; the names of
// workloads are those of `--workload`.
import type { EndpointKind } from './endpoints/endpoints.ts';
import { type H2loadResult, runH2load } from './load/h2load.ts';
import { openIdleConnections } from './load/idle-connections.ts';
import type { LoadResult } from './load/load-result.ts';
import {
  DOWNLOAD_PATH,
  MEBIBYTE,
  MESSAGE_BYTES,
  METHOD_PATH,
  type PayloadFiles,
  STREAM_MESSAGES,
  UPLOAD_PATH,
} from './load/payload.ts';
import type { PeerName } from './load/peer-hpack.ts';
import { runRawLoad } from './load/raw-shape.ts';
import { calledPaths } from './proxies/mesh-size.ts';

export interface LoadTarget {
  readonly port: number;
  readonly isTls: boolean;
  readonly files: PayloadFiles;
  /** Calls a second in the workload's first load; `null` while that runs. */
  readonly capacity: number | null;
}

export interface Load {
  readonly name: string;
  readonly title: string;
  /** What CPU is counted for. */
  readonly unit: 'call' | 'message' | 'MiB' | 'connection';
  readonly seconds: number;
  /** Of the workload's proxies; absent: all. */
  readonly proxies?: readonly string[];
  run(target: LoadTarget, seconds: number): Promise<LoadResult>;
}

export interface Workload {
  readonly name: string;
  readonly endpoints: EndpointKind;
  readonly proxies: readonly string[];
  /** What it is warmed up with; `null`: it is measured cold. */
  readonly warmUp: Load['run'] | null;
  readonly loads: readonly Load[];
}

const native = ['envoy', 'nghttpx', 'haproxy', 'nginx'];
const most = ['direct', 'tcp pipe', 'outrigger', ...native, 'node:http2', 'grpc-proxy (Go)'];
/** It needs thirty times as long as the fastest: twice is enough to show it. */
const everyone = [...most, 'grpc-js'];
const idleConnections = 1000;

function h2load(connections: number, streams: number, paths: readonly string[] = [METHOD_PATH]): Load['run'] {
  return async ({ port, isTls, files }, seconds) => {
    return answeredOf(await runH2load({ port, isTls, connections, streams, paths, body: files.message, seconds }));
  };
}

/** An error is a success to h2load, since its HTTP status is 200; but it carries no message. */
function answeredOf(result: H2loadResult): LoadResult {
  const answered = Math.min(result.units, Math.round(result.dataBytes / MESSAGE_BYTES));
  return { ...result, units: answered, failed: result.failed + result.units - answered };
}

function unary(connections: number, streams: number, proxies: readonly string[]): Workload {
  const name = `${connections}x${streams}`;
  const title = `Unary, ${connections} connections x ${streams} streams`;
  const load: Load = { name, title, unit: 'call', seconds: 2, run: h2load(connections, streams) };
  // The same code gets warm in a fraction of the time when calls come in numbers.
  return { name, endpoints: 'unary', proxies, warmUp: h2load(10, 50), loads: [load] };
}

function raw(peer: PeerName): Load['run'] {
  return ({ port }, seconds) => runRawLoad({ port, peer, connections: 10, streams: 50, seconds, perSecond: 0 });
}

function fresh(peer: PeerName, proxies: readonly string[], more: readonly Load[]): Workload {
  const name = `fresh-${peer}`;
  const title = `Unary, 10 x 50, a fresh traceparent and grpc-timeout in each call, encoded as ${peer} does`;
  const load: Load = { name, title, unit: 'call', seconds: 2, run: raw(peer) };
  return { name, endpoints: 'unary', proxies, warmUp: raw(peer), loads: [load, ...more] };
}

/** `rate`: calls a second. */
function openLoop(name: string, title: string, seconds: number, rate: (capacity: number) => number): Load {
  const run: Load['run'] = ({ port, capacity }, duration) => {
    const perSecond = rate(capacity ?? Number.NaN);
    return runRawLoad({ port, peer: 'grpc-go', connections: 10, streams: 50, seconds: duration, perSecond });
  };
  return { name, title: `Open loop, ${title}`, unit: 'call', seconds, run, proxies: ['outrigger', ...native] };
}

const fixedRate = openLoop('open-5000', '5,000 calls a second over 10 connections', 3, () => 5000);

/** 1 MiB of payload a call, in one direction. */
function mebibytes(name: string, title: string, goesUp: boolean): Workload {
  const run: Load['run'] = async ({ port, files, isTls }, seconds) => {
    const [body, path] = goesUp ? [files.mebibyte, UPLOAD_PATH] : [files.message, DOWNLOAD_PATH];
    const result = await runH2load({ port, isTls, connections: 4, streams: 2, paths: [path], body, seconds });
    return goesUp ? answeredOf(result) : { ...result, units: result.dataBytes / MEBIBYTE };
  };
  const proxies = ['tcp pipe', 'outrigger', ...native, 'node:http2', 'grpc-proxy (Go)'];
  return { name, endpoints: 'bulk', proxies, warmUp: run, loads: [{ name, title, unit: 'MiB', seconds: 1.5, run }] };
}

const streamBytes = 1024 + 5;
const stream: Load['run'] = async ({ port, files, isTls }, seconds) => {
  const shape = { port, isTls, connections: 4, streams: 4, paths: [METHOD_PATH], body: files.message, seconds };
  const result = await runH2load(shape);
  return { ...result, units: result.dataBytes / streamBytes };
};

export const WORKLOADS: readonly Workload[] = [
  unary(10, 50, [...everyone, 'outrigger, untraced']),
  unary(1, 1, everyone),
  unary(100, 1, most),
  unary(4, 8, most),
  fresh(
    'grpc-go',
    ['direct', 'outrigger', ...native, 'node:http2', 'grpc-proxy (Go)'],
    [
      { ...fixedRate, proxies: ['direct', ...(fixedRate.proxies ?? [])] },
      openLoop(
        'open-20',
        '20 % of what the closed loop above got through this proxy',
        1.6,
        (capacity) => 0.2 * capacity,
      ),
      openLoop('open-50', '50 %', 1.6, (capacity) => 0.5 * capacity),
      openLoop('open-80', '80 %', 1.6, (capacity) => 0.8 * capacity),
    ],
  ),
  fresh('c-core', ['outrigger', ...native], []),
  {
    name: 'stream',
    endpoints: 'stream',
    proxies: ['outrigger', ...native, 'node:http2', 'grpc-proxy (Go)'],
    warmUp: stream,
    loads: [
      {
        name: 'stream',
        title: `Server streams of ${STREAM_MESSAGES} messages of 1 KiB, 4 connections x 4 streams`,
        unit: 'message',
        seconds: 1.5,
        run: stream,
      },
    ],
  },
  mebibytes('mib-up', 'Requests of 1 MiB, 4 connections x 2 streams', true),
  mebibytes('mib-down', 'Responses of 1 MiB, 4 connections x 2 streams', false),
  {
    name: 'tls',
    endpoints: 'tls',
    proxies: ['outrigger', ...native, 'node:http2'],
    warmUp: h2load(10, 50),
    loads: [{ name: 'tls', title: 'Unary, 10 x 50, TLS on both legs', unit: 'call', seconds: 2, run: h2load(10, 50) }],
  },
  {
    name: 'idle',
    endpoints: 'unary',
    proxies: ['outrigger', ...native, 'node:http2', 'grpc-proxy (Go)'],
    // What is idle needs no warming up, and that would leave memory behind that counts.
    warmUp: null,
    loads: [
      {
        name: 'idle',
        title: '1,000 idle connections',
        unit: 'connection',
        seconds: 0.8,
        run: ({ port }) => openIdleConnections(port, idleConnections),
      },
    ],
  },
  {
    name: 'clusters-100',
    endpoints: 'unary',
    proxies: ['outrigger, 100 clusters', 'envoy, 100 clusters'],
    warmUp: h2load(10, 50),
    loads: [
      { name: 'clusters-100', title: 'Unary, 10 x 50, 100 clusters', unit: 'call', seconds: 2, run: h2load(10, 50) },
    ],
  },
  {
    name: 'routes',
    endpoints: 'unary',
    proxies: [
      ...['outrigger', 'outrigger, 10,000 routes', 'outrigger, 10,000 clusters'],
      ...['envoy', 'envoy, 10,000 routes'],
    ],
    warmUp: h2load(10, 50, calledPaths),
    loads: [
      {
        name: 'routes',
        title: `Unary, 10 x 50, ${calledPaths.length} methods that are spread over the routes`,
        unit: 'call',
        seconds: 2,
        run: h2load(10, 50, calledPaths),
      },
    ],
  },
];
