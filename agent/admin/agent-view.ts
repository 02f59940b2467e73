// What the agent shows of itself: the configuration that serves, the listeners that are bound, and why it is not ready.

import type { SecretSources, XdsClient } from '../../xds/index.ts';
import { formatAddress } from '../../xds/model/address.ts';
import type { ConfigUpdate, ServingResource, ServingType } from '../../xds/model/resource.ts';
import type { ConfigFileState } from '../config/followed-config.ts';

interface BoundListener {
  readonly workers: Set<number>;
  address: string;
  failure: string | null;
}

export interface AgentViewOptions {
  readonly node: { readonly id: string; readonly cluster: string };
  /** `null`: everything comes from a file. */
  readonly client: XdsClient | null;
  readonly secrets: Pick<SecretSources, 'dump'>;
  /** Of the file that the configuration comes from; `null`: it comes from a control plane. */
  readonly fileState: () => ConfigFileState | null;
  readonly concurrency: number;
}

export class AgentView {
  readonly #options: AgentViewOptions;
  readonly #startedMs = Date.now();
  readonly #serving = new Map<ServingType, Map<string, ServingResource>>([
    ['listener', new Map()],
    ['route', new Map()],
    ['cluster', new Map()],
    ['endpoints', new Map()],
  ]);
  readonly #listeners = new Map<string, BoundListener>();
  /** The last slice of configuration that each worker has applied. */
  readonly #applied = new Map<number, number>();
  #complete = false;
  readonly #configured = Promise.withResolvers<void>();
  #onListener: () => void = () => {};
  #draining = false;
  /** Of the configuration on disk, ISO 8601; `null` where there was none. */
  #savedAt: string | null = null;
  #leftOut = 0;
  /** How much of what serves is from the disk. */
  #restoredCount = 0;

  constructor(options: AgentViewOptions) {
    this.#options = options;
  }

  apply({ upsert, remove }: ConfigUpdate): void {
    for (const resource of upsert) this.#serving.get(resource.type)?.set(resource.value.name, resource);
    for (const { type, name } of remove) this.#serving.get(type)?.delete(name);
  }

  configComplete(): void {
    this.#complete = true;
    this.#configured.resolve();
  }

  /** Resolves when the first configuration is complete. */
  get configured(): Promise<void> {
    return this.#configured.promise;
  }

  /** The agent starts from the configuration on disk, which lacks so many resources. */
  restoredFrom(savedAt: string, leftOut: number): void {
    this.#savedAt = savedAt;
    this.#leftOut = leftOut;
  }

  /** So much of what serves is from the disk, and not confirmed by the control plane. */
  restored(count: number): void {
    this.#restoredCount = count;
  }

  get isStale(): boolean {
    return this.#restoredCount > 0;
  }

  draining(): void {
    this.#draining = true;
  }

  applied(worker: number, version: number): void {
    this.#applied.set(worker, version);
  }

  listenerBound(worker: number, name: string, host: string, port: number): void {
    const listener = this.#listener(name);
    listener.workers.add(worker);
    listener.address = formatAddress({ host, port });
    listener.failure = null;
    this.#onListener();
  }

  listenerFailed(name: string, reason: string): void {
    this.#listener(name).failure = reason;
    this.#onListener();
  }

  listenerClosed(name: string): void {
    this.#listeners.delete(name);
  }

  /** Ready once the first configuration is complete and each of its listeners is bound in every worker. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[]; readonly notes: readonly string[] } {
    const reasons: string[] = [];
    if (this.#draining) reasons.push('the agent is draining');
    if (!this.#complete) {
      reasons.push(
        this.#options.client?.connected === false
          ? 'the control plane has not been reached yet'
          : 'the first configuration is not complete yet',
      );
    }
    if (this.isStale && this.#leftOut > 0) {
      reasons.push(`the configuration from the disk lacks ${this.#leftOut} resources, which hold private keys`);
    }
    for (const [name, { value }] of this.#serving.get('listener') ?? []) {
      // One without a port is called by its name.
      if ('api' in value) continue;
      const bound = this.#listeners.get(name);
      if (bound?.failure) reasons.push(`listener ${name}: ${bound.failure}`);
      else if ((bound?.workers.size ?? 0) < this.#options.concurrency)
        reasons.push(`listener ${name} is not bound yet`);
    }
    return { ready: reasons.length === 0, reasons, notes: this.#notes() };
  }

  /** Resolves when every listener with an address is bound or has failed, with the failures: a sentence by name. */
  async listenersSettled(): Promise<ReadonlyMap<string, string>> {
    for (;;) {
      const failures = this.#listenerFailures();
      if (failures !== null) return failures;
      await new Promise<void>((resolve) => {
        this.#onListener = resolve;
      });
    }
  }

  /** `null`: some are still being bound. */
  #listenerFailures(): ReadonlyMap<string, string> | null {
    const failures = new Map<string, string>();
    for (const [name, { value }] of this.#serving.get('listener') ?? []) {
      if ('api' in value) continue;
      const bound = this.#listeners.get(name);
      if (bound?.failure) failures.set(name, bound.failure);
      else if ((bound?.workers.size ?? 0) < this.#options.concurrency) return null;
    }
    return failures;
  }

  #notes(): string[] {
    const file = this.#options.fileState();
    if (file?.state === 'stale') {
      const told = `stale: the last save of ${file.path} is broken, and the good one of ${file.appliedAt} serves`;
      return [told, ...file.problems];
    }
    if (!this.isStale) return [];
    const reached = this.#options.client?.connected ? 'has not confirmed it yet' : 'has not been reached';
    return [
      `stale: ${this.#restoredCount} resources are from the disk, of ${this.#savedAt}; the control plane ${reached}`,
    ];
  }

  serverInfo(): unknown {
    const { node, client } = this.#options;
    return {
      node,
      state: this.#draining ? 'DRAINING' : this.ready().ready ? 'LIVE' : 'INITIALIZING',
      controlPlaneConnected: client?.connected ?? null,
      configFile: this.#options.fileState(),
      configFromDisk: this.#disk(),
      uptimeSeconds: Math.floor((Date.now() - this.#startedMs) / 1000),
      node_version: process.versions.node,
    };
  }

  /** Every resource with its state, version and error, as the xDS client knows it, beside what serves now. */
  configDump(): unknown {
    const serving = Object.fromEntries(
      [...this.#serving].map(([type, resources]) => [
        type,
        [...resources.values()].map(({ value }) => withoutKeys(value)),
      ]),
    );
    const applied = Object.fromEntries(this.#applied);
    const { node, client, secrets, fileState } = this.#options;
    const [xds, secretServers] = [client?.dump() ?? null, secrets.dump()];
    return { node, configFromDisk: this.#disk(), configFile: fileState(), xds, secretServers, serving, applied };
  }

  /** `null` once the control plane has replaced it. */
  #disk(): { readonly savedAt: string | null; readonly resources: number } | null {
    return this.isStale ? { savedAt: this.#savedAt, resources: this.#restoredCount } : null;
  }

  clusters(): unknown {
    const endpoints = this.#serving.get('endpoints');
    return [...(this.#serving.get('cluster')?.values() ?? [])].map((resource) => {
      if (resource.type !== 'cluster') return null;
      const { name, discovery, lbPolicy, localityWeighted } = resource.value;
      const found = discovery.kind === 'static' ? discovery.endpoints : endpointsOf(endpoints, resource.value);
      return {
        name,
        discovery: discovery.kind,
        lbPolicy: lbPolicy.kind,
        localityWeighted,
        endpoints: (found?.localities ?? []).flatMap((locality) =>
          locality.endpoints.map((endpoint) => ({
            address: formatAddress(endpoint.address),
            health: endpoint.health,
            weight: endpoint.weight,
            priority: locality.priority,
            locality: [locality.region, locality.zone, locality.subZone].filter((part) => part !== '').join('/'),
          })),
        ),
      };
    });
  }

  listeners(): unknown {
    return [...(this.#serving.get('listener')?.values() ?? [])].map((resource) => {
      if (resource.type !== 'listener') return null;
      const bound = this.#listeners.get(resource.value.name);
      return {
        name: resource.value.name,
        direction: resource.value.direction,
        configured: resource.value.api === undefined ? formatAddress(resource.value.address) : null,
        bound: bound?.address ?? null,
        failure: bound?.failure ?? null,
      };
    });
  }

  #listener(name: string): BoundListener {
    let listener = this.#listeners.get(name);
    if (listener === undefined) {
      listener = { workers: new Set(), address: '', failure: null };
      this.#listeners.set(name, listener);
    }
    return listener;
  }
}

function endpointsOf(
  all: ReadonlyMap<string, ServingResource> | undefined,
  cluster: Extract<ServingResource, { type: 'cluster' }>['value'],
) {
  const name = cluster.discovery.kind === 'eds' ? cluster.discovery.serviceName : cluster.name;
  const resource = all?.get(name);
  return resource?.type === 'endpoints' ? resource.value : undefined;
}

/** A private key never leaves the process. Descriptor sets are of a size that would hide all the rest. */
function withoutKeys(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, field) => {
      if (key === 'descriptorSets' && Array.isArray(field)) return field.length;
      return key === 'privateKeyPem' && field !== null ? '[redacted]' : field;
    }),
  );
}
