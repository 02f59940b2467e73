// All clusters of one data plane: resources in, live clusters out. Clusters and their endpoints may arrive in any order.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { UpstreamCluster } from './cluster.ts';
import type { PoolOptions } from './connection-pool.ts';
import { PoolSet } from './pool-set.ts';

export class ClusterManager {
  readonly #clusters = new Map<string, UpstreamCluster>();
  readonly #endpoints = new Map<string, ClusterEndpoints>();
  readonly #pools: PoolSet;
  readonly #random: () => number;

  constructor(options: Omit<PoolOptions, 'connectTimeoutMs'>) {
    this.#pools = new PoolSet(options);
    this.#random = options.random;
  }

  get(name: string): UpstreamCluster | undefined {
    return this.#clusters.get(name);
  }

  upsertCluster(resource: Cluster): void {
    const known = this.#clusters.get(resource.name);
    const cluster = known ?? new UpstreamCluster(resource, this.#pools, this.#random);
    if (known === undefined) this.#clusters.set(resource.name, cluster);
    else {
      const before = known.endpointsName;
      known.update(resource);
      if (known.endpointsName === before) return;
    }
    if (resource.discovery.kind === 'static') return;
    const endpoints = this.#endpoints.get(cluster.endpointsName);
    if (endpoints !== undefined) cluster.setEndpoints(endpoints);
  }

  upsertEndpoints(resource: ClusterEndpoints): void {
    this.#endpoints.set(resource.name, resource);
    this.#setEndpoints(resource.name, resource);
  }

  removeCluster(name: string): void {
    this.#clusters.get(name)?.release();
    this.#clusters.delete(name);
  }

  removeEndpoints(name: string): void {
    this.#endpoints.delete(name);
    this.#setEndpoints(name, null);
  }

  destroy(): void {
    this.#pools.destroy();
  }

  #setEndpoints(name: string, resource: ClusterEndpoints | null): void {
    for (const cluster of this.#clusters.values()) {
      if (cluster.endpointsName === name && !cluster.isStatic) cluster.setEndpoints(resource);
    }
  }
}
