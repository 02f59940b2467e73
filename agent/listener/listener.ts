// One bound address: accepts connections, ends their TLS where the listener says so, and hands each to the codec.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { TrafficDirection } from '../../xds/model/listener.ts';
import { plainAddress } from '../grpc/address-range.ts';
import {
  accept,
  acceptInProcess,
  type Connection,
  type ConnectionEnvironment,
  type ConnectionHandler,
  createInProcessPair,
  ErrorCode,
  type ServerTls,
  type Stream,
  type StreamHandler,
} from '../http2/index.ts';
import { BoundSockets } from './bound-sockets.ts';
import { type ChainSet, NO_CHAIN, type ServingChain } from './chain-set.ts';
import type { FirstBytes } from './client-hello.ts';
import { ConnectionCap, type ListenerLimits } from './connection-cap.ts';
import type { ConnectionFacts, Hello } from './filter-chain-index.ts';
import { peekFirstBytes } from './peek.ts';
import { type RedirectedVerdict, takeRedirected } from './redirected.ts';
import { isDirect, type Redirection } from './redirection.ts';
import type { WebConnection, WebFront } from './web-front.ts';

export interface ListenerOptions<Context> {
  readonly address: SocketAddress;
  readonly chains: ChainSet<Context>;
  /** Several data planes bind this port. */
  readonly reusePort: boolean;
  /** Of sockets that listen on that address already; empty: it is bound. */
  readonly descriptors: readonly number[];
  readonly environment: ConnectionEnvironment;
  readonly limits: ListenerLimits;
  /** `limit` has forbidden a connection of that client, `host:port`. */
  readonly onRefused: (limit: keyof ListenerLimits, peer: string) => void;
  readonly onStream: (stream: Stream, context: Context) => StreamHandler;
  readonly direction: TrafficDirection;
  /** `null`: every connection was meant for this address. */
  readonly redirection: Redirection | null;
  /** Whether a listener of this agent has that port. */
  readonly hasListenerOn: (port: number) => boolean;
}

/** A connection, and the chain that serves it now. */
interface Served<Context> {
  readonly facts: ConnectionFacts;
  /** It stands for a browser's connection, which is counted by itself. */
  readonly isInner: boolean;
  context: Context;
}

export class Listener<Context> implements ConnectionHandler {
  readonly #options: ListenerOptions<Context>;
  readonly #sockets: BoundSockets;
  readonly #connections = new Map<Connection, Served<Context>>();
  readonly #cap: ConnectionCap;
  /** Accepted, and not handed to the codec yet. */
  readonly #arriving = new Set<Socket>();
  /** Connections of browsers. Their sockets stay among those that arrive, since the codec never gets them. */
  readonly #browsers = new Map<Socket, WebConnection>();
  #chains: ChainSet<Context>;
  #state: 'accepting' | 'draining' = 'accepting';
  #onIdle: (() => void) | null = null;

  constructor(options: ListenerOptions<Context>) {
    this.#options = options;
    this.#chains = options.chains;
    this.#cap = new ConnectionCap(options.limits);
    this.#sockets = new BoundSockets({
      ...options,
      onConnection: (socket) => this.#accept(socket),
      onAcceptFailed: (error) => options.environment.log('warn', 'accept failed', { error: error.message }),
    });
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
    return this.#sockets.listen();
  }

  /** Of its listening sockets. */
  get descriptors(): number[] {
    return this.#sockets.descriptors;
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
   * Stops accepting and says GOAWAY to every connection, those included that are just arriving; resolves when the last has closed or after `graceMs`, with the
   * number of calls that were cut.
   */
  async drain(graceMs: number): Promise<number> {
    this.#state = 'draining';
    this.#sockets.close();
    for (const browser of [...this.#browsers.values()]) browser.drain();
    // However long it takes: what is left after the grace is counted here, and cut below.
    for (const connection of [...this.#connections.keys()]) connection.drain(0);
    await this.untilUnused(graceMs);
    const cut = this.activeStreams;
    this.close();
    return cut;
  }

  /** Resolves when no connection is open, or after `maxMs`. */
  async untilUnused(maxMs: number): Promise<void> {
    if (this.#isIdle) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, maxMs);
    });
    await Promise.race([idle, late]);
    clearTimeout(timer);
  }

  /** Closes the port and every connection now. */
  close(): void {
    this.#sockets.close();
    for (const connection of [...this.#connections.keys()]) connection.destroy(ErrorCode.NO_ERROR, 'listener closed');
    for (const browser of [...this.#browsers.values()]) browser.destroy();
    for (const socket of this.#arriving) socket.destroy();
  }

  get #isIdle(): boolean {
    return this.#connections.size === 0 && this.#arriving.size === 0;
  }

  onStream(stream: Stream): StreamHandler {
    return this.#options.onStream(stream, this.#connections.get(stream.connection)!.context);
  }

  onRoom(): void {}

  onGoAway(): void {}

  onClosed(connection: Connection): void {
    const { isInner, facts } = this.#connections.get(connection)!;
    if (!isInner) this.#cap.give(facts.remoteHost);
    this.#connections.delete(connection);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#isIdle) this.#onIdle?.();
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
      if (!this.#arriving.delete(socket)) return;
      this.#cap.give(ends.remoteHost);
      this.#tellIdle();
    });
    const destination = this.#options.redirection?.originalDestination(socket) ?? null;
    if (destination !== null && !isDirect(destination, ends.localHost, ends.localPort)) {
      this.#redirect(socket, destination, ends);
      return;
    }
    if (!this.#chains.needsHello) {
      this.#serve(socket, { ...ends, hello: null });
      return;
    }
    peekFirstBytes(socket, this.#options.environment.limits.prefaceTimeoutMs, (first, bytes) => {
      this.#serve(socket, { ...ends, hello: helloOf(first, bytes) });
    });
  }

  /** A connection that was meant for another address, which chains match by. */
  #redirect(socket: Socket, destination: SocketAddress, ends: Omit<ConnectionFacts, 'hello'>): void {
    const { direction, redirection } = this.#options;
    const meant = { ...ends, localHost: destination.host, localPort: destination.port };
    const isInbound = direction === 'inbound';
    // What is meant for the agent's own ports would reach them from within, where it is trusted.
    const isOwn = redirection!.ownPorts.includes(destination.port) || this.#options.hasListenerOn(destination.port);
    const observer = redirection!.observers[direction];
    if (isInbound && isOwn) {
      observer.onFailed();
      observer.log('info', 'a redirected connection was refused', {
        destination: formatAddress(destination),
        reason: 'the agent itself is no destination',
      });
      socket.resetAndDestroy();
      return;
    }
    takeRedirected({
      socket,
      destination,
      fallback: isInbound ? { host: '127.0.0.1', port: destination.port } : null,
      observer,
      judge: (first, bytes) => this.#judge(socket, { ...meant, hello: helloOf(first, bytes) }),
    });
  }

  #judge(socket: Socket, facts: ConnectionFacts): RedirectedVerdict {
    const chosen = this.#chains.choose(facts);
    if (typeof chosen === 'string') return chosen === NO_CHAIN ? { kind: 'pass' } : { kind: 'refuse', reason: chosen };
    const { isTls, applicationProtocols } = facts.hello!;
    const isServed = chosen.tls === null ? !isTls && (applicationProtocols[0] === 'h2c' || chosen.web !== null) : isTls;
    if (isServed) return { kind: 'serve', serve: () => this.#serve(socket, facts) };
    return chosen.isOpen ? { kind: 'pass' } : { kind: 'refuse', reason: 'its filter chain asks for more than bytes' };
  }

  #serve(socket: Socket, facts: ConnectionFacts): void {
    const chosen = this.#chains.choose(facts);
    if (typeof chosen === 'string') {
      const peer = formatAddress({ host: facts.remoteHost, port: facts.remotePort });
      this.#options.environment.log('debug', 'connection refused', { peer, reason: chosen });
      socket.destroy();
      return;
    }
    const { tls, environment, web } = chosen;
    if (web !== null && facts.hello !== null && isBrowser(facts.hello)) {
      this.#serveBrowser(socket, facts, web, tls);
      return;
    }
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

  #serveBrowser(socket: Socket, facts: ConnectionFacts, web: WebFront, tls: ServerTls | null): void {
    const start = (secure: Socket, isHttp2: boolean): void => {
      if (!this.#arriving.has(socket)) return;
      const open = (): Duplex => this.#openInner(secure, facts);
      this.#browsers.set(socket, web.take(secure, tls !== null, isHttp2, open));
      socket.once('close', () => this.#browsers.delete(socket));
      if (this.#state === 'draining') this.#browsers.get(socket)?.drain();
    };
    if (tls === null) {
      start(socket, false);
      return;
    }
    tls.secure(
      socket,
      (secure) => start(secure, secure.alpnProtocol === 'h2'),
      (reason) => this.#options.environment.log('debug', 'TLS with a browser failed', { reason }),
    );
  }

  /** A connection to the data plane in the name of the client at the other end of `outer`. */
  #openInner(outer: Socket, facts: ConnectionFacts): Duplex {
    const [near, far] = createInProcessPair();
    const chosen = this.#chains.choose(facts);
    if (typeof chosen === 'string') near.destroy();
    else {
      const connection = acceptInProcess(far, outer, chosen.environment, this);
      this.#connections.set(connection, { facts, isInner: true, context: chosen.context });
    }
    return near;
  }

  /** @param secure what was made of `socket`; itself in clear text. */
  #handOver(socket: Socket, secure: Socket, facts: ConnectionFacts, chosen: ServingChain<Context>): void {
    const { environment, context } = chosen;
    // From here on its connection is counted. It had closed, and was taken back, where it is not there any more.
    if (!this.#arriving.delete(socket)) return;
    const connection = accept(secure, environment, this);
    this.#connections.set(connection, { facts, isInner: false, context });
    if (this.#state === 'draining') connection.drain(0);
  }
}

function helloOf(first: FirstBytes, bytes: Buffer): Hello {
  if (first.kind !== 'tls') return clearTextHello(bytes);
  return { isTls: true, serverName: first.serverName, applicationProtocols: first.applicationProtocols };
}

/** As Envoy's http_inspector tells HTTP/2 with prior knowledge from HTTP/1, which never begins like its preface. */
function clearTextHello(bytes: Buffer): Hello {
  const isHttp2 = bytes.subarray(0, 3).equals(prefaceStart.subarray(0, bytes.length));
  return { isTls: false, serverName: '', applicationProtocols: [isHttp2 ? 'h2c' : 'http/1.1'] };
}

const prefaceStart = Buffer.from('PRI');

/** Clients of gRPC speak HTTP/2 and say nothing else; browsers always offer HTTP/1.1 too. */
function isBrowser({ isTls, applicationProtocols }: Hello): boolean {
  return isTls
    ? applicationProtocols.includes('http/1.1') || !applicationProtocols.includes('h2')
    : !applicationProtocols.includes('h2c');
}

function endsOf({ localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 }: Socket) {
  return {
    localHost: plainAddress(localAddress),
    localPort,
    remoteHost: plainAddress(remoteAddress),
    remotePort,
  };
}
