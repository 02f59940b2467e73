// The listeners that configuration names: binds what is new, swaps what changed, drains what is gone.
// A listener whose address stays keeps its socket and its connections; their next calls see the new rules.
import { isIPv6 } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { FilterChain, Listener as ListenerResource } from '../../xds/model/listener.ts';
import type { DrainPlan } from '../drain.ts';
import { compileCertificateNames } from '../grpc/certificate-names.ts';
import {
  type ConnectionEnvironment,
  edgeLimits,
  limitsOfLife,
  type Stream,
  type StreamHandler,
  serverTls,
} from '../http2/index.ts';
import { ChainServer } from './chain-server.ts';
import { ChainSet, type ServingChain } from './chain-set.ts';
import type { ListenerLimits } from './connection-cap.ts';
import { Listener } from './listener.ts';
import type { ConnectionCounts, Redirection } from './redirection.ts';
import { WebFront } from './web-front.ts';

export interface ListenerEvents {
  readonly onBound: (name: string, host: string, port: number) => void;
  readonly onFailed: (name: string, reason: string) => void;
  readonly onClosed: (name: string) => void;
}

export interface ListenerSetOptions<Context> extends ListenerEvents {
  readonly environment: ConnectionEnvironment;
  readonly reusePort: boolean;
  /** Of each listener. */
  readonly limits: ListenerLimits;
  readonly onRefused: (limit: keyof ListenerLimits, peer: string) => void;
  /** Absent: nobody counts. */
  readonly counts?: ConnectionCounts;
  /** Of connections that the kernel hands over; absent: there are none. */
  readonly redirection?: Redirection | null;
  /** How long connections of a listener that was removed or moved may go on. */
  readonly drainMs: number;
  /** What the calls of a chain have in common; made anew for each version of the resource. */
  readonly createContext: (listener: ListenerResource, chain: FilterChain) => Context;
  readonly accept: (stream: Stream, context: Context) => StreamHandler;
}

interface Entry<Context> {
  readonly server: ChainServer<Context>;
  /** `null`: its connections are those that others have captured. */
  readonly bound: Listener<Context> | null;
}

export class ListenerSet<Context> {
  readonly #options: ListenerSetOptions<Context>;
  readonly #entries = new Map<string, Entry<Context>>();
  /** By the address of the resource. */
  readonly #byAddress = new Map<string, ChainServer<Context>>();
  /** By listener: descriptors of sockets that it is to take instead of binding its address. */
  readonly #inherited = new Map<string, readonly number[]>();
  #state: 'serving' | 'draining' = 'serving';

  constructor(options: ListenerSetOptions<Context>) {
    this.#options = options;
  }

  get activeStreams(): number {
    let streams = 0;
    for (const entry of this.#entries.values()) streams += entry.server.activeStreams;
    return streams;
  }

  /** The listener of that name is to have these sockets, which listen on its address already. */
  inherit(name: string, descriptors: readonly number[]): void {
    this.#inherited.set(name, descriptors);
  }

  /** Of the listening sockets of each listener. */
  get descriptors(): { readonly listener: string; readonly descriptors: readonly number[] }[] {
    return [...this.#entries].map(([name, { bound }]) => ({ listener: name, descriptors: bound?.descriptors ?? [] }));
  }

  upsert(resource: ListenerResource): void {
    if (resource.filterChains.length === 0 && resource.defaultFilterChain === null) {
      this.#options.onFailed(resource.name, 'it has no filter chain');
      return;
    }
    let chains: ChainSet<Context>;
    try {
      chains = new ChainSet(resource, (chain) => this.#prepare(resource, chain));
    } catch (error) {
      // The last good version, where there is one, goes on serving.
      this.#options.onFailed(resource.name, error instanceof Error ? error.message : String(error));
      return;
    }
    const known = this.#entries.get(resource.name);
    if (known !== undefined && placeOf(known.server.resource) === placeOf(resource)) {
      known.server.update(resource, chains);
      return;
    }
    // Calls that came here now would be the next to be cut.
    if (this.#state === 'draining') return;
    if (known !== undefined) void this.#release(known, this.#options.drainMs);
    this.#open(resource, chains);
  }

  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    void this.#release(entry, this.#options.drainMs);
    this.#options.onClosed(name);
  }

  /** Drains all; answers the number of calls that were cut at the end of the grace. */
  async drain({ lagMs, graceMs, order }: DrainPlan): Promise<number> {
    this.#state = 'draining';
    const endMs = performance.now() + graceMs;
    const leftMs = (): number => Math.max(0, endMs - performance.now());
    if (lagMs > 0) await setTimeout(lagMs);
    const first = order === 'together' ? this.#all() : this.#all().filter(({ server }) => isInbound(server.resource));
    const cut = await Promise.all(first.map((entry) => this.#release(entry, leftMs())));
    // The application closes its connections when it ends, and opens none any more.
    const rest = this.#all().filter((entry) => !first.includes(entry));
    await Promise.all(rest.map(({ server }) => server.untilUnused(leftMs())));
    cut.push(...(await Promise.all(rest.map((entry) => this.#release(entry, leftMs())))));
    this.#entries.clear();
    return cut.reduce((sum, calls) => sum + calls, 0);
  }

  #all(): Entry<Context>[] {
    return [...this.#entries.values()];
  }

  close(): void {
    for (const { server, bound } of this.#entries.values()) {
      bound?.close();
      server.close();
    }
    this.#entries.clear();
    this.#byAddress.clear();
  }

  /** With the limits that the chain sets. */
  #environmentOf({ http }: FilterChain): ConnectionEnvironment {
    const { environment } = this.#options;
    const { maxConcurrentStreams, connectionLife } = http;
    const { limits } = environment;
    const ofPlace = http.isEdge === true ? edgeLimits(limits) : limits;
    const own = connectionLife === undefined ? ofPlace : limitsOfLife(ofPlace, connectionLife);
    return { ...environment, limits: maxConcurrentStreams === null ? own : { ...own, maxConcurrentStreams } };
  }

  #prepare(resource: ListenerResource, chain: FilterChain): ServingChain<Context> {
    const environment = this.#environmentOf(chain);
    const { tls: wanted } = chain;
    const names = wanted?.subjectAltNames;
    const checkNames = names === undefined ? null : compileCertificateNames(names);
    const { limits } = environment;
    const { grpcWeb } = chain.http;
    const web = grpcWeb === undefined ? null : new WebFront(grpcWeb, limits, environment.log);
    const tls = wanted === null ? null : serverTls(wanted, checkNames, limits.prefaceTimeoutMs, web !== null);
    const isOpen = wanted === null && chain.http.filters.length === 0;
    return { environment, tls, web, isOpen, context: this.#options.createContext(resource, chain) };
  }

  #open(resource: ListenerResource, chains: ChainSet<Context>): void {
    const { environment, reusePort, limits, onRefused, accept, onBound, onFailed, counts = uncounted } = this.#options;
    const { address, name } = resource;
    const server = new ChainServer(resource, chains, { environment, counts, onStream: accept });
    this.#byAddress.set(formatAddress(address), server);
    if (resource.bindsNoPort === true) {
      this.#entries.set(name, { server, bound: null });
      onBound(name, address.host, address.port);
      return;
    }
    const descriptors = this.#inherited.get(name) ?? [];
    this.#inherited.delete(name);
    const bound = new Listener({
      address,
      server,
      reusePort,
      descriptors,
      environment,
      limits,
      onRefused,
      counts,
      redirection: this.#options.redirection ?? null,
      hasListenerOn: (port) =>
        this.#all().some((entry) => entry.bound !== null && entry.server.resource.address.port === port),
      serverOf: (destination) => this.#serverOf(destination),
    });
    const entry: Entry<Context> = { server, bound };
    this.#entries.set(name, entry);
    bound.listen().then(
      ({ host, port }) => onBound(name, host, port),
      (error: unknown) => {
        if (this.#entries.get(name) === entry) this.#forget(name, entry);
        onFailed(name, error instanceof Error ? error.message : String(error));
      },
    );
  }

  #forget(name: string, { server }: Entry<Context>): void {
    this.#entries.delete(name);
    this.#giveUpAddress(server);
  }

  #giveUpAddress(server: ChainServer<Context>): void {
    const address = formatAddress(server.resource.address);
    if (this.#byAddress.get(address) === server) this.#byAddress.delete(address);
  }

  /** Takes no more connections, and ends those that it has; answers the number of calls that were cut. */
  #release({ server, bound }: Entry<Context>, graceMs: number): Promise<number> {
    bound?.close();
    this.#giveUpAddress(server);
    return server.drain(graceMs);
  }

  /** As Envoy looks for it: the very address, then all addresses of its kind with that port. */
  #serverOf(destination: SocketAddress): ChainServer<Context> | null {
    const { host, port } = destination;
    const exact = this.#byAddress.get(formatAddress(destination));
    if (exact !== undefined) return exact;
    const all = isIPv6(host) ? ['::'] : ['0.0.0.0', '::'];
    for (const any of all) {
      const found = this.#byAddress.get(formatAddress({ host: any, port }));
      if (found !== undefined) return found;
    }
    return null;
  }
}

const uncounted: ConnectionCounts = { passed: () => {}, failed: () => {}, unmatched: () => {} };

/** Where its connections come from: it is another listener where that changes. */
function placeOf({ address, bindsNoPort }: ListenerResource): string {
  return `${formatAddress(address)}${bindsNoPort === true ? ' captured' : ''}`;
}

function isInbound({ direction }: ListenerResource): boolean {
  return direction === 'inbound';
}
