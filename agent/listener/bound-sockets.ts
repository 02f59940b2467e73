// The sockets of one listener: one that it binds, or those that another process has bound and listened on before.
import { createServer, type Server, type Socket } from 'node:net';
import { formatAddress, isSocketFile, type SocketAddress } from '../../xds/model/address.ts';
import { descriptorOf } from '../native/descriptor-of.ts';

export interface BoundSocketsOptions {
  readonly address: SocketAddress;
  /** Several data planes bind this port. */
  readonly reusePort: boolean;
  /** Of sockets that listen on that address already, and are ours from here on; empty: the address is bound. */
  readonly descriptors: readonly number[];
  readonly onConnection: (socket: Socket) => void;
  /** A connection could not be accepted, for want of file descriptors say; the next one may be. */
  readonly onAcceptFailed: (error: Error) => void;
}

export class BoundSockets {
  readonly #options: BoundSocketsOptions;
  readonly #servers: readonly Server[];

  constructor(options: BoundSocketsOptions) {
    this.#options = options;
    const { descriptors, onConnection } = options;
    const count = Math.max(1, descriptors.length);
    this.#servers = Array.from({ length: count }, () => createServer({ noDelay: true }, onConnection));
  }

  /** Answers the address that is bound. Rejects with one sentence that names the address and the reason. */
  async listen(): Promise<SocketAddress> {
    const { address, reusePort, descriptors } = this.#options;
    const { host, port } = address;
    const anew = isSocketFile(address) ? { path: host } : { host, port, reusePort };
    const bound = await Promise.all(
      this.#servers.map((server, i) => {
        const fd = descriptors[i];
        return this.#listenWith(server, fd === undefined ? anew : { fd });
      }),
    );
    return bound[0]!;
  }

  /** Those that are open. */
  get descriptors(): number[] {
    return this.#servers.map(descriptorOf).filter((descriptor) => descriptor !== null);
  }

  /** Connections that have been accepted go on. */
  close(): void {
    for (const server of this.#servers) server.close();
  }

  #listenWith(server: Server, where: Parameters<Server['listen']>[0]): Promise<SocketAddress> {
    const { address, onAcceptFailed } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        reject(new Error(`can't listen on ${formatAddress(address)}: ${bindFailure(error, isSocketFile(address))}`));
      };
      server.once('error', failed);
      server.listen(where, () => {
        server.off('error', failed);
        server.on('error', onAcceptFailed);
        const bound = server.address();
        resolve(bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port });
      });
    });
  }
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
