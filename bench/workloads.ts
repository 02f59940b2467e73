// What is asked of each proxy. The names are those of `--workload`.
import {
  type IdleShape,
  type LoadResult,
  type LoadShape,
  MEBIBYTE_PATH,
  METHOD_PATH,
  openIdleConnections,
  type PayloadFiles,
  type RawShape,
  runH2load,
  runRawLoad,
} from './load.ts';

/** What the endpoints behind the proxy are: nghttpd in clear text, nghttpd over TLS, or a server of streams. */
export type EndpointKind = 'unary' | 'tls' | 'stream';

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** What CPU is counted for. */
  readonly unit: 'call' | 'message' | 'MiB' | 'connection';
  readonly endpoints: EndpointKind;
  /** `scale`: 1 for a round, less for a warm-up or a short look. */
  run(port: number, files: PayloadFiles, scale: number): Promise<LoadResult>;
}

/** Messages that the server of streams answers a call with, 1 KiB each. */
export const STREAM_MESSAGES = 1000;

function unary(connections: number, streams: number, calls: number): Workload {
  return {
    name: `${connections}x${streams}`,
    title: `Unary, ${connections} connections x ${streams} streams`,
    unit: 'call',
    endpoints: 'unary',
    run: (port, files, scale) =>
      runH2load({ port, body: files.message, path: METHOD_PATH }, shape(connections, streams, calls, scale)),
  };
}

function fresh(name: string, peer: RawShape['peer']): Workload {
  return {
    name: `fresh-${name}`,
    title: `Unary, 10 x 50, a fresh traceparent and grpc-timeout in each call, encoded as ${name} does`,
    unit: 'call',
    endpoints: 'unary',
    run: (port, _files, scale) =>
      runRawLoad({ port, peer, connections: 10, streams: 50, calls: scaled(200_000, scale), perSecond: 0 }),
  };
}

function openLoop(perSecond: number): Workload {
  return {
    name: `open-${perSecond}`,
    title: `Open loop, ${perSecond} calls a second over 10 connections, latency from when a call was due`,
    unit: 'call',
    endpoints: 'unary',
    run: (port, _files, scale) => {
      const calls = scaled(10 * perSecond, scale);
      return runRawLoad({ port, peer: 'grpc-go', connections: 10, streams: 1000, calls, perSecond });
    },
  };
}

/** 1 MiB of payload a call, in one direction. */
function mebibytes(name: string, title: string, goesUp: boolean): Workload {
  return {
    name,
    title,
    unit: 'MiB',
    endpoints: 'unary',
    run: (port, files, scale) => {
      const target = goesUp
        ? { body: files.mebibyte, path: METHOD_PATH }
        : { body: files.message, path: MEBIBYTE_PATH };
      return runH2load({ port, ...target }, shape(4, 2, 2000, scale));
    },
  };
}

const idle: IdleShape = { connections: 1000 };

export const WORKLOADS: readonly Workload[] = [
  unary(10, 50, 200_000),
  unary(1, 1, 20_000),
  unary(100, 1, 150_000),
  unary(4, 8, 150_000),
  fresh('grpc-go', 'grpc-go'),
  fresh('c-core', 'c-core'),
  {
    name: 'stream',
    title: `Server streams of ${STREAM_MESSAGES} messages of 1 KiB, 4 connections x 4 streams`,
    unit: 'message',
    endpoints: 'stream',
    run: async (port, files, scale) => {
      const calls = shape(4, 4, 400, scale);
      const result = await runH2load({ port, body: files.message, path: METHOD_PATH }, calls);
      return { ...result, units: result.units * STREAM_MESSAGES };
    },
  },
  mebibytes('mib-up', 'Requests of 1 MiB, 4 connections x 2 streams', true),
  mebibytes('mib-down', 'Responses of 1 MiB, 4 connections x 2 streams', false),
  openLoop(5000),
  {
    name: 'tls',
    title: 'Unary, 10 x 50, TLS on both legs',
    unit: 'call',
    endpoints: 'tls',
    run: (port, files, scale) =>
      runH2load({ port, body: files.message, path: METHOD_PATH, isTls: true }, shape(10, 50, 150_000, scale)),
  },
  {
    name: 'idle',
    title: `${idle.connections} idle connections`,
    unit: 'connection',
    endpoints: 'unary',
    run: (port) => openIdleConnections(port, idle),
  },
];

function shape(connections: number, streams: number, calls: number, scale: number): LoadShape {
  return { connections, streams, calls: Math.max(scaled(calls, scale), connections * streams) };
}

function scaled(count: number, scale: number): number {
  return Math.ceil(count * scale);
}
