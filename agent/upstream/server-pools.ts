// The pools of one endpoint whose calls say by their names which server they are for (`auto_sni`, `auto_san_validation`):
// one for each server, since a connection was made for one. Clients choose the names, so there are only so many.
import type { ClientTls } from '../http2/index.ts';
import type { ConnectionPool } from './connection-pool.ts';

/** Of one endpoint. One more takes the place of one without calls. */
export const maxServers = 100;

/** TLS toward one server. */
export type TlsOfServer = (host: string) => ClientTls;

export class ServerPools {
  /** By name, the one that was used last at the end. */
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #create: (tls: ClientTls) => ConnectionPool;
  #tlsOf: TlsOfServer;

  constructor(create: (tls: ClientTls) => ConnectionPool, tlsOf: TlsOfServer) {
    this.#create = create;
    this.#tlsOf = tlsOf;
  }

  /** Calls under way. */
  get activeStreams(): number {
    let active = 0;
    for (const pool of this.#pools.values()) active += pool.activeStreams;
    return active;
  }

  /** `undefined`: no call was for that server lately. */
  known(host: string): ConnectionPool | undefined {
    return this.#pools.get(host);
  }

  /** `null`: there are too many, and all have calls. */
  open(host: string): ConnectionPool | null {
    let pool = this.#pools.get(host);
    if (pool !== undefined) this.#pools.delete(host);
    else if (this.#pools.size >= maxServers && !this.#evict()) return null;
    else pool = this.#create(this.#tlsOf(host));
    this.#pools.set(host, pool);
    return pool;
  }

  /** New connections are made with these certificates. */
  renew(tlsOf: TlsOfServer): void {
    this.#tlsOf = tlsOf;
    for (const [host, pool] of this.#pools) pool.renew(tlsOf(host));
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }

  destroy(): void {
    for (const pool of this.#pools.values()) pool.destroy();
  }

  #evict(): boolean {
    for (const [host, pool] of this.#pools) {
      if (!pool.isIdle) continue;
      this.#pools.delete(host);
      pool.close();
      return true;
    }
    return false;
  }
}
