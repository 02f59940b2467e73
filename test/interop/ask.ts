// One call of any method, for its status alone.
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
