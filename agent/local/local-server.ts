// An ordinary grpc-js server as a target of this process: calls reach it over a connection in memory, which no one else
// can reach, and its handlers see them as they see any other. It needs no port of its own, and may have one.

import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { ServerCredentials } from '@grpc/grpc-js';
import type { HeadChange } from '../director/decision.ts';
import { createInProcessPair } from '../http2/index.ts';
import type { PoolOptions } from '../upstream/connection-pool.ts';
import { CallerPeer } from './caller-peer.ts';
import { InProcessUpstream } from './in-process-upstream.ts';

/** What is needed of `grpc.Server`, of whichever copy of `@grpc/grpc-js` (1.13 or later). */
export interface LocalGrpcServer {
  register(name: string, handler: never, serialize: never, deserialize: never, type: string): boolean;
  unregister(name: string): boolean;
  createConnectionInjector(credentials: never): ConnectionInjector;
}

interface ConnectionInjector {
  injectConnection(connection: Duplex): void;
  destroy(): void;
}

export class LocalServer extends InProcessUpstream {
  /** What calls to it have to bring; `null`: nothing, and `getPeer()` of its handlers is `unknown`. */
  readonly rewrite: HeadChange | null;
  readonly #server: LocalGrpcServer;
  readonly #injector: ConnectionInjector;

  /**
   * @param credentials insecure ones of the same copy of grpc-js as the server; `null`: of ours.
   * @throws TypeError where that is another copy.
   */
  constructor(server: LocalGrpcServer, credentials: object | null, options: PoolOptions) {
    super(() => {
      const [ours, theirs] = createInProcessPair();
      this.#injector.injectConnection(theirs);
      return ours;
    }, options);
    this.#server = server;
    const own = credentials ?? ServerCredentials.createInsecure();
    // Interceptors of one copy of grpc-js are none to another.
    const peer =
      own instanceof ServerCredentials
        ? new CallerPeer(options.environment.shapes, randomBytes(16).toString('hex'))
        : null;
    this.rewrite = peer;
    try {
      const taken = peer !== null && own instanceof ServerCredentials ? peer.credentials(own) : own;
      this.#injector = server.createConnectionInjector(taken as never);
    } catch (error) {
      throw new TypeError(
        'local is no grpc.Server of @grpc/grpc-js 1.13 or later, or of another copy of it than this package has: ' +
          'then give localCredentials: grpc.ServerCredentials.createInsecure()',
        { cause: error },
      );
    }
  }

  /** Whether it has a handler for `/package.Service/Method` now. */
  serves(path: string): boolean {
    // All that a server says of its handlers: one can't be registered twice.
    const isFree = this.#server.register(path, unused as never, unused as never, unused as never, 'unary');
    if (isFree) this.#server.unregister(path);
    return !isFree;
  }

  /** Closes the connections between us; the server itself goes on. */
  override close(): void {
    super.close();
    this.#injector.destroy();
  }
}

function unused(): void {}
