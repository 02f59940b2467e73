// Binds a grpc-js server to an address, or says in one sentence why that is not to be had.
import { createServer } from 'node:net';
import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** Answers the bound port. @param what begins the sentence, as in "the control plane". */
export async function bindServer(server: Server, what: string, host: string, port: number): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  try {
    await probe(host, port);
    return await bind(server, address);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    const reason = error instanceof Error ? error.message : String(error);
    const sentence = code === 'EADDRINUSE' ? 'another program has that port' : reason;
    throw new Error(`${what} cannot listen on ${address}: ${sentence}`);
  }
}

/** Binds once without grpc-js, which prints a line of its own and forgets the error code where that fails. */
function probe(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const listener = createServer();
    listener.once('error', reject);
    listener.listen({ host, port, exclusive: true }, () => listener.close(() => resolve()));
  });
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
}
