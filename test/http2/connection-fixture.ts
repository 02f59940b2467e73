// What the tests of connections share: an environment, a server that logs its streams, and handlers that remember.
import type { Http2SecureServer, Http2Server, ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import type { ExecutionContext } from 'ava';
import {
  accept,
  type Connection,
  type ConnectionEnd,
  type ConnectionEnvironment,
  type ConnectionHandler,
  connect,
  defaultLimits,
  Flusher,
  type HeaderBlock,
  HeaderShapes,
  type Http2Limits,
  type ResetOrigin,
  type Role,
  type Stream,
  type StreamHandler,
} from '../../agent/http2/index.ts';
import type { LogLevel } from '../../agent/observe/log.ts';
import { H2Peer, ping } from '../support/h2-peer.ts';

export interface Logged {
  readonly level: LogLevel;
  readonly message: string;
}

/** Time and chance, where a test sets them. */
export type World = Partial<Pick<ConnectionEnvironment, 'now' | 'random'>>;

/** A data plane of its own for each test. */
export function environment(
  role: Role,
  limits: Partial<Http2Limits> = {},
  world: World = {},
): ConnectionEnvironment & { readonly logs: Logged[] } {
  const logs: Logged[] = [];
  return {
    shapes: new HeaderShapes(),
    flusher: new Flusher(),
    limits: { ...defaultLimits(role), ...limits },
    now: () => performance.now(),
    log: (level, message) => logs.push({ level, message }),
    logs,
    ...world,
  };
}

export type StreamEvent =
  | { readonly kind: 'headers'; readonly entries: [string, string][]; readonly what: string; readonly end: boolean }
  | { readonly kind: 'data'; readonly bytes: Buffer; readonly end: boolean }
  | { readonly kind: 'reset'; readonly code: number; readonly by: ResetOrigin; readonly unprocessed: boolean };

/** Remembers what comes, credits it at once unless told otherwise, and lets a test wait. */
export class StreamLog implements StreamHandler {
  readonly events: StreamEvent[] = [];
  readonly credits: boolean;
  stream: Stream | null = null;
  sentBytes = 0;
  /** Called after an event was noted. */
  onEvent: ((stream: Stream, event: StreamEvent) => void) | null = null;
  readonly #waiters: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  constructor(credits = true) {
    this.credits = credits;
  }

  onHeaders(stream: Stream, block: HeaderBlock, end: boolean): void {
    this.#note(stream, { kind: 'headers', entries: block.entries(), what: stream.headersAre, end });
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.credits) stream.credit(end - start);
    this.#note(stream, { kind: 'data', bytes: Buffer.from(buf.subarray(start, end)), end: endStream });
  }

  onReset(stream: Stream, code: number, by: ResetOrigin, unprocessed: boolean): void {
    this.#note(stream, { kind: 'reset', code, by, unprocessed });
  }

  onSent(stream: Stream, bytes: number): void {
    this.sentBytes += bytes;
    this.#wake();
    this.stream = stream;
  }

  get body(): Buffer {
    return Buffer.concat(this.events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : [])));
  }

  get reset(): { code: number; by: ResetOrigin; unprocessed: boolean } | undefined {
    return this.events.find((event) => event.kind === 'reset');
  }

  get ended(): boolean {
    return this.events.some((event) => event.kind !== 'reset' && event.end);
  }

  /** Waits until `done` holds; looked at after each event. */
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ done, resolve }));
  }

  #note(stream: Stream, event: StreamEvent): void {
    this.stream = stream;
    this.events.push(event);
    this.onEvent?.(stream, event);
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) {
      if (!waiter.done()) continue;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

export class ConnectionLog implements ConnectionHandler {
  readonly streams: StreamLog[] = [];
  readonly goAways: { lastStreamId: number; code: number; debug: string }[] = [];
  readonly closed: Promise<ConnectionEnd>;
  readonly connected: Promise<Connection>;
  ends: ConnectionEnd[] = [];
  rooms = 0;
  onNewStream: (log: StreamLog) => void = () => {};
  onRoomCall: (connection: Connection) => void = () => {};
  credits = true;
  #onClosed: (end: ConnectionEnd) => void = () => {};
  #onConnected: (connection: Connection) => void = () => {};
  #waiters: ((log: StreamLog) => void)[] = [];

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.connected = new Promise((resolve) => {
      this.#onConnected = resolve;
    });
  }

  onConnected(connection: Connection): void {
    this.#onConnected(connection);
  }

  onStream(): StreamHandler {
    const log = new StreamLog(this.credits);
    this.streams.push(log);
    this.onNewStream(log);
    this.#waiters.shift()?.(log);
    return log;
  }

  onRoom(connection: Connection): void {
    this.rooms++;
    this.onRoomCall(connection);
  }

  onGoAway(_: Connection, lastStreamId: number, code: number, debug: string): void {
    this.goAways.push({ lastStreamId, code, debug });
  }

  onClosed(_: Connection, end: ConnectionEnd): void {
    this.ends.push(end);
    this.#onClosed(end);
  }

  /** The n-th stream, counted from 0, when it has come. */
  stream(index: number): Promise<StreamLog> {
    const log = this.streams[index];
    if (log !== undefined) return Promise.resolve(log);
    return new Promise((resolve) => {
      const wait = (): void => {
        this.#waiters.push((latest) => (this.streams.length > index ? resolve(this.streams[index] ?? latest) : wait()));
      };
      wait();
    });
  }
}

export interface TestServer {
  readonly port: number;
  readonly environment: ConnectionEnvironment & { readonly logs: Logged[] };
  readonly log: ConnectionLog;
  /** The first connection. */
  readonly connection: Promise<Connection>;
}

/** A server of ours for one connection, whose streams are logged. */
export async function serve(
  t: ExecutionContext,
  limits: Partial<Http2Limits> = {},
  world: World = {},
): Promise<TestServer> {
  const env = environment('server', limits, world);
  const log = new ConnectionLog();
  let accepted: (connection: Connection) => void = () => {};
  const connection = new Promise<Connection>((resolve) => {
    accepted = resolve;
  });
  const connections: Connection[] = [];
  const server = createServer((socket) => {
    const latest = accept(socket, env, log);
    connections.push(latest);
    accepted(latest);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A test that has failed leaves its connections open, and its process would wait for them.
  t.teardown(() => {
    server.close();
    for (const each of connections) each.destroy(0, 'the test is over');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, environment: env, log, connection };
}

/** A client connection of ours to that port, connected. */
export async function dial(
  t: ExecutionContext,
  port: number,
  limits: Partial<Http2Limits> = {},
  world: World = {},
): Promise<{
  connection: Connection;
  log: ConnectionLog;
  environment: ConnectionEnvironment & { readonly logs: Logged[] };
}> {
  const env = environment('client', limits, world);
  const log = new ConnectionLog();
  const connection = connect({ host: '127.0.0.1', port }, null, env, log, { connectTimeoutMs: 5000 });
  t.teardown(() => connection.destroy(0, 'the test is over'));
  await log.connected;
  return { connection, log, environment: env };
}

/** Lets that node:http2 server send back what it gets; answers its port. */
export async function echoWith(t: ExecutionContext, server: Http2Server | Http2SecureServer): Promise<number> {
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Answers each call when its request has ended: head, the body it came with, trailers. */
export function echo(env: ConnectionEnvironment): (log: StreamLog) => void {
  const head = env.shapes.block([
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ]);
  const trailers = env.shapes.block([['grpc-status', '0']]);
  return (log) => {
    log.onEvent = (stream, event) => {
      if (event.kind === 'reset' || !event.end) return;
      const { body } = log;
      stream.sendHeaders(head, false);
      stream.sendData(body, 0, body.length, false);
      stream.sendHeaders(trailers, true);
    };
  };
}

export const requestFields: [string, string][] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/test.Echo/Call'],
  [':authority', 'echo.test'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];

/** What a server of ours does with these bytes behind an exchange of SETTINGS: a GOAWAY, a reset, or nothing. */
export async function outcome(t: ExecutionContext, ...frames: Uint8Array[]): Promise<string> {
  const { port } = await serve(t);
  const peer = await H2Peer.ready(port);
  peer.send(...frames, ping('outcome.'));
  const answered = peer.expect('PING', 0, ({ payload }) => payload.toString() === 'outcome.').then(() => 'alive');
  const left = peer.expect('GOAWAY', 0).then(({ code }) => `goaway ${code}`);
  const first = await Promise.race([answered.catch(() => left), left.catch(() => answered)]);
  const reset = peer.received.find(({ type }) => type === 'RST_STREAM');
  peer.socket.destroy();
  await Promise.allSettled([answered, left]);
  return first === 'alive' && reset !== undefined ? `reset ${reset.code}` : first;
}
