// One endpoint of one cluster: its address and the pool behind it, which other clusters may share.
import type { ConnectionPool } from './connection-pool.ts';

export class UpstreamEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly pool: ConnectionPool;

  /** Of the resource; may be empty. */
  readonly hostname: string;

  constructor(address: string, hostname: string, pool: ConnectionPool) {
    this.address = address;
    this.hostname = hostname;
    this.pool = pool;
  }
}
