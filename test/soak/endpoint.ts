// One endpoint: does with each call what its head asks, counts what it answered, and has things done to its connections.
import { createServer, type Server, type Socket } from 'node:net';
import {
  accept,
  type Connection,
  type ConnectionEnvironment,
  type ConnectionHandler,
  ErrorCode,
  type HeaderBlock,
  type Stream,
  type StreamHandler,
} from '../../agent/http2/index.ts';
import { messageBytes, messages, type PlanKind, unaryBytes } from './plan.ts';
import { inTurn, payload, responseHead, shapes, trailers } from './world.ts';

/** What the endpoints have seen, all together. */
export class EndpointTally {
  received = 0;
  refused = 0;
  cancelled = 0;
  cut = 0;
  reset = 0;
  /** Answers given whole, by status. */
  readonly answered: Record<number, number> = {};
  /** Calls that were refused once, by id. */
  readonly refusedIds = new Set<number>();
}

export class SoakEndpoint implements ConnectionHandler {
  readonly tally: EndpointTally;
  port = 0;
  readonly #environment: ConnectionEnvironment;
  readonly #sockets = new Map<Connection, Socket>();
  #server: Server;

  constructor(environment: ConnectionEnvironment, tally: EndpointTally) {
    this.#environment = environment;
    this.tally = tally;
    this.#server = this.#createServer();
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connections(): Connection[] {
    return [...this.#sockets.keys()];
  }

  /** At the port it had before, if it had one. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, '127.0.0.1', () => {
        const address = this.#server.address();
        if (typeof address === 'object' && address !== null) this.port = address.port;
        resolve();
      });
    });
  }

  /** No one is accepted any more, and every connection is cut: as when a process dies. */
  async crash(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets.values()) socket.resetAndDestroy();
    await closed;
    this.#server = this.#createServer();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.connections) connection.destroy(ErrorCode.NO_ERROR, 'the soak is over');
    await closed;
  }

  kill(connection: Connection): void {
    this.#sockets.get(connection)?.resetAndDestroy();
  }

  /** Nothing is read from here on, until `wake`, if that comes: TCP lives, and nobody is at home. */
  silence(connection: Connection): void {
    this.#sockets.get(connection)?.pause();
  }

  wake(connection: Connection): void {
    this.#sockets.get(connection)?.resume();
  }

  onStream(): StreamHandler {
    this.tally.received++;
    return new EndpointCall(this.tally);
  }

  onRoom(): void {}

  onGoAway(): void {}

  onClosed(connection: Connection): void {
    this.#sockets.delete(connection);
  }

  #createServer(): Server {
    return createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      // Once something has been read the connection stays with this socket, to which things can be done.
      socket.once('readable', () => {
        inTurn(() => this.#sockets.set(accept(socket, this.#environment, this), socket));
        socket.resume();
      });
    });
  }
}

class EndpointCall implements StreamHandler {
  readonly #tally: EndpointTally;
  #plan: PlanKind = 'unary';
  #code = 0;
  #id = 0;
  #isOver = false;

  constructor(tally: EndpointTally) {
    this.#tally = tally;
  }

  onHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    this.#id = Number(block.value('x-id'));
    this.#code = Number(block.value('x-code'));
    this.#plan = block.value('x-plan') as PlanKind;
    if (this.#plan === 'refuse' && !this.#tally.refusedIds.delete(this.#id)) {
      this.#tally.refusedIds.add(this.#id);
      this.#tally.refused++;
      this.#isOver = true;
      stream.reset(ErrorCode.REFUSED_STREAM);
      return;
    }
    if (this.#plan === 'chat') stream.sendHeaders(responseHead, false);
    if (this.#plan === 'early') this.#answer(stream, 0, Buffer.alloc(0));
    else if (endStream) this.#onRequestEnd(stream);
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    stream.credit(end - start);
    if (this.#isOver) return;
    if (this.#plan === 'chat') stream.sendData(buf, start, end, false);
    if (endStream) this.#onRequestEnd(stream);
  }

  onReset(_stream: Stream, _code: number, by: 'peer' | 'local' | 'connection'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (by === 'connection') this.#tally.cut++;
    else this.#tally.cancelled++;
  }

  onSent(): void {}

  #onRequestEnd(stream: Stream): void {
    switch (this.#plan) {
      case 'hold':
        return;
      case 'status':
        this.#isOver = true;
        this.#count(this.#code);
        stream.sendHeaders(shapes.block([...statusHead, ['grpc-status', String(this.#code)]]), true);
        return;
      case 'late reset':
        stream.sendHeaders(responseHead, false);
        this.#reset(stream);
        return;
      case 'reset':
        this.#reset(stream);
        return;
      case 'chat':
        this.#isOver = true;
        this.#count(0);
        stream.sendHeaders(trailers(0), true);
        return;
      case 'download':
        this.#answer(stream, 0, payload(messages * messageBytes, this.#id));
        return;
      default:
        this.#answer(stream, 0, payload(unaryBytes, this.#id));
    }
  }

  #reset(stream: Stream): void {
    this.#isOver = true;
    this.#tally.reset++;
    stream.reset(this.#code);
  }

  #answer(stream: Stream, status: number, body: Buffer): void {
    this.#isOver = true;
    this.#count(status);
    stream.sendHeaders(responseHead, false);
    stream.sendData(body, 0, body.length, false);
    stream.sendHeaders(trailers(status), true);
  }

  #count(status: number): void {
    this.#tally.answered[status] = (this.#tally.answered[status] ?? 0) + 1;
  }
}

const statusHead: [string, string][] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
