// One bound address: accepts connections, and gives each to whoever serves it: the listener of the address that it was
// meant for, or the one that is bound here.
import type { Socket } from 'node:net';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { ConnectionEnvironment } from '../http2/index.ts';
import { Arrival, endsOf } from './arrival.ts';
import { BoundSockets } from './bound-sockets.ts';
import type { ChainServer } from './chain-server.ts';
import { ConnectionCap, type ListenerLimits } from './connection-cap.ts';
import { type ConnectionCounts, isDirect, type Redirection } from './redirection.ts';

export interface ListenerOptions<Context> {
  readonly address: SocketAddress;
  /** Whose connections arrive here, unless they were meant for another. */
  readonly server: ChainServer<Context>;
  /** Several data planes bind this port. */
  readonly reusePort: boolean;
  /** Of sockets that listen on that address already; empty: it is bound. */
  readonly descriptors: readonly number[];
  readonly environment: ConnectionEnvironment;
  readonly limits: ListenerLimits;
  /** `limit` has forbidden a connection of that client, `host:port`. */
  readonly onRefused: (limit: keyof ListenerLimits, peer: string) => void;
  readonly counts: ConnectionCounts;
  /** `null`: every connection was meant for this address. */
  readonly redirection: Redirection | null;
  /** Whether a listener of this agent has that port. */
  readonly hasListenerOn: (port: number) => boolean;
  /** The listener of that address, or of all addresses with its port; `null`: there is none. */
  readonly serverOf: (destination: SocketAddress) => ChainServer<Context> | null;
}

export class Listener<Context> {
  readonly #options: ListenerOptions<Context>;
  readonly #sockets: BoundSockets;
  readonly #cap: ConnectionCap;
  #boundPort = 0;

  constructor(options: ListenerOptions<Context>) {
    this.#options = options;
    this.#cap = new ConnectionCap(options.limits);
    this.#sockets = new BoundSockets({
      ...options,
      onConnection: (socket) => this.#accept(socket),
      onAcceptFailed: (error) => options.environment.log('warn', 'accept failed', { error: error.message }),
    });
  }

  /** Binds; answers the address that was bound. Rejects with one sentence that names the address and the reason. */
  async listen(): Promise<SocketAddress> {
    const bound = await this.#sockets.listen();
    this.#boundPort = bound.port;
    return bound;
  }

  /** Of its listening sockets. */
  get descriptors(): number[] {
    return this.#sockets.descriptors;
  }

  /** Closes the port. */
  close(): void {
    this.#sockets.close();
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
    const arrival = new Arrival(socket, ends);
    arrival.whenGone(() => this.#cap.give(ends.remoteHost));
    const { server, redirection } = this.#options;
    // Only a transparent socket has connections for other ports than its own: they arrive as they were meant (TPROXY).
    if (redirection !== null && ends.localPort !== this.#boundPort) {
      this.#redirect(arrival, { host: ends.localHost, port: ends.localPort });
      return;
    }
    const destination = redirection?.originalDestination(socket) ?? null;
    if (destination === null) server.take(arrival);
    else if (!isDirect(destination, ends.localHost, ends.localPort)) this.#redirect(arrival, destination);
    else if (server.resource.capture === undefined) server.take(arrival);
    // It is there for what was meant for others, and would call itself for this one.
    else this.#refuse(arrival, destination, 'it was meant for this listener itself');
  }

  #redirect(arrival: Arrival, destination: SocketAddress): void {
    const { server, redirection, hasListenerOn, serverOf } = this.#options;
    const { direction, capture } = server.resource;
    const isOpaque = redirection!.isOpaque(destination.port);
    // What is meant for the agent's own ports would reach them from within, where it is trusted.
    const isOwn = redirection!.ownPorts.includes(destination.port) || hasListenerOn(destination.port);
    if (direction === 'inbound' && isOwn) {
      this.#refuse(arrival, destination, 'the agent itself is no destination');
      return;
    }
    const meant = capture === 'hand-on' ? serverOf(destination) : null;
    (meant ?? server).takeRedirected(arrival, destination, isOpaque);
  }

  #refuse({ socket }: Arrival, destination: SocketAddress, reason: string): void {
    const { server, environment, counts } = this.#options;
    const { name, direction } = server.resource;
    counts.failed(direction);
    const fields = { listener: name, destination: formatAddress(destination), reason };
    environment.log('info', 'a redirected connection was refused', fields);
    socket.resetAndDestroy();
  }
}
