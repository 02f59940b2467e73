// The connections of one listener, wherever they were accepted: each is served by the filter chain that is for it.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { Listener as ListenerResource } from '../../xds/model/listener.ts';
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
import type { Arrival } from './arrival.ts';
import { directPath } from './byte-path.ts';
import { type ChainSet, NO_CHAIN, type ServingChain } from './chain-set.ts';
import type { ConnectionFacts, Hello } from './filter-chain-index.ts';
import { type PassingObserver, takeByFirstBytes, type Verdict } from './first-bytes.ts';
import { helloOf, isBrowser, isHttp2 } from './hello.ts';
import { peekFirstBytes } from './peek.ts';
import type { ConnectionCounts } from './redirection.ts';
import type { Tunnel } from './tunnel.ts';
import type { WebConnection, WebFront } from './web-front.ts';

export interface ChainServerOptions<Context> {
  readonly environment: ConnectionEnvironment;
  readonly counts: ConnectionCounts;
  readonly onStream: (stream: Stream, context: Context) => StreamHandler;
}

/** A connection, and the chain that serves it now. */
interface Served<Context> {
  readonly facts: ConnectionFacts;
  /** `null`: it stands for a browser's connection, which is counted by itself. */
  readonly arrival: Arrival | null;
  context: Context;
}

export class ChainServer<Context> implements ConnectionHandler {
  readonly #options: ChainServerOptions<Context>;
  readonly #connections = new Map<Connection, Served<Context>>();
  /** All that are here, whoever has them. */
  readonly #arrivals = new Set<Arrival>();
  /** Connections of browsers, which the codec never gets. */
  readonly #browsers = new Map<Arrival, WebConnection>();
  readonly #tunnels = new Set<Tunnel>();
  #state: 'serving' | 'draining' = 'serving';
  #resource: ListenerResource;
  #chains: ChainSet<Context>;
  #onIdle: (() => void) | null = null;

  constructor(resource: ListenerResource, chains: ChainSet<Context>, options: ChainServerOptions<Context>) {
    this.#options = options;
    this.#resource = resource;
    this.#chains = chains;
  }

  get resource(): ListenerResource {
    return this.#resource;
  }

  get activeStreams(): number {
    let streams = 0;
    for (const connection of this.#connections.keys()) streams += connection.activeStreams;
    return streams;
  }

  /**
   * New connections get the limits and certificates of these chains; those that are open keep theirs, and their next
   * calls the rules. A connection that no chain is for any more drains.
   */
  update(resource: ListenerResource, chains: ChainSet<Context>): void {
    this.#resource = resource;
    this.#chains = chains;
    for (const [connection, served] of this.#connections) {
      const chosen = chains.choose(served.facts);
      if (typeof chosen === 'string') connection.drain(0);
      else served.context = chosen.context;
    }
  }

  /** A connection that was meant for this listener's own address. */
  take(arrival: Arrival): void {
    this.#add(arrival);
    const { socket, ends } = arrival;
    if (!this.#chains.needsHello) {
      this.#serve(arrival, { ...ends, hello: null }, null);
      return;
    }
    peekFirstBytes(socket, this.#options.environment.limits.prefaceTimeoutMs, (first, bytes) => {
      this.#serve(arrival, { ...ends, hello: helloOf(first, bytes) }, null);
    });
  }

  /** One that was meant for that address, which chains match by. `isOpaque`: nobody waits for its first bytes. */
  takeRedirected(arrival: Arrival, destination: SocketAddress, isOpaque: boolean): void {
    this.#add(arrival);
    const { direction, detection = redirectedDetection } = this.#resource;
    const meant = { ...arrival.ends, localHost: destination.host, localPort: destination.port };
    const fallback = direction === 'inbound' ? { host: '127.0.0.1', port: destination.port } : null;
    const path = directPath(destination, fallback);
    takeByFirstBytes({
      socket: arrival.socket,
      isDecided: isOpaque,
      detection,
      maxSilenceMs: this.#options.environment.limits.prefaceTimeoutMs,
      observer: this.#observe(arrival, formatAddress(destination)),
      judge: (first, bytes) => this.#judge(arrival, { ...meant, hello: helloOf(first, bytes) }, destination, path),
    });
  }

  #add(arrival: Arrival): void {
    this.#arrivals.add(arrival);
    arrival.whenGone(() => {
      this.#arrivals.delete(arrival);
      if (this.#arrivals.size === 0) this.#onIdle?.();
    });
  }

  /** GOAWAY to every connection, those that are just arriving included; resolves when the last has closed or after `graceMs`, with the calls that were cut. */
  async drain(graceMs: number): Promise<number> {
    this.#state = 'draining';
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
    if (this.#arrivals.size === 0) return;
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

  /** Every connection, now. */
  close(): void {
    for (const connection of [...this.#connections.keys()]) connection.destroy(ErrorCode.NO_ERROR, 'listener closed');
    for (const browser of [...this.#browsers.values()]) browser.destroy();
    for (const tunnel of [...this.#tunnels]) tunnel.destroy();
    for (const arrival of [...this.#arrivals]) if (arrival.isArriving) arrival.socket.destroy();
  }

  onStream(stream: Stream): StreamHandler {
    return this.#options.onStream(stream, this.#connections.get(stream.connection)!.context);
  }

  onRoom(): void {}

  onGoAway(): void {}

  onClosed(connection: Connection): void {
    this.#connections.get(connection)!.arrival?.gone();
    this.#connections.delete(connection);
  }

  #judge(
    arrival: Arrival,
    facts: ConnectionFacts & { readonly hello: Hello },
    destination: SocketAddress,
    path: ReturnType<typeof directPath>,
  ): Verdict {
    const chosen = this.#chains.choose(facts);
    const { capture, bindsNoPort } = this.#resource;
    if (typeof chosen === 'string') {
      const isForAll = capture === undefined && bindsNoPort === undefined;
      if (chosen === NO_CHAIN && isForAll) return { kind: 'pass', path };
      return { kind: 'refuse', reason: chosen };
    }
    const { hello } = facts;
    const isServed = chosen.tls === null ? !hello.isTls && (isHttp2(hello) || chosen.web !== null) : hello.isTls;
    if (isServed) return { kind: 'serve', serve: () => this.#serve(arrival, facts, destination) };
    return chosen.isOpen
      ? { kind: 'pass', path }
      : { kind: 'refuse', reason: 'its filter chain asks for more than bytes' };
  }

  /** Counts and tells what becomes of bytes that are passed on. */
  #observe(arrival: Arrival, destination: string): PassingObserver {
    const { counts, environment } = this.#options;
    const { name, direction } = this.#resource;
    const of = { listener: name, destination };
    let own: Tunnel | null = null;
    return {
      onPassing: (_path, tunnel) => {
        own = tunnel;
        arrival.take();
        this.#tunnels.add(tunnel);
        counts.passed(direction);
      },
      onPassed: ({ name: to }, end) => {
        if (own !== null) this.#tunnels.delete(own);
        arrival.gone();
        environment.log('debug', 'a connection was passed on', { ...of, to, ...end });
      },
      onFailed: (reason, path) => {
        counts.failed(direction);
        const level = path === null ? 'info' : 'debug';
        environment.log(level, 'a connection was not passed on', { ...of, to: path?.name ?? null, reason });
      },
    };
  }

  #serve(arrival: Arrival, facts: ConnectionFacts, destination: SocketAddress | null): void {
    const { socket } = arrival;
    const chosen = this.#chains.choose(facts);
    if (typeof chosen === 'string') {
      const peer = formatAddress({ host: facts.remoteHost, port: facts.remotePort });
      const { name, direction } = this.#resource;
      this.#options.counts.unmatched(direction);
      this.#options.environment.log('debug', 'connection refused', { listener: name, peer, reason: chosen });
      socket.destroy();
      return;
    }
    const { tls, environment, web } = chosen;
    if (web !== null && facts.hello !== null && isBrowser(facts.hello)) {
      this.#serveBrowser(arrival, facts, web, tls);
      return;
    }
    if (tls === null) {
      this.#handOver(arrival, socket, facts, chosen, destination);
      return;
    }
    tls.secure(
      socket,
      (secure) => this.#handOver(arrival, secure, facts, chosen, destination),
      (reason) => environment.log('debug', 'TLS with a client failed', { reason }),
    );
  }

  #serveBrowser(arrival: Arrival, facts: ConnectionFacts, web: WebFront, tls: ServerTls | null): void {
    const { socket } = arrival;
    const start = (secure: Socket, isHttp2Spoken: boolean): void => {
      if (!arrival.isArriving) return;
      const open = (): Duplex => this.#openInner(secure, facts);
      const browser = web.take(secure, tls !== null, isHttp2Spoken, open);
      this.#browsers.set(arrival, browser);
      arrival.whenGone(() => this.#browsers.delete(arrival));
      if (this.#state === 'draining') browser.drain();
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
      this.#connections.set(connection, { facts, arrival: null, context: chosen.context });
    }
    return near;
  }

  /** @param secure what was made of the arrival's socket; itself in clear text. */
  #handOver(
    arrival: Arrival,
    secure: Socket,
    facts: ConnectionFacts,
    chosen: ServingChain<Context>,
    destination: SocketAddress | null,
  ): void {
    const { environment, context } = chosen;
    // From here on its connection says when it is gone.
    if (!arrival.take()) return;
    const connection = accept(secure, environment, this, destination);
    this.#connections.set(connection, { facts, arrival, context });
    if (this.#state === 'draining') connection.drain(0);
  }
}

/** Of listeners that say nothing of it: clients without end, since their servers may be silent too. */
const redirectedDetection = { timeoutMs: null, servesSilent: true } as const;
