// One cluster as calls see it: pick an endpoint, or learn why there is none.
import type { CallName, Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { createBalancer, type EndpointBalancer } from '../balancer/create-balancer.ts';
import { dropsOverload } from '../balancer/drop-overload.ts';
import type { Connection } from '../http2/index.ts';
import type { ResponseFlag } from '../observe/call-observer.ts';
import type { SharedCount } from '../stats/shared-counts.ts';
import { isServerName } from './called-server.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { UpstreamEndpoint } from './endpoint.ts';
import { EndpointSockets } from './endpoint-socket.ts';
import type { PoolSet } from './pool-set.ts';
import { RequestBudget } from './request-budget.ts';
import { RetryBudget } from './retry-budget.ts';
import { maxServers, type ServerPools } from './server-pools.ts';

/** Why a cluster has no endpoint for a call; `reason` names what was seen and what comes next. */
export interface Unavailable {
  readonly flag: ResponseFlag;
  readonly reason: string;
}

/** `limit` of a cluster has refused a call of that downstream, `host:port`. */
export type OnOverflow = (limit: 'maxRequests', peer: string) => void;

/** What is counted together with other data planes; `null`: there are none. */
export interface ClusterCounts {
  readonly calls: SharedCount | null;
  readonly retries: SharedCount | null;
}

const countsAlone: ClusterCounts = { calls: null, retries: null };

export class UpstreamCluster {
  readonly name: string;
  readonly #budget: RequestBudget;
  readonly #retries: RetryBudget;
  readonly #onOverflow: OnOverflow;
  readonly #pools: PoolSet;
  readonly #random: () => number;
  #cluster: Cluster;
  #endpoints: UpstreamEndpoint[] = [];
  /** `null` while the endpoints are not known. */
  #balancer: EndpointBalancer | null = null;
  #resource: ClusterEndpoints | null = null;
  #sockets: EndpointSockets;
  /** Why some endpoints are left out; `null`: none is. */
  #refusal: string | null = null;
  /** The endpoints that the call at hand has tried; set only while `pick` runs. */
  #tried: readonly UpstreamEndpoint[] = [];
  /** The server that it is for; `null`: it does not say. */
  #server: string | null = null;
  readonly #activeOf = (index: number): number => this.#endpoints[index]!.activeStreams;
  readonly #usable = (index: number): boolean => {
    const pool = this.#poolOf(this.#endpoints[index]!);
    if (pool === undefined) return true;
    if (!pool.usable) return false;
    for (const { pool: tried } of this.#tried) if (tried === pool) return false;
    return true;
  };

  constructor(
    cluster: Cluster,
    pools: PoolSet,
    random: () => number,
    onOverflow: OnOverflow = () => {},
    counts: ClusterCounts = countsAlone,
  ) {
    this.name = cluster.name;
    this.#onOverflow = onOverflow;
    this.#budget = new RequestBudget(counts.calls);
    this.#retries = new RetryBudget(counts.retries);
    this.#budget.setLimit(cluster.maxRequests);
    this.#cluster = cluster;
    this.#sockets = new EndpointSockets(cluster);
    this.#pools = pools;
    this.#random = random;
    if (cluster.discovery.kind === 'static') this.setEndpoints(cluster.discovery.endpoints);
  }

  /** Its endpoints came with it; none arrive apart. */
  get isStatic(): boolean {
    return this.#cluster.discovery.kind === 'static';
  }

  /** The name under which its endpoints arrive. */
  get endpointsName(): string {
    const { discovery } = this.#cluster;
    return discovery.kind === 'eds' ? discovery.serviceName : this.name;
  }

  /** What the name of a call says of TLS; `null`: nothing. */
  get callName(): CallName | null {
    return this.#cluster.callName ?? null;
  }

  /** Calls of this data plane that have begun and not ended. */
  get activeCalls(): number {
    return this.#budget.active;
  }

  get endpoints(): readonly UpstreamEndpoint[] {
    return this.#endpoints;
  }

  /** Takes a new definition. Endpoints that don't come with it are set by the caller next. */
  update(cluster: Cluster): void {
    this.#cluster = cluster;
    this.#sockets = new EndpointSockets(cluster);
    this.#budget.setLimit(cluster.maxRequests);
    if (cluster.discovery.kind === 'static') this.setEndpoints(cluster.discovery.endpoints);
  }

  /** Counts a call of that downstream, which `end` takes back; or says why the cluster carries no more of them. */
  begin(downstream: Connection): Unavailable | null {
    const refusal = this.#budget.take(downstream);
    if (refusal === null) return null;
    this.#onOverflow('maxRequests', downstream.peer);
    return { flag: 'UO', reason: `${this.name}: ${refusal} (circuit_breakers.max_requests)` };
  }

  end(): void {
    this.#budget.give();
  }

  /** Counts a call that is tried again, which `endRetry` takes back; false where too many are. */
  beginRetry(): boolean {
    return this.#retries.take(this.#budget.total);
  }

  endRetry(): void {
    this.#retries.give();
  }

  /**
   * Swaps the endpoints whole; `null`: they are not known. Pools of endpoints that stay are kept, those of endpoints
   * that left drain: calls in flight end where they are.
   */
  setEndpoints(resource: ClusterEndpoints | null): void {
    const options = { random: this.#random, activeOf: this.#activeOf };
    const sockets = this.#sockets;
    const found = resource === null ? null : sockets.reachable(resource);
    const balancer = found === null ? null : createBalancer(this.#cluster, found.resource, options);
    const { connectTimeoutMs, connectionLife, callName } = this.#cluster;
    const pools = this.#pools;
    const endpoints = (balancer?.endpoints ?? []).map((endpoint) => {
      const tls = sockets.tlsOf(endpoint);
      const pool = pools.acquire(endpoint.address, tls, connectTimeoutMs, connectionLife, callName);
      const servers = callName === undefined ? null : pools.serversOf(pool);
      return new UpstreamEndpoint(pool.address, endpoint.hostname, pool, servers);
    });
    const previous = this.#endpoints;
    this.#refusal = found?.refusal ?? null;
    this.#resource = resource;
    this.#balancer = balancer;
    this.#endpoints = endpoints;
    for (const endpoint of previous) this.#pools.release(endpoint.pool);
  }

  /**
   * An endpoint that this call has not tried yet and whose last connect did not just fail, or why there is none.
   * @param hash what the route's hash policy made of the call; `null`: nothing.
   * @param server what `calledServer` found in the call; `null`: nothing.
   */
  pick(tried: readonly UpstreamEndpoint[], hash: bigint | null, server: string | null): UpstreamEndpoint | Unavailable {
    const { discovery } = this.#cluster;
    if (discovery.kind === 'unsupported') return { flag: 'NC', reason: `${this.name}: ${discovery.reason}` };
    if (this.#balancer === null || this.#resource === null) {
      return { flag: 'UH', reason: `${this.name}: no healthy upstream, its endpoints are not known` };
    }
    if (dropsOverload(this.#resource.dropOverloads, this.#random)) {
      return { flag: 'UO', reason: `${this.name}: unconditional drop overload` };
    }
    this.#tried = tried;
    this.#server = server;
    const index = this.#balancer.pick(this.#usable, hash);
    // A balancer with nothing usable names the endpoint whose turn it is: to wait for a connect that failed a moment ago
    // would only delay the same answer.
    if (index === -1 || !this.#usable(index)) return this.#unavailable();
    const endpoint = this.#endpoints[index]!;
    return server === null || endpoint.servers === null ? endpoint : this.#atServer(endpoint, endpoint.servers, server);
  }

  /** The endpoint as calls for that server reach it. */
  #atServer(endpoint: UpstreamEndpoint, servers: ServerPools, server: string): UpstreamEndpoint | Unavailable {
    if (!isServerName(server)) {
      return { flag: 'UF', reason: `${this.name}: "${server}" is not the name of a server, which its TLS asks for` };
    }
    const pool = servers.open(server);
    if (pool !== null) return new UpstreamEndpoint(endpoint.address, endpoint.hostname, pool);
    const { address } = endpoint;
    return { flag: 'UO', reason: `${this.name}: ${maxServers} servers are being called at ${address}, no more can be` };
  }

  /** `undefined`: no call was for that server lately. */
  #poolOf(endpoint: UpstreamEndpoint): ConnectionPool | undefined {
    const { servers } = endpoint;
    return this.#server === null || servers === null ? endpoint.pool : servers.known(this.#server);
  }

  release(): void {
    for (const endpoint of this.#endpoints) this.#pools.release(endpoint.pool);
    this.#endpoints = [];
    this.#balancer = null;
  }

  #unavailable(): Unavailable {
    const all = this.#endpoints;
    if (all.length === 0) {
      const reason = this.#refusal ?? 'it has no endpoints';
      return { flag: 'UH', reason: `${this.name}: no healthy upstream, ${reason}` };
    }
    const failing = all
      .flatMap((endpoint) => this.#poolOf(endpoint) ?? [])
      .filter(({ lastFailure }) => lastFailure !== '');
    if (failing.length === 0) return { flag: 'UH', reason: `${this.name}: no healthy upstream among ${all.length}` };
    const next = failing.reduce((a, b) => (a.retryInMs <= b.retryInMs ? a : b));
    return {
      flag: 'UF',
      reason:
        `${this.name}: ${failing.length} of ${all.length} endpoints can't be connected to ` +
        `(${next.address}: ${next.lastFailure}; next try in ${(next.retryInMs / 1000).toFixed(1)} s)`,
    };
  }
}
