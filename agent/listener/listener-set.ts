// The listeners that configuration names: binds what is new, swaps what changed, drains what is gone.
// A listener whose address stays keeps its socket and its connections; their next calls see the new rules.
import { setTimeout } from 'node:timers/promises';
import { formatAddress } from '../../xds/model/address.ts';
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
import { ChainSet, type ServingChain } from './chain-set.ts';
import type { ListenerLimits } from './connection-cap.ts';
import { Listener } from './listener.ts';
import type { Redirection } from './redirection.ts';
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
  /** Of connections that the kernel hands over; absent: there are none. */
  readonly redirection?: Redirection | null;
  /** How long connections of a listener that was removed or moved may go on. */
  readonly drainMs: number;
  /** What the calls of a chain have in common; made anew for each version of the resource. */
  readonly createContext: (listener: ListenerResource, chain: FilterChain) => Context;
  readonly accept: (stream: Stream, context: Context) => StreamHandler;
}

interface Entry<Context> {
  resource: ListenerResource;
  readonly listener: Listener<Context>;
}

export class ListenerSet<Context> {
  readonly #options: ListenerSetOptions<Context>;
  readonly #entries = new Map<string, Entry<Context>>();
  /** By listener: descriptors of sockets that it is to take instead of binding its address. */
  readonly #inherited = new Map<string, readonly number[]>();
  #state: 'serving' | 'draining' = 'serving';

  constructor(options: ListenerSetOptions<Context>) {
    this.#options = options;
  }

  get activeStreams(): number {
    let streams = 0;
    for (const entry of this.#entries.values()) streams += entry.listener.activeStreams;
    return streams;
  }

  /** The listener of that name is to have these sockets, which listen on its address already. */
  inherit(name: string, descriptors: readonly number[]): void {
    this.#inherited.set(name, descriptors);
  }

  /** Of the listening sockets of each listener. */
  get descriptors(): { readonly listener: string; readonly descriptors: readonly number[] }[] {
    return [...this.#entries].map(([name, { listener }]) => ({ listener: name, descriptors: listener.descriptors }));
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
    if (known !== undefined && formatAddress(known.resource.address) === formatAddress(resource.address)) {
      known.resource = resource;
      known.listener.update(chains);
      return;
    }
    // Calls that came here now would be the next to be cut.
    if (this.#state === 'draining') return;
    if (known !== undefined) void known.listener.drain(this.#options.drainMs);
    this.#bind(resource, chains);
  }

  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    void entry.listener.drain(this.#options.drainMs);
    this.#options.onClosed(name);
  }

  /** Drains all; answers the number of calls that were cut at the end of the grace. */
  async drain({ lagMs, graceMs, order }: DrainPlan): Promise<number> {
    this.#state = 'draining';
    const endMs = performance.now() + graceMs;
    const leftMs = (): number => Math.max(0, endMs - performance.now());
    if (lagMs > 0) await setTimeout(lagMs);
    const first = order === 'together' ? this.#all() : this.#all().filter(({ resource }) => isInbound(resource));
    const cut = await Promise.all(first.map(({ listener }) => listener.drain(leftMs())));
    // The application closes its connections when it ends, and opens none any more.
    const rest = this.#all().filter((entry) => !first.includes(entry));
    await Promise.all(rest.map(({ listener }) => listener.untilUnused(leftMs())));
    cut.push(...(await Promise.all(rest.map(({ listener }) => listener.drain(leftMs())))));
    this.#entries.clear();
    return cut.reduce((sum, calls) => sum + calls, 0);
  }

  #all(): Entry<Context>[] {
    return [...this.#entries.values()];
  }

  close(): void {
    for (const { listener } of this.#entries.values()) listener.close();
    this.#entries.clear();
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

  #bind(resource: ListenerResource, chains: ChainSet<Context>): void {
    const {
      environment,
      reusePort,
      limits,
      onRefused,
      accept: onStream,
      onBound,
      onFailed,
      redirection = null,
    } = this.#options;
    const descriptors = this.#inherited.get(resource.name) ?? [];
    this.#inherited.delete(resource.name);
    const entry: Entry<Context> = {
      resource,
      listener: new Listener({
        address: resource.address,
        reusePort,
        descriptors,
        environment,
        limits,
        onRefused,
        chains,
        onStream,
        redirection,
        direction: resource.direction,
        hasListenerOn: (port) => this.#all().some(({ resource: { address } }) => address.port === port),
      }),
    };
    this.#entries.set(resource.name, entry);
    entry.listener.listen().then(
      ({ host, port }) => onBound(resource.name, host, port),
      (error: unknown) => {
        if (this.#entries.get(resource.name) === entry) this.#entries.delete(resource.name);
        onFailed(resource.name, error instanceof Error ? error.message : String(error));
      },
    );
  }
}

function isInbound({ direction }: ListenerResource): boolean {
  return direction === 'inbound';
}
