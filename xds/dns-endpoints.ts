// The endpoints of a STRICT_DNS cluster: every address of every host, asked for again and again.
// A failed resolution changes nothing: the last good addresses of the host stay.
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Log, SetTimer } from './environment.ts';
import { isSocketFile } from './model/address.ts';
import type { ClusterEndpoints, LocalityEndpoints } from './model/endpoints.ts';
import { doesNotExistMs } from './subscription.ts';

/** The addresses of a DNS name, IP literals; rejects where there is no answer. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

export interface DnsEndpointsOptions {
  /** The endpoints with DNS names (or IP literals, which stay) as hosts; `name` is the cluster's. */
  readonly template: ClusterEndpoints;
  /** Between the end of one resolution and the start of the next. */
  readonly refreshMs: number;
  readonly resolve: ResolveHost;
  readonly setTimer: SetTimer;
  readonly log: Log;
  /** First when each host was answered or has failed (or after 15 s), then whenever an answer differs. */
  readonly onChange: (endpoints: ClusterEndpoints) => void;
}

export class DnsEndpoints {
  readonly #options: DnsEndpointsOptions;
  /** Last good addresses by host, sorted; `null` before the first good answer. */
  readonly #addresses = new Map<string, readonly string[] | null>();
  readonly #unsettled = new Set<string>();
  /** By host, and one for the whole. */
  readonly #timers = new Map<string | null, () => void>();
  #isStopped = false;
  #last: ClusterEndpoints | null = null;

  constructor(options: DnsEndpointsOptions) {
    this.#options = options;
    for (const { endpoints } of options.template.localities) {
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
    const { resolve, setTimer, refreshMs, log, template } = this.#options;
    const done = () => {
      this.#timers.set(
        host,
        setTimer(() => this.#resolve(host), refreshMs),
      );
      this.#unsettled.delete(host);
      this.#settle();
    };
    // A resolver that throws instead of rejecting is a failure like any other.
    Promise.resolve()
      .then(() => resolve(host))
      .then(
        (answer) => {
          if (this.#isStopped) return;
          this.#addresses.set(host, [...new Set(answer)].filter((address) => isIP(address) !== 0).sort());
          done();
        },
        (error: unknown) => {
          if (this.#isStopped) return;
          const kept = this.#addresses.get(host)?.length ?? 0;
          log('warn', 'a DNS name of a cluster was not resolved', {
            cluster: template.name,
            host,
            error: error instanceof Error ? error.message : String(error),
            addressesKept: kept,
          });
          done();
        },
      );
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
    const { template } = this.#options;
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
    return { ...template, localities };
  }
}
