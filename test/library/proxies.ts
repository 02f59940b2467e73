// What the tests of the library have in common: a proxy with its clients, and endpoints that say what reached them.
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { createProxy, type Log, type ProxyOptions, type ProxyServer } from '../../agent/index.ts';
import { EchoClient, type EchoServer, startEchoServer } from '../support/echo-service.ts';

export interface TestProxy {
  readonly proxy: ProxyServer;
  readonly port: number;
  /** Lines of its log, from debug up. */
  readonly logged: readonly { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
  /** A client of a connection of its own. */
  client(authority?: string, options?: grpc.ClientOptions): EchoClient;
}

/** Listens on 127.0.0.1, and is closed with the test. */
export async function startProxy(t: ExecutionContext, options: ProxyOptions): Promise<TestProxy> {
  const logged: { message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const log: Log = (_level, message, fields = {}) => logged.push({ message, fields });
  const proxy = createProxy({ log, ...options });
  const port = await proxy.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => proxy.close());
  return {
    proxy,
    port,
    logged,
    client: (authority = 'echo.test', clientOptions = {}) => {
      const client = new EchoClient(port, authority, clientOptions);
      t.teardown(() => client.close());
      return client;
    },
  };
}

/** Is stopped with the test. */
export async function startEcho(t: ExecutionContext, name = 'echo'): Promise<EchoServer> {
  const echo = await startEchoServer(name);
  t.teardown(() => echo.stop());
  return echo;
}

export function metadata(
  fields: Readonly<Record<string, string | Buffer | readonly (string | Buffer)[]>>,
): grpc.Metadata {
  const made = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) made.add(name, one);
  }
  return made;
}

/** The status with which a call fails. */
export async function failureOf(call: Promise<unknown>): Promise<{ readonly code: number; readonly details: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    return { code, details };
  }
  return { code: 0, details: '' };
}

export interface RawEndpoint {
  readonly port: number;
  readonly sessions: ReadonlySet<http2.Http2Session>;
  /** How many there were. */
  readonly sessionsEver: () => number;
  /** Heads of the requests that came. */
  readonly heads: readonly http2.IncomingHttpHeaders[];
  /** Resolves when no connection is open. */
  idle(): Promise<void>;
}

/** An endpoint of Node's own HTTP/2 that answers each call with `answer`; `at` is a port, or the path of a socket. */
export async function startRawEndpoint(
  t: ExecutionContext,
  answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void = answerOk,
  options: { readonly path?: string; readonly tls?: http2.SecureServerOptions } = {},
): Promise<RawEndpoint> {
  const server = options.tls === undefined ? http2.createServer() : http2.createSecureServer(options.tls);
  const sessions = new Set<http2.Http2Session>();
  const heads: http2.IncomingHttpHeaders[] = [];
  let sessionsEver = 0;
  server.on('session', (session) => {
    sessionsEver++;
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => {
      sessions.delete(session);
      server.emit('test:left');
    });
  });
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    heads.push(headers);
    stream.on('error', () => {});
    answer(stream, headers);
  });
  if (options.path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(options.path);
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return {
    port: options.path === undefined ? (server.address() as AddressInfo).port : 0,
    sessions,
    sessionsEver: () => sessionsEver,
    heads,
    idle: async () => {
      while (sessions.size > 0) await once(server, 'test:left');
    },
  };
}

/** A message of no bytes, and OK. */
export function answerOk(stream: http2.ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.alloc(5));
}
