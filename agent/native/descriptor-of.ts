// The file descriptor behind a socket or a server of Node's.
import type { Server, Socket } from 'node:net';

/** Node keeps the descriptor to itself, in every version so far under this name. `null`: it is closed. */
export function descriptorOf(owner: Socket | Server): number | null {
  const { _handle: handle } = owner as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : null;
}
