// What a listener answers itself (health, reflection), as the target of calls: they reach its server over a connection in
// memory. The server is loaded with the first of them, so a data plane without any has none.
import type { Duplex } from 'node:stream';
import type { OwnServices as OwnServicesConfig } from '../../xds/model/listener.ts';
import { DescriptorIndex } from '../grpc/descriptor-index.ts';
import { createInProcessPair } from '../http2/index.ts';
import type { PoolOptions } from '../upstream/connection-pool.ts';
import { HealthBook } from './health-book.ts';
import { InProcessUpstream } from './in-process-upstream.ts';
import type { OwnServer } from './own-server.ts';

export class OwnServices extends InProcessUpstream {
  readonly #health = new HealthBook();
  #descriptors: DescriptorIndex | null = null;
  #server: Promise<OwnServer> | null = null;
  #isClosed = false;

  constructor(options: PoolOptions) {
    super(() => this.#open(), options);
  }

  /** What is answered from now on; streams that are open see it too. */
  update({ healthOf, descriptorSets }: OwnServicesConfig): this {
    this.#health.know(healthOf);
    this.#descriptors = null;
    if (descriptorSets.length === 0) return this;
    const index = new DescriptorIndex();
    for (const set of descriptorSets) index.add(Buffer.from(set, 'base64'));
    this.#descriptors = index;
    return this;
  }

  /** Tells those who watch, and ends their calls. */
  drain(): void {
    this.#health.drain();
  }

  override close(): void {
    this.#isClosed = true;
    super.close();
    void this.#server?.then((server) => server.close());
  }

  #open(): Duplex {
    const [ours, theirs] = createInProcessPair();
    this.#server ??= this.#load();
    this.#server.then(
      (server) => server.inject(theirs),
      (error: unknown) => ours.destroy(error instanceof Error ? error : new Error(String(error))),
    );
    return ours;
  }

  async #load(): Promise<OwnServer> {
    const { createOwnServer } = await import('./own-server.ts');
    const server = createOwnServer({ health: this.#health, descriptors: () => this.#descriptors });
    if (this.#isClosed) server.close();
    return server;
  }
}
