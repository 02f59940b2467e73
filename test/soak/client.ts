// One client: a few connections to the agent, opened again when they end, and calls on them.
import {
  type Connection,
  type ConnectionEnvironment,
  type ConnectionHandler,
  connect,
  ErrorCode,
  type HeaderBlock,
  type Stream,
  type StreamHandler,
} from '../../agent/http2/index.ts';
import { type EndedCall, givenUp, refused } from './ledger.ts';
import { holdTimeout, messageBytes, messages, type Plan, statusOfCode, unaryBytes } from './plan.ts';
import { inTurn, isOwn, payload, shapes } from './world.ts';

const cancelWithinMs = 20;

export class SoakClient implements ConnectionHandler {
  /** Connections that the agent ended in order, and those that were opened. */
  rotations = 0;
  opened = 0;
  /** Its first connection is up. */
  readonly connected: Promise<void>;
  readonly #port: number;
  readonly #environment: ConnectionEnvironment;
  readonly #connections: Connection[] = [];
  readonly #killed = new WeakSet<Connection>();
  readonly #target: number;
  #next = 0;
  #isClosing = false;
  #onConnected: () => void = () => {};

  constructor(port: number, environment: ConnectionEnvironment, connections: number) {
    this.#port = port;
    this.#environment = environment;
    this.#target = connections;
    this.connected = new Promise((resolve) => {
      this.#onConnected = resolve;
    });
    this.#openMissing();
  }

  /** A connection with room, in turn; `null`: none has any. */
  take(): Connection | null {
    for (let i = 0; i < this.#connections.length; i++) {
      const connection = this.#connections[this.#next++ % this.#connections.length]!;
      if (connection.room > 0) return connection;
    }
    return null;
  }

  /** Cuts one of its connections, calls and all. */
  kill(): void {
    const connection = this.#connections[this.#next++ % Math.max(1, this.#connections.length)];
    if (connection === undefined) return;
    this.#killed.add(connection);
    connection.destroy(ErrorCode.CANCEL, 'cut');
  }

  wasKilled(connection: Connection): boolean {
    return this.#killed.has(connection);
  }

  /** Opens no more connections. */
  retire(): void {
    this.#isClosing = true;
  }

  close(): void {
    this.retire();
    for (const connection of [...this.#connections]) connection.destroy(ErrorCode.NO_ERROR, 'the soak is over');
  }

  onConnected(): void {
    this.#onConnected();
  }

  onStream(): StreamHandler {
    throw new Error('a client takes no streams');
  }

  onRoom(): void {}

  onGoAway(): void {
    this.rotations++;
    this.#openMissing();
  }

  onClosed(connection: Connection): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    this.#openMissing();
  }

  /** As many as can be used: one that is leaving does not count. */
  #openMissing(): void {
    if (this.#isClosing) return;
    const usable = this.#connections.filter(({ state }) => state === 'connecting' || state === 'open').length;
    for (let i = usable; i < this.#target; i++) {
      this.opened++;
      this.#connections.push(
        connect({ host: '127.0.0.1', port: this.#port }, null, this.#environment, this, { connectTimeoutMs: 10_000 }),
      );
    }
  }
}

export class SoakCall implements StreamHandler {
  readonly #client: SoakClient;
  readonly #id: number;
  readonly #plan: Plan;
  readonly #onEnd: (call: EndedCall) => void;
  #receivedBytes = 0;
  #isCorrupt = false;
  #isOver = false;
  #messagesLeft = 0;
  #cancelTimer: NodeJS.Timeout | null = null;

  constructor(client: SoakClient, id: number, plan: Plan, onEnd: (call: EndedCall) => void) {
    this.#client = client;
    this.#id = id;
    this.#plan = plan;
    this.#onEnd = onEnd;
  }

  start(connection: Connection, cancelShare: number): void {
    const { kind, code } = this.#plan;
    const stream = connection.openStream(this);
    const fields: [string, string][] = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/soak.Test/Call'],
      [':authority', 'soak.test'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['x-id', String(this.#id)],
      ['x-plan', kind],
      ['x-code', String(code)],
    ];
    if (kind === 'hold') fields.push(['grpc-timeout', holdTimeout]);
    stream.sendHeaders(shapes.block(fields), false);
    if (kind === 'chat') {
      this.#messagesLeft = messages;
      this.#chat(stream);
      return;
    }
    const body = payload(kind === 'upload' || kind === 'early' ? messages * messageBytes : unaryBytes, this.#id);
    stream.sendData(body, 0, body.length, true);
    if (kind === 'cancel') {
      this.#cancelTimer = setTimeout(() => inTurn(() => this.#cancel(stream)), cancelWithinMs * cancelShare);
    }
  }

  onHeaders(_stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (!endStream) return;
    const status = Number(block.value('grpc-status') ?? 2);
    this.#isCorrupt ||= status === 0 && this.#receivedBytes !== this.#expectedBytes();
    this.#end(status, decodeURIComponent(block.value('grpc-message') ?? ''));
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    stream.credit(end - start);
    this.#receivedBytes += end - start;
    this.#isCorrupt ||= !isOwn(buf, start, end, this.#id);
    if (endStream) this.#end(2, 'the response has no trailers');
    else if (this.#plan.kind === 'chat' && this.#receivedBytes % messageBytes === 0) this.#chat(stream);
  }

  onReset(stream: Stream, code: number, by: 'peer' | 'local' | 'connection', unprocessed: boolean): void {
    if (this.#client.wasKilled(stream.connection)) this.#end(-1, givenUp.kill);
    else if (by === 'connection') {
      this.#end(-1, `the connection to the agent was lost: ${stream.connection.ending?.reason ?? ''}`);
    } else if (unprocessed) this.#end(14, refused);
    else this.#end(statusOfCode(code), `reset by ${by}`);
  }

  onSent(): void {}

  #chat(stream: Stream): void {
    const message = payload(messageBytes, this.#id);
    this.#messagesLeft--;
    if (this.#messagesLeft >= 0) stream.sendData(message, 0, message.length, this.#messagesLeft === 0);
  }

  #expectedBytes(): number {
    switch (this.#plan.kind) {
      case 'download':
      case 'chat':
        return messages * messageBytes;
      case 'early':
        return 0;
      default:
        return unaryBytes;
    }
  }

  #cancel(stream: Stream): void {
    stream.reset(ErrorCode.CANCEL);
    this.#end(-1, givenUp.cancel);
  }

  #end(status: number, message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#cancelTimer !== null) clearTimeout(this.#cancelTimer);
    const { plan, isCorrupt } = { plan: this.#plan, isCorrupt: this.#isCorrupt };
    this.#onEnd({ plan, status, message, isCorrupt, endedMs: performance.now() });
  }
}
