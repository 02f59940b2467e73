// All clusters of one data plane: resources in, live clusters out. Clusters and their endpoints may arrive in any order.
// A cluster comes to life with its first call: of ten thousand, an agent calls a few, and the others cost what they say.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { type Packed, unpack } from '../link.ts';
import { Counted, type CountsRow, SharedCount } from '../stats/shared-counts.ts';
import { type ClusterCounts, type OnOverflow, UpstreamCluster } from './cluster.ts';
import type { PoolOptions } from './connection-pool.ts';
import { PoolSet } from './pool-set.ts';

export interface ClusterManagerOptions extends Omit<PoolOptions, 'connectTimeoutMs'> {
  readonly onOverflow?: OnOverflow;
  /** Which row of the counts of all data planes is this one's; absent: there is no other. */
  readonly counts?: CountsRow;
  /** A cluster that is called cannot be carried out (a certificate that is none), and is as if it were not there. */
  readonly onUnusable?: (cluster: string, error: unknown) => void;
}

export class ClusterManager {
  readonly #clusters = new Map<string, Cluster | Packed>();
  readonly #endpoints = new Map<string, ClusterEndpoints | Packed>();
  /** Where the data planes count their calls together, by cluster; empty where there is one data plane. */
  readonly #places = new Map<string, number>();
  /** Those that were called. */
  readonly #live = new Map<string, UpstreamCluster>();
  /** Live ones, by the name under which their endpoints arrive. */
  readonly #byEndpoints = new Map<string, Set<UpstreamCluster>>();
  readonly #pools: PoolSet;
  readonly #options: ClusterManagerOptions;

  constructor(options: ClusterManagerOptions) {
    this.#pools = new PoolSet(options);
    this.#options = options;
  }

  /** For a call. */
  get(name: string): UpstreamCluster | undefined {
    return this.#live.get(name) ?? this.#open(name);
  }

  /** Throws where it is live and cannot be carried out: then it goes on with the endpoints that it had. */
  upsertCluster(resource: Cluster): void {
    this.#putCluster(resource.name, resource);
  }

  /** @param place of its counts in the rows that all data planes share; -1: none. */
  upsertPackedCluster(name: string, resource: Packed, place = -1): void {
    if (place !== -1) this.#places.set(name, place);
    this.#putCluster(name, resource);
  }

  upsertEndpoints(resource: ClusterEndpoints): void {
    this.#putEndpoints(resource.name, resource);
  }

  upsertPackedEndpoints(name: string, resource: Packed): void {
    this.#putEndpoints(name, resource);
  }

  removeCluster(name: string): void {
    this.#clusters.delete(name);
    this.#places.delete(name);
    const live = this.#live.get(name);
    if (live === undefined) return;
    this.#unlink(live, live.endpointsName);
    this.#live.delete(name);
    live.release();
  }

  removeEndpoints(name: string): void {
    this.#endpoints.delete(name);
    for (const cluster of this.#byEndpoints.get(name) ?? []) cluster.setEndpoints(null);
  }

  destroy(): void {
    this.#pools.destroy();
  }

  #putCluster(name: string, resource: Cluster | Packed): void {
    const live = this.#live.get(name);
    if (live === undefined) {
      this.#clusters.set(name, resource);
      return;
    }
    const before = live.endpointsName;
    live.update(unpack(resource));
    this.#clusters.set(name, resource);
    this.#unlink(live, before);
    this.#link(live);
    this.#giveEndpoints(live);
  }

  #putEndpoints(name: string, resource: ClusterEndpoints | Packed): void {
    this.#endpoints.set(name, resource);
    const users = this.#byEndpoints.get(name);
    if (users === undefined) return;
    const endpoints = unpack(resource);
    for (const cluster of users) cluster.setEndpoints(endpoints);
  }

  #open(name: string): UpstreamCluster | undefined {
    const resource = this.#clusters.get(name);
    if (resource === undefined) return undefined;
    const { random, onOverflow, onUnusable } = this.#options;
    try {
      const cluster = new UpstreamCluster(unpack(resource), this.#pools, random, onOverflow, this.#countsOf(name));
      this.#giveEndpoints(cluster);
      this.#link(cluster);
      this.#live.set(name, cluster);
      return cluster;
    } catch (error) {
      // Not tried again with each call.
      this.#clusters.delete(name);
      onUnusable?.(name, error);
      return undefined;
    }
  }

  #countsOf(name: string): ClusterCounts | undefined {
    const { counts } = this.#options;
    const place = this.#places.get(name);
    if (counts === undefined || place === undefined) return undefined;
    return {
      calls: new SharedCount(counts, place, Counted.calls),
      retries: new SharedCount(counts, place, Counted.retries),
    };
  }

  #giveEndpoints(cluster: UpstreamCluster): void {
    if (cluster.isStatic) return;
    const resource = this.#endpoints.get(cluster.endpointsName);
    cluster.setEndpoints(resource === undefined ? null : unpack(resource));
  }

  /** From now on it gets the endpoints that arrive. */
  #link(cluster: UpstreamCluster): void {
    if (cluster.isStatic) return;
    const name = cluster.endpointsName;
    const sharing = this.#byEndpoints.get(name);
    if (sharing === undefined) this.#byEndpoints.set(name, new Set([cluster]));
    else sharing.add(cluster);
  }

  #unlink(cluster: UpstreamCluster, endpointsName: string): void {
    const sharing = this.#byEndpoints.get(endpointsName);
    sharing?.delete(cluster);
    if (sharing?.size === 0) this.#byEndpoints.delete(endpointsName);
  }
}
