// One endpoint of one cluster: its address and the pool behind it, which other clusters may share.
import type { ConnectionPool } from './connection-pool.ts';
import type { ServerPools } from './server-pools.ts';

export class UpstreamEndpoint {
  /** `host:port`. */
  readonly address: string;
  readonly pool: ConnectionPool;

  /** Of the resource; may be empty. */
  readonly hostname: string;
  /** Of calls that say which server they are for; `null`: those are like any other. */
  readonly servers: ServerPools | null;

  constructor(address: string, hostname: string, pool: ConnectionPool, servers: ServerPools | null = null) {
    this.address = address;
    this.hostname = hostname;
    this.pool = pool;
    this.servers = servers;
  }

  /** Calls under way. */
  get activeStreams(): number {
    const own = this.pool.activeStreams;
    return this.servers === null ? own : own + this.servers.activeStreams;
  }
}
