// The endpoints of a cluster whose hosts are DNS names, asked for again and again: every address of every host
// (STRICT_DNS), or the addresses of one in the order in which they are to be tried (LOGICAL_DNS, gRFC A37, A61).
// A failed resolution changes nothing: the last good addresses of the host stay.
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { orderToTry, usableAddresses } from './dns-answers.ts';
import type { Log, SetTimer } from './environment.ts';
import { isSocketFile } from './model/address.ts';
import type { DnsDiscovery } from './model/cluster.ts';
import type { ClusterEndpoints, LocalityEndpoints } from './model/endpoints.ts';
import { doesNotExistMs } from './subscription.ts';

/** The addresses of a DNS name; rejects where there is no answer. */
export type ResolveHost = (host: string, wantsTtl: boolean) => Promise<ResolvedHost>;

export interface ResolvedHost {
  /** IP literals, of both families. */
  readonly addresses: readonly string[];
  /** How long the answer holds; `null`: nobody knows, or has asked. */
  readonly ttlMs: number | null;
}

export interface DnsEndpointsOptions {
  /** Its endpoints have DNS names (or IP literals, which stay) as hosts, and the cluster's name. */
  readonly discovery: DnsDiscovery;
  readonly resolve: ResolveHost;
  readonly setTimer: SetTimer;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** First when each host was answered or has failed (or after 15 s), then whenever an answer differs. */
  readonly onChange: (endpoints: ClusterEndpoints) => void;
}

/** A time to live of 0 must not become a storm of questions (Envoy's `dns_min_refresh_rate`). */
const minRefreshMs = 1000;

export class DnsEndpoints {
  readonly #options: DnsEndpointsOptions;
  /** Last good addresses by host, in order; `null` before the first good answer. */
  readonly #addresses = new Map<string, readonly string[] | null>();
  readonly #unsettled = new Set<string>();
  /** Failures in a row, by host. */
  readonly #failures = new Map<string, number>();
  /** By host, and one for the whole. */
  readonly #timers = new Map<string | null, () => void>();
  #isStopped = false;
  #last: ClusterEndpoints | null = null;

  constructor(options: DnsEndpointsOptions) {
    this.#options = options;
    for (const { endpoints } of options.discovery.endpoints.localities) {
      for (const { address } of endpoints) {
        if (isIP(address.host) === 0 && !isSocketFile(address)) this.#addresses.set(address.host, null);
      }
    }
  }

  start(): void {
    for (const host of this.#addresses.keys()) this.#unsettled.add(host);
    if (this.#addresses.size === 0) {
      this.#settle();
      return;
    }
    const giveUp = () => {
      this.#unsettled.clear();
      this.#settle();
    };
    this.#timers.set(null, this.#options.setTimer(giveUp, doesNotExistMs));
    for (const host of this.#addresses.keys()) this.#resolve(host);
  }

  /** No call of `onChange` follows. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #resolve(host: string): void {
    const { resolve, setTimer, discovery } = this.#options;
    const done = (refreshMs: number) => {
      this.#timers.set(
        host,
        setTimer(() => this.#resolve(host), refreshMs),
      );
      this.#unsettled.delete(host);
      this.#settle();
    };
    // A resolver that throws instead of rejecting is a failure like any other.
    Promise.resolve()
      .then(() => resolve(host, discovery.respectTtl === true))
      .then(
        ({ addresses, ttlMs }) => {
          if (this.#isStopped) return;
          this.#failures.delete(host);
          this.#addresses.set(host, this.#inOrder(host, addresses));
          const holdsMs = discovery.respectTtl === true ? ttlMs : null;
          done(holdsMs === null ? discovery.refreshMs : Math.max(minRefreshMs, holdsMs));
        },
        (error: unknown) => {
          if (!this.#isStopped) done(this.#noteFailure(host, error));
        },
      );
  }

  #inOrder(host: string, answer: readonly string[]): readonly string[] {
    const { kind, family } = this.#options.discovery;
    const addresses = usableAddresses(answer, family);
    return kind === 'strict-dns' ? addresses.sort() : orderToTry(addresses, this.#addresses.get(host) ?? []);
  }

  /** Answers when to try again. What fails on and on is said once. */
  #noteFailure(host: string, error: unknown): number {
    const { log, random, discovery } = this.#options;
    const { endpoints, refreshMs, failureRefresh } = discovery;
    const failures = this.#failures.get(host) ?? 0;
    this.#failures.set(host, failures + 1);
    log(failures === 0 ? 'warn' : 'debug', 'a DNS name of a cluster was not resolved', {
      cluster: endpoints.name,
      host,
      error: error instanceof Error ? error.message : String(error),
      addressesKept: this.#addresses.get(host)?.length ?? 0,
    });
    if (failureRefresh === undefined) return refreshMs;
    const { baseMs, maxMs } = failureRefresh;
    return failures === 0 ? baseMs : Math.min(maxMs, baseMs * 2 ** Math.min(failures, 20)) * (0.5 + random() / 2);
  }

  #settle(): void {
    if (this.#unsettled.size > 0 || this.#isStopped) return;
    this.#timers.get(null)?.();
    this.#timers.delete(null);
    const endpoints = this.#expand();
    if (this.#last !== null && isDeepStrictEqual(this.#last, endpoints)) return;
    this.#last = endpoints;
    this.#options.onChange(endpoints);
  }

  #expand(): ClusterEndpoints {
    const { kind, endpoints: template } = this.#options.discovery;
    const localities = template.localities.map(
      (locality): LocalityEndpoints => ({
        ...locality,
        endpoints: locality.endpoints.flatMap((endpoint) => {
          const { host, port } = endpoint.address;
          const addresses = this.#addresses.has(host) ? (this.#addresses.get(host) ?? []) : [host];
          // As in Envoy, the name that was resolved is the endpoint's host name where it has no other.
          const hostname = endpoint.hostname === '' && this.#addresses.has(host) ? host : endpoint.hostname;
          return addresses.map((address) => ({ ...endpoint, hostname, address: { host: address, port } }));
        }),
      }),
    );
    return { ...template, localities: kind === 'strict-dns' ? localities : oneByOne(localities) };
  }
}

/** A priority for each address: the next one takes calls while those before it can't be connected to. */
function oneByOne(localities: readonly LocalityEndpoints[]): LocalityEndpoints[] {
  const single = localities.flatMap((locality) => locality.endpoints.map((one) => ({ ...locality, endpoints: [one] })));
  return single.map((locality, priority) => ({ ...locality, priority }));
}
