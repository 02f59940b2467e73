// Clusters made of targets: those that are declared stay, those that a director names come with their first call and go
// when no call has asked for them for a while. Names among their hosts are resolved again and again.

import { DnsEndpoints, type ResolveHost } from '../../xds/dns-endpoints.ts';
import type { SetTimer } from '../../xds/environment.ts';
import { type Cluster, defaultPanicPercent, type LbPolicy } from '../../xds/model/cluster.ts';
import { type ClusterEndpoints, defaultOverprovisioningPercent } from '../../xds/model/endpoints.ts';
import { parseTarget, type Target, type TargetTls } from '../grpc/target.ts';
import { clientTls } from '../http2/index.ts';
import type { Log } from '../observe/log.ts';
import type { ClusterManager } from './cluster-manager.ts';

export interface TargetClustersOptions {
  readonly clusters: ClusterManager;
  readonly resolve: ResolveHost;
  /** Must not keep the process up. */
  readonly setTimer: SetTimer;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Targets that directors have named, at once; one more takes the place of one without calls. */
  readonly maxTargets: number;
  /** A target that nobody asked for so long is given up, and its connections closed. */
  readonly idleMs: number;
  /** Calls that one target carries at a time. */
  readonly maxCallsPerTarget: number;
}

/** How a target is used. */
export interface UsedTarget {
  /** The name of its cluster. */
  readonly cluster: string;
  /** Settles, always well, once its endpoints are known; `null`: they are. */
  readonly ready: Promise<void> | null;
}

interface Entry {
  readonly cluster: string;
  readonly dns: DnsEndpoints | null;
  ready: Promise<void> | null;
  lastUsedMs: number;
}

const connectTimeoutMs = 5_000;
const dnsRefreshMs = 10_000;
const roundRobin: LbPolicy = { kind: 'round-robin' };

export class TargetClusters {
  readonly #options: TargetClustersOptions;
  /** By what a director says, certificates and all. */
  readonly #entries = new Map<string, Entry>();
  readonly #declared = new Map<string, Entry>();
  /** Of objects that directors keep: what they say is written out once. */
  readonly #tlsKeys = new WeakMap<TargetTls, string>();
  /** What tells the clusters of one target and several certificates apart. */
  #identities = 0;
  #stopSweeping: (() => void) | null = null;

  constructor(options: TargetClustersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A cluster for good. @throws TypeError or Error where target or certificates are wrong. */
  declare(name: string, target: Target, lbPolicy: LbPolicy): void {
    this.#declared.set(name, this.#create(name, target, lbPolicy));
  }

  /** `null`: there is none of that name. */
  declared(name: string): UsedTarget | null {
    return this.#declared.get(name) ?? null;
  }

  /**
   * The cluster of a target that a director names for a call; `null` where there are too many, and all have calls.
   * @throws TypeError or Error where target or certificates are wrong.
   */
  use(text: string | readonly string[], tls: boolean | TargetTls): UsedTarget | null {
    const key = this.#keyOf(text, tls);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const target = parseTarget(text, tls);
      if (this.#entries.size >= this.#options.maxTargets && !this.#evict()) return null;
      const suffix = tls === false ? '' : tls === true ? ' (tls)' : ` (tls ${++this.#identities})`;
      entry = this.#create(`${target.name}${suffix}`, target, roundRobin);
      this.#entries.set(key, entry);
      this.#stopSweeping ??= this.#sweepLater();
    }
    entry.lastUsedMs = this.#options.now();
    return entry;
  }

  /** Names are not resolved any more; the clusters stay. */
  stop(): void {
    this.#stopSweeping?.();
    this.#stopSweeping = null;
    for (const entry of this.#declared.values()) entry.dns?.stop();
    for (const entry of this.#entries.values()) entry.dns?.stop();
  }

  #keyOf(text: string | readonly string[], tls: boolean | TargetTls): string {
    const targets = String(text);
    if (typeof tls === 'boolean') return tls ? `${targets} tls` : targets;
    let key = this.#tlsKeys.get(tls);
    if (key === undefined) {
      const { ca = '', cert = '', key: privateKey = '', serverName = '', subjectAltNames = [] } = tls;
      key = JSON.stringify([String(ca), String(cert), String(privateKey), serverName, subjectAltNames]);
      this.#tlsKeys.set(tls, key);
    }
    return `${targets} tls ${key}`;
  }

  #create(name: string, target: Target, lbPolicy: LbPolicy): Entry {
    const { clusters, resolve, setTimer, now, log, maxCallsPerTarget } = this.#options;
    // What can't be read is said now, not when a name has been resolved.
    if (target.tls !== null) clientTls(target.tls, null);
    const endpoints = endpointsOf(name, target);
    const { hasNames, tls } = target;
    const cluster: Cluster = {
      name,
      discovery: hasNames ? { kind: 'eds', serviceName: name } : { kind: 'static', endpoints },
      lbPolicy,
      localityWeighted: false,
      panicPercent: defaultPanicPercent,
      connectTimeoutMs,
      maxRequests: maxCallsPerTarget,
      tls,
    };
    clusters.upsertCluster(cluster);
    if (!hasNames) return { cluster: name, dns: null, ready: null, lastUsedMs: now() };
    let onReady: () => void;
    const ready = new Promise<void>((resolveReady) => {
      onReady = resolveReady;
    });
    const dns = new DnsEndpoints({
      discovery: { kind: 'strict-dns', endpoints, refreshMs: dnsRefreshMs },
      resolve,
      random: Math.random,
      setTimer,
      log,
      onChange: (resolved) => {
        clusters.upsertEndpoints(resolved);
        entry.ready = null;
        onReady();
      },
    });
    const entry: Entry = { cluster: name, dns, ready, lastUsedMs: now() };
    dns.start();
    return entry;
  }

  #sweepLater(): () => void {
    const { setTimer, idleMs } = this.#options;
    return setTimer(() => {
      this.#sweep();
      this.#stopSweeping = this.#entries.size === 0 ? null : this.#sweepLater();
    }, idleMs / 4);
  }

  #sweep(): void {
    const now = this.#options.now();
    for (const [key, entry] of this.#entries) {
      if (this.#hasCalls(entry)) entry.lastUsedMs = now;
      else if (now - entry.lastUsedMs >= this.#options.idleMs) this.#remove(key, entry);
    }
  }

  /** Makes room by the target that was not used for the longest time; false where all have calls. */
  #evict(): boolean {
    let oldest: [key: string, entry: Entry] | null = null;
    for (const [key, entry] of this.#entries) {
      if (this.#hasCalls(entry)) continue;
      if (oldest === null || entry.lastUsedMs < oldest[1].lastUsedMs) oldest = [key, entry];
    }
    if (oldest === null) return false;
    this.#remove(...oldest);
    return true;
  }

  /** Or calls that wait for its endpoints to be known. */
  #hasCalls({ cluster, ready }: Entry): boolean {
    return ready !== null || (this.#options.clusters.get(cluster)?.activeCalls ?? 0) > 0;
  }

  #remove(key: string, { cluster, dns }: Entry): void {
    this.#entries.delete(key);
    dns?.stop();
    this.#options.clusters.removeCluster(cluster);
    this.#options.clusters.removeEndpoints(cluster);
  }
}

function endpointsOf(name: string, { addresses }: Target): ClusterEndpoints {
  const endpoints = addresses.map((address) => {
    return { address, weight: 1, health: 'healthy', hostname: '', hashKey: '' } as const;
  });
  return {
    name,
    localities: [{ region: '', zone: '', subZone: '', priority: 0, weight: 0, endpoints }],
    dropOverloads: [],
    overprovisioningPercent: defaultOverprovisioningPercent,
  };
}
