// One bound address: accepts connections, ends their TLS where the listener says so, and hands each to the codec.
import { createServer, type Server, type Socket } from 'node:net';
import { formatAddress, isSocketFile, type SocketAddress } from '../../xds/model/address.ts';
import { plainAddress } from '../grpc/address-range.ts';
import {
  accept,
  type Connection,
  type ConnectionEnvironment,
  type ConnectionHandler,
  ErrorCode,
  type Stream,
  type StreamHandler,
} from '../http2/index.ts';
import type { ChainSet, ServingChain } from './chain-set.ts';
import { ConnectionCap, type ListenerLimits } from './connection-cap.ts';
import type { ConnectionFacts } from './filter-chain-index.ts';
import { peekFirstBytes } from './peek.ts';

export interface ListenerOptions<Context> {
  readonly address: SocketAddress;
  readonly chains: ChainSet<Context>;
  /** Several data planes bind this port. */
  readonly reusePort: boolean;
  readonly environment: ConnectionEnvironment;
  readonly limits: ListenerLimits;
  /** `limit` has forbidden a connection of that client, `host:port`. */
  readonly onRefused: (limit: keyof ListenerLimits, peer: string) => void;
  readonly onStream: (stream: Stream, context: Context) => StreamHandler;
}

/** A connection, and the chain that serves it now. */
interface Served<Context> {
  readonly facts: ConnectionFacts;
  context: Context;
}

export class Listener<Context> implements ConnectionHandler {
  readonly #options: ListenerOptions<Context>;
  readonly #server: Server;
  readonly #connections = new Map<Connection, Served<Context>>();
  readonly #cap: ConnectionCap;
  /** Accepted, and not handed to the codec yet. */
  readonly #arriving = new Set<Socket>();
  #chains: ChainSet<Context>;
  #onIdle: (() => void) | null = null;

  constructor(options: ListenerOptions<Context>) {
    this.#options = options;
    this.#chains = options.chains;
    this.#cap = new ConnectionCap(options.limits);
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  get connections(): number {
    return this.#connections.size;
  }

  get activeStreams(): number {
    let streams = 0;
    for (const connection of this.#connections.keys()) streams += connection.activeStreams;
    return streams;
  }

  /** Binds; answers the address that was bound. Rejects with one sentence that names the address and the reason. */
  listen(): Promise<SocketAddress> {
    const { address, reusePort, environment } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        reject(new Error(`can't listen on ${formatAddress(address)}: ${bindFailure(error, isSocketFile(address))}`));
      };
      this.#server.once('error', failed);
      const { host, port } = address;
      const where = isSocketFile(address) ? { path: host } : { host, port, reusePort };
      this.#server.listen(where, () => {
        this.#server.off('error', failed);
        // From here on accept() may fail for want of file descriptors: the listener stays and takes the next one.
        this.#server.on('error', (error) => environment.log('warn', 'accept failed', { error: error.message }));
        const bound = this.#server.address();
        resolve(bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port });
      });
    });
  }

  /**
   * New connections get the limits and certificates of these chains; those that are open keep theirs, and their next
   * calls the rules. A connection that no chain is for any more drains.
   */
  update(chains: ChainSet<Context>): void {
    this.#chains = chains;
    for (const [connection, served] of this.#connections) {
      const chosen = chains.choose(served.facts);
      if (typeof chosen === 'string') connection.drain(0);
      else served.context = chosen.context;
    }
  }

  /**
   * Stops accepting and says GOAWAY to every connection; resolves when the last has closed or after `graceMs`, with the
   * number of calls that were cut.
   */
  async drain(graceMs: number): Promise<number> {
    this.#server.close();
    if (this.#connections.size === 0) return 0;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    // However long it takes: what is left after the grace is counted here, and cut below.
    for (const connection of [...this.#connections.keys()]) connection.drain(0);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([idle, late]);
    clearTimeout(timer);
    const cut = this.activeStreams;
    this.close();
    return cut;
  }

  /** Closes the port and every connection now. */
  close(): void {
    this.#server.close();
    for (const connection of [...this.#connections.keys()]) connection.destroy(ErrorCode.NO_ERROR, 'listener closed');
  }

  onStream(stream: Stream): StreamHandler {
    return this.#options.onStream(stream, this.#connections.get(stream.connection)!.context);
  }

  onRoom(): void {}

  onGoAway(): void {}

  onClosed(connection: Connection): void {
    this.#cap.give(this.#connections.get(connection)!.facts.remoteHost);
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onIdle?.();
  }

  #accept(socket: Socket): void {
    // A socket without an error listener ends the process when its peer resets it.
    socket.on('error', () => socket.destroy());
    const ends = endsOf(socket);
    const limit = this.#cap.take(ends.remoteHost);
    if (limit !== null) {
      // A reset leaves nothing behind on this machine, as a storm of closed connections would.
      socket.resetAndDestroy();
      this.#options.onRefused(limit, formatAddress({ host: ends.remoteHost, port: ends.remotePort }));
      return;
    }
    this.#arriving.add(socket);
    socket.once('close', () => {
      if (this.#arriving.delete(socket)) this.#cap.give(ends.remoteHost);
    });
    if (!this.#chains.needsHello) {
      this.#serve(socket, { ...ends, hello: null });
      return;
    }
    peekFirstBytes(socket, this.#options.environment.limits.prefaceTimeoutMs, (first) => {
      const hello =
        first.kind === 'tls'
          ? { isTls: true, serverName: first.serverName, applicationProtocols: first.applicationProtocols }
          : clearText;
      this.#serve(socket, { ...ends, hello });
    });
  }

  #serve(socket: Socket, facts: ConnectionFacts): void {
    const chosen = this.#chains.choose(facts);
    if (typeof chosen === 'string') {
      const peer = formatAddress({ host: facts.remoteHost, port: facts.remotePort });
      this.#options.environment.log('debug', 'connection refused', { peer, reason: chosen });
      socket.destroy();
      return;
    }
    const { tls, environment } = chosen;
    if (tls === null) {
      this.#handOver(socket, socket, facts, chosen);
      return;
    }
    tls.secure(
      socket,
      (secure) => this.#handOver(socket, secure, facts, chosen),
      (reason) => environment.log('debug', 'TLS with a client failed', { reason }),
    );
  }

  /** @param secure what was made of `socket`; itself in clear text. */
  #handOver(socket: Socket, secure: Socket, facts: ConnectionFacts, chosen: ServingChain<Context>): void {
    const { environment, context } = chosen;
    // From here on its connection is counted. It had closed, and was taken back, where it is not there any more.
    if (!this.#arriving.delete(socket)) return;
    this.#connections.set(accept(secure, environment, this), { facts, context });
  }
}

/** What Envoy's http_inspector makes of HTTP/2 with prior knowledge. */
const clearText = { isTls: false, serverName: '', applicationProtocols: ['h2c'] } as const;

function endsOf({ localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 }: Socket) {
  return {
    localHost: plainAddress(localAddress),
    localPort,
    remoteHost: plainAddress(remoteAddress),
    remotePort,
  };
}

function bindFailure(error: NodeJS.ErrnoException, isPipe: boolean): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return isPipe ? 'another process has that path, or left its socket behind' : 'another process has the port';
    case 'EACCES':
      return 'not permitted (ports below 1024 need a privilege)';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address';
    default:
      return error.message;
  }
}
