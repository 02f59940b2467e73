// One bound address: accepts connections, ends their TLS where the listener says so, and hands each to the codec.
import { createServer, type Server, type Socket } from 'node:net';
import type { DownstreamTls } from '../../xds/model/address.ts';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import {
  accept,
  type Connection,
  type ConnectionEnvironment,
  type ConnectionHandler,
  ErrorCode,
  type ServerTls,
  type Stream,
  type StreamHandler,
  serverTls,
} from '../http2/index.ts';

export interface ListenerOptions {
  readonly address: SocketAddress;
  readonly tls: DownstreamTls | null;
  /** Several data planes bind this port. */
  readonly reusePort: boolean;
  readonly environment: ConnectionEnvironment;
  readonly onStream: (stream: Stream) => StreamHandler;
}

export class Listener implements ConnectionHandler {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #environment: ConnectionEnvironment;
  #tls: ServerTls | null;
  #onIdle: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#environment = options.environment;
    this.#tls = this.#serverTls(options.tls);
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  get connections(): number {
    return this.#connections.size;
  }

  get activeStreams(): number {
    let streams = 0;
    for (const connection of this.#connections) streams += connection.activeStreams;
    return streams;
  }

  /** Binds; answers the address that was bound. Rejects with one sentence that names the address and the reason. */
  listen(): Promise<SocketAddress> {
    const { address, reusePort } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        reject(new Error(`can't listen on ${formatAddress(address)}: ${bindFailure(error)}`));
      };
      this.#server.once('error', failed);
      this.#server.listen({ host: address.host, port: address.port, reusePort }, () => {
        this.#server.off('error', failed);
        // From here on accept() may fail for want of file descriptors: the listener stays and takes the next one.
        this.#server.on('error', (error) => this.#environment.log('warn', 'accept failed', { error: error.message }));
        const bound = this.#server.address();
        resolve(bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port });
      });
    });
  }

  /** New connections get these limits and certificates; those that are open keep theirs. */
  update(environment: ConnectionEnvironment, tls: DownstreamTls | null): void {
    this.#environment = environment;
    this.#tls = this.#serverTls(tls);
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
    for (const connection of [...this.#connections]) connection.drain(0);
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
    for (const connection of [...this.#connections]) connection.destroy(ErrorCode.NO_ERROR, 'listener closed');
  }

  onStream(stream: Stream): StreamHandler {
    return this.#options.onStream(stream);
  }

  onRoom(): void {}

  onGoAway(): void {}

  onClosed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onIdle?.();
  }

  /** Throws where the certificates can't be read. */
  #serverTls(tls: DownstreamTls | null): ServerTls | null {
    return tls === null ? null : serverTls(tls, this.#environment.limits.prefaceTimeoutMs);
  }

  #accept(socket: Socket): void {
    // A socket without an error listener ends the process when its peer resets it.
    socket.on('error', () => socket.destroy());
    const environment = this.#environment;
    if (this.#tls === null) {
      this.#connections.add(accept(socket, environment, this));
      return;
    }
    this.#tls.secure(
      socket,
      (secure) => this.#connections.add(accept(secure, environment, this)),
      (reason) => environment.log('debug', 'TLS with a client failed', { reason }),
    );
  }
}

function bindFailure(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process has the port';
    case 'EACCES':
      return 'not permitted (ports below 1024 need a privilege)';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have that address';
    default:
      return error.message;
  }
}
