// Applies configuration as a data plane does, and says where a call would go at any point.

import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import type { Listener } from '../../xds/model/listener.ts';
import type { ConfigUpdate, Resource, ResourceName } from '../../xds/model/resource.ts';
import type { RouteConfiguration } from '../../xds/model/route.ts';
import { endpointsNamedBy } from '../../xds/references.ts';

export class DataPlaneModel {
  readonly listeners = new Map<string, Listener>();
  readonly routes = new Map<string, RouteConfiguration>();
  readonly clusters = new Map<string, Cluster>();
  readonly endpoints = new Map<string, ClusterEndpoints>();
  /** `+cluster a`, `-route r`, in order. */
  readonly steps: string[] = [];

  /** `afterEach` sees every state on the way. */
  apply({ upsert, remove }: ConfigUpdate, afterEach: () => void = () => {}): void {
    for (const resource of upsert) {
      this.#upsert(resource);
      this.steps.push(`+${resource.type} ${resource.value.name}`);
      afterEach();
    }
    for (const { type, name } of remove) {
      this.#mapOf(type).delete(name);
      this.steps.push(`-${type} ${name}`);
      afterEach();
    }
  }

  /** Where a call to `/<any>` on a listener fails, or the ports it may reach. */
  ports(listenerName: string): number[] {
    const listener = this.listeners.get(listenerName);
    if (listener === undefined) throw new Error(`listener ${listenerName} is not there`);
    const source = (listener.api ?? listener.filterChains[0]?.http)?.routes;
    const config = source?.kind === 'rds' ? this.routes.get(source.name) : source?.kind === 'inline' && source.config;
    if (!config) throw new Error(`${listenerName} has no routes`);
    return config.virtualHosts.flatMap(({ routes }) =>
      routes.flatMap(({ action }) =>
        action.kind === 'forward' && !('field' in action.clusters)
          ? action.clusters.flatMap(({ name }) => this.#portsOf(name))
          : [],
      ),
    );
  }

  #portsOf(clusterName: string): number[] {
    const cluster = this.clusters.get(clusterName);
    if (cluster === undefined) throw new Error(`cluster ${clusterName} is not there`);
    const name = endpointsNamedBy(cluster);
    const inside = cluster.discovery.kind === 'static' ? cluster.discovery.endpoints : undefined;
    const ports = (name === null ? inside : this.endpoints.get(name))?.localities.flatMap(({ endpoints }) =>
      endpoints.map(({ address }) => address.port),
    );
    if (ports === undefined || ports.length === 0) throw new Error(`cluster ${clusterName} has no endpoints`);
    return ports;
  }

  #upsert(resource: Resource): void {
    switch (resource.type) {
      case 'listener':
        this.listeners.set(resource.value.name, resource.value);
        break;
      case 'route':
        this.routes.set(resource.value.name, resource.value);
        break;
      case 'cluster':
        this.clusters.set(resource.value.name, resource.value);
        break;
      case 'endpoints':
        this.endpoints.set(resource.value.name, resource.value);
        break;
    }
  }

  #mapOf(type: ResourceName['type']): Map<string, unknown> {
    return { listener: this.listeners, route: this.routes, cluster: this.clusters, endpoints: this.endpoints }[type];
  }
}
