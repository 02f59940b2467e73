// The fixed ports of a local mesh: which parts want which, and whether they can have them.
import { createServer } from 'node:net';
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type { Mesh } from '../config/mesh.ts';

export interface WantedPort {
  readonly address: SocketAddress;
  /** "catalogue-1", "the outbound listener of shop-agent". */
  readonly owner: string;
}

/** Every port that the parts of this mesh bind, except those of instances that the mesh does not start. */
export function wantedPorts(mesh: Mesh): WantedPort[] {
  const wanted: WantedPort[] = [];
  for (const { name, outbound, admin } of mesh.agents) {
    if (outbound !== null) wanted.push({ address: outbound, owner: `the outbound listener of ${name}` });
    if (admin !== null) wanted.push({ address: admin, owner: `the admin server of ${name}` });
  }
  for (const { instances } of mesh.services) {
    for (const { name, app, behind, run } of instances) {
      if (run !== null) wanted.push({ address: app, owner: name });
      if (behind !== null) wanted.push({ address: behind.inbound, owner: `the inbound listener before ${name}` });
    }
  }
  return wanted;
}

/** One sentence for each port that cannot be bound now; empty when all can. */
export async function findBusyPorts(wanted: readonly WantedPort[]): Promise<string[]> {
  const reasons = await Promise.all(
    wanted.map(async ({ address, owner }) => {
      const code = await tryBind(address);
      if (code === null) return [];
      const reason = code === 'EADDRINUSE' ? 'another program has it' : `it cannot be bound (${code})`;
      return [`${owner} wants ${formatAddress(address)}, but ${reason}`];
    }),
  );
  return reasons.flat();
}

/** The error code, or `null` where the address could be bound (port 0 always can). */
function tryBind({ host, port }: SocketAddress): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
