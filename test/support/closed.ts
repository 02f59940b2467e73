// Waiting for the end of a connection.
import type { Duplex } from 'node:stream';

/** Its end, in order or not: `once` of node:events throws the error of a connection that was reset. */
export function closed(socket: Duplex): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
