// All connection pools of one data plane, keyed by address, TLS identity and what is said of the connections' life, and
// counted: clusters that name the same endpoint share its connections, and the last one to leave closes them.
import { createHash } from 'node:crypto';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { ConnectionLife } from '../../xds/model/connection-life.ts';
import type { UpstreamTls } from '../../xds/model/tls.ts';
import { compileCertificateNames } from '../grpc/certificate-names.ts';
import { type ClientTls, clientTls, limitsOfLife } from '../http2/index.ts';
import { ConnectionPool, type PoolOptions } from './connection-pool.ts';

interface Entry {
  readonly pool: ConnectionPool;
  tls: UpstreamTls | null;
  users: number;
}

export class PoolSet {
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new Map<ConnectionPool, string>();
  readonly #identities = new WeakMap<UpstreamTls, string>();
  readonly #prepared = new WeakMap<UpstreamTls, ClientTls>();
  readonly #options: Omit<PoolOptions, 'connectTimeoutMs'>;

  constructor(options: Omit<PoolOptions, 'connectTimeoutMs'>) {
    this.#options = options;
  }

  /** The pool of that address, identity and life; each `acquire` needs one `release`. */
  acquire(
    address: SocketAddress,
    tls: UpstreamTls | null,
    connectTimeoutMs: number,
    life: ConnectionLife | undefined,
  ): ConnectionPool {
    const name = formatAddress(address);
    const key = `${name} ${this.#identityOf(tls)} ${life === undefined ? '' : JSON.stringify(life)}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const target = { to: { host: address.host, port: address.port }, tls: tls === null ? null : this.#prepare(tls) };
      const { environment } = this.#options;
      const own = life === undefined ? environment : { ...environment, limits: limitsOfLife(environment.limits, life) };
      const options = { ...this.#options, environment: own, connectTimeoutMs };
      entry = { pool: new ConnectionPool(name, target, options), tls, users: 0 };
      this.#entries.set(key, entry);
      this.#keys.set(entry.pool, key);
    } else if (tls !== null && tls !== entry.tls) {
      entry.tls = tls;
      // Of the same text, or of the same secrets.
      if (tls.identity !== undefined) entry.pool.renew(this.#prepare(tls));
    }
    entry.users++;
    return entry.pool;
  }

  /** Short: a pool for each of 100,000 endpoints must not keep the certificates' text in its key. */
  #identityOf(tls: UpstreamTls | null): string {
    if (tls === null) return '';
    let identity = this.#identities.get(tls);
    if (identity === undefined) {
      const replaced = tls.identity === undefined ? {} : { certificateChainPem: 0, privateKeyPem: 0, trustedCaPem: 0 };
      identity = createHash('sha256')
        .update(JSON.stringify({ ...tls, ...replaced }))
        .digest('base64');
      this.#identities.set(tls, identity);
    }
    return identity;
  }

  release(pool: ConnectionPool): void {
    const key = this.#keys.get(pool);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return;
    if (--entry.users > 0) return;
    this.#entries.delete(key);
    this.#keys.delete(pool);
    pool.close();
  }

  /** Once for all the endpoints of a cluster: what node:tls makes of certificates is large. */
  #prepare(tls: UpstreamTls): ClientTls {
    let prepared = this.#prepared.get(tls);
    if (prepared === undefined) {
      const { subjectAltNames } = tls;
      prepared = clientTls(tls, subjectAltNames.length === 0 ? null : compileCertificateNames(subjectAltNames));
      this.#prepared.set(tls, prepared);
    }
    return prepared;
  }

  destroy(): void {
    for (const { pool } of this.#entries.values()) pool.destroy();
    this.#entries.clear();
    this.#keys.clear();
  }
}
