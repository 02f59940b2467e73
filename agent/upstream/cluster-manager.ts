// All clusters of one data plane: resources in, live clusters out. Clusters and their endpoints may arrive in any order.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { type OnOverflow, UpstreamCluster } from './cluster.ts';
import type { PoolOptions } from './connection-pool.ts';
import { PoolSet } from './pool-set.ts';

export interface ClusterManagerOptions extends Omit<PoolOptions, 'connectTimeoutMs'> {
  readonly onOverflow?: OnOverflow;
}

export class ClusterManager {
  readonly #clusters = new Map<string, UpstreamCluster>();
  readonly #endpoints = new Map<string, ClusterEndpoints>();
  /** Clusters by the name under which their endpoints arrive, so that a push of ten thousand is not a square of that. */
  readonly #byEndpoints = new Map<string, Set<UpstreamCluster>>();
  readonly #pools: PoolSet;
  readonly #random: () => number;
  readonly #onOverflow: OnOverflow | undefined;

  constructor(options: ClusterManagerOptions) {
    this.#pools = new PoolSet(options);
    this.#random = options.random;
    this.#onOverflow = options.onOverflow;
  }

  get(name: string): UpstreamCluster | undefined {
    return this.#clusters.get(name);
  }

  upsertCluster(resource: Cluster): void {
    const known = this.#clusters.get(resource.name);
    if (known !== undefined) {
      this.#unlink(known);
      known.update(resource);
    }
    const cluster = known ?? new UpstreamCluster(resource, this.#pools, this.#random, this.#onOverflow);
    this.#clusters.set(resource.name, cluster);
    if (cluster.isStatic) return;
    const name = cluster.endpointsName;
    const sharing = this.#byEndpoints.get(name);
    if (sharing === undefined) this.#byEndpoints.set(name, new Set([cluster]));
    else sharing.add(cluster);
    cluster.setEndpoints(this.#endpoints.get(name) ?? null);
  }

  upsertEndpoints(resource: ClusterEndpoints): void {
    this.#endpoints.set(resource.name, resource);
    for (const cluster of this.#byEndpoints.get(resource.name) ?? []) cluster.setEndpoints(resource);
  }

  removeCluster(name: string): void {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return;
    this.#unlink(cluster);
    this.#clusters.delete(name);
    cluster.release();
  }

  removeEndpoints(name: string): void {
    this.#endpoints.delete(name);
    for (const cluster of this.#byEndpoints.get(name) ?? []) cluster.setEndpoints(null);
  }

  destroy(): void {
    this.#pools.destroy();
  }

  #unlink(cluster: UpstreamCluster): void {
    const sharing = this.#byEndpoints.get(cluster.endpointsName);
    sharing?.delete(cluster);
    if (sharing?.size === 0) this.#byEndpoints.delete(cluster.endpointsName);
  }
}
