// All connection pools of one data plane, keyed by address, TLS identity and what is said of the connections' life, and
// counted: clusters that name the same endpoint share its connections, and the last one to leave closes them.
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { CallName } from '../../xds/model/cluster.ts';
import type { ConnectionLife } from '../../xds/model/connection-life.ts';
import type { UpstreamTls } from '../../xds/model/tls.ts';
import { compileCertificateNames } from '../grpc/certificate-names.ts';
import { type ClientTls, clientTls, clientTlsFor, limitsOfLife, type NameCheck } from '../http2/index.ts';
import { ConnectionPool, type PoolOptions } from './connection-pool.ts';
import { ServerPools, type TlsOfServer } from './server-pools.ts';

interface Entry {
  readonly pool: ConnectionPool;
  readonly servers: ServerPools | null;
  tls: UpstreamTls | null;
  users: number;
}

interface PreparedTls {
  readonly client: ClientTls;
  readonly checkNames: NameCheck | null;
}

export class PoolSet {
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new Map<ConnectionPool, string>();
  readonly #identities = new WeakMap<UpstreamTls, string>();
  readonly #prepared = new WeakMap<UpstreamTls, PreparedTls>();
  readonly #options: Omit<PoolOptions, 'connectTimeoutMs'>;

  constructor(options: Omit<PoolOptions, 'connectTimeoutMs'>) {
    this.#options = options;
  }

  /**
   * The pool of that address, identity and life; each `acquire` needs one `release`.
   * @param callName what calls say of TLS; `serversOf` then has the pools of those that say something.
   */
  acquire(
    address: SocketAddress,
    tls: UpstreamTls | null,
    connectTimeoutMs: number,
    life: ConnectionLife | undefined,
    callName: CallName | undefined = undefined,
  ): ConnectionPool {
    const name = formatAddress(address);
    const names = tls === null ? undefined : callName;
    const key = `${name} ${this.#identityOf(tls)} ${life === undefined ? '' : JSON.stringify(life)} ${nameKey(names)}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const to = { host: address.host, port: address.port };
      const { environment } = this.#options;
      const own = life === undefined ? environment : { ...environment, limits: limitsOfLife(environment.limits, life) };
      const options = { ...this.#options, environment: own, connectTimeoutMs };
      const open = (prepared: ClientTls | null) => new ConnectionPool(name, { to, tls: prepared }, options);
      const tlsOf = tls === null ? null : this.#tlsOfServers(tls, names);
      const servers = tlsOf === null ? null : new ServerPools(open, tlsOf);
      entry = { pool: open(tls === null ? null : this.#prepare(tls).client), servers, tls, users: 0 };
      this.#entries.set(key, entry);
      this.#keys.set(entry.pool, key);
    } else if (tls !== null && tls !== entry.tls) {
      entry.tls = tls;
      // Of the same text, or of the same secrets.
      if (tls.identity !== undefined) {
        entry.pool.renew(this.#prepare(tls).client);
        const tlsOf = this.#tlsOfServers(tls, names);
        if (tlsOf !== null) entry.servers?.renew(tlsOf);
      }
    }
    entry.users++;
    return entry.pool;
  }

  /** Beside a pool, those of the calls that say which server they are for; `null`: such calls are like any other. */
  serversOf(pool: ConnectionPool): ServerPools | null {
    return this.#entries.get(this.#keys.get(pool) ?? '')?.servers ?? null;
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
    entry.servers?.close();
  }

  /** Once for all the endpoints of a cluster: what node:tls makes of certificates is large. */
  #prepare(tls: UpstreamTls): PreparedTls {
    let prepared = this.#prepared.get(tls);
    if (prepared === undefined) {
      const { subjectAltNames } = tls;
      const checkNames = subjectAltNames.length === 0 ? null : compileCertificateNames(subjectAltNames);
      prepared = { client: clientTls(tls, checkNames), checkNames };
      this.#prepared.set(tls, prepared);
    }
    return prepared;
  }

  /** Another name asks with the same certificates. */
  #tlsOfServers(tls: UpstreamTls, callName: CallName | undefined): TlsOfServer | null {
    if (callName === undefined) return null;
    const { isSni, isChecked } = callName;
    return (host) => {
      const { client, checkNames } = this.#prepare(tls);
      const asked = isSni && isIP(host) === 0 ? { ...tls, sni: host } : tls;
      return clientTlsFor(client, asked, checkNames, { host, isChecked });
    };
  }

  destroy(): void {
    for (const { pool, servers } of this.#entries.values()) {
      pool.destroy();
      servers?.destroy();
    }
    this.#entries.clear();
    this.#keys.clear();
  }
}

function nameKey(callName: CallName | undefined): string {
  return callName === undefined ? '' : `${callName.isSni} ${callName.isChecked}`;
}
