// A server of this process as the target of calls: one endpoint, reached over a connection in memory, that takes whatever
// comes. Limits and names are for endpoints over a network.
import type { Duplex } from 'node:stream';
import type { Upstream } from '../proxy/call-parts.ts';
import { ConnectionPool, type PoolOptions } from '../upstream/connection-pool.ts';
import { UpstreamEndpoint } from '../upstream/endpoint.ts';

export class InProcessUpstream implements Upstream {
  readonly callName = null;
  readonly #endpoint: UpstreamEndpoint;

  /** @param open makes a connection to the server, and answers our end of it. */
  constructor(open: () => Duplex, options: PoolOptions) {
    const pool = new ConnectionPool('local', { to: { open }, tls: null }, options);
    this.#endpoint = new UpstreamEndpoint('local', '', pool);
  }

  begin(): null {
    return null;
  }

  end(): void {}

  beginRetry(): boolean {
    return true;
  }

  endRetry(): void {}

  pick(): UpstreamEndpoint {
    return this.#endpoint;
  }

  /** Closes the connections. */
  close(): void {
    this.#endpoint.pool.destroy();
  }
}
