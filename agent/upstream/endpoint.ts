// One endpoint of one cluster: its address and the pool behind it, which other clusters may share.
import type { ConnectionPool } from './connection-pool.ts';

export class UpstreamEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly pool: ConnectionPool;

  constructor(address: string, pool: ConnectionPool) {
    this.address = address;
    this.pool = pool;
  }
}
