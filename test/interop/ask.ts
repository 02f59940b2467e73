// Single calls, for their status alone.
import { type ServiceError, status } from '@grpc/grpc-js';
import { EchoClient } from '../support/echo-service.ts';

/** The gRPC status of a unary call of `path`. */
export async function statusOf(port: number, authority: string, path: string): Promise<status> {
  const client = new EchoClient(port, authority);
  const { promise, resolve } = Promise.withResolvers<status>();
  const identity = (bytes: Buffer): Buffer => bytes;
  client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), (error: ServiceError | null) => {
    resolve(error === null ? status.OK : error.code);
  });
  return promise.finally(() => client.close());
}

/** Calls until one is answered, for `maxMs` at most: then as the last one failed. */
export async function untilAnswered(port: number, authority: string, maxMs: number): Promise<void> {
  const client = new EchoClient(port, authority);
  const deadline = Date.now() + maxMs;
  for (;;) {
    try {
      await client.unary(Buffer.from('x'));
      break;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
  client.close();
}
