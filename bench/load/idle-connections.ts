// Connections that have exchanged SETTINGS and do nothing.
import { once } from 'node:events';
import net from 'node:net';
import type { LoadResult } from './load-result.ts';
import { clientPreface, settingsAckFrame } from './raw-frames.ts';

/** They stay as they are until `close`. */
export async function openIdleConnections(port: number, connections: number): Promise<LoadResult> {
  const sockets: net.Socket[] = [];
  for (let i = 0; i < connections; i++) {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.on('error', () => socket.destroy());
    socket.write(clientPreface);
    // The first that comes is the peer's SETTINGS; what follows is read and dropped.
    await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.write(settingsAckFrame);
    socket.resume();
    sockets.push(socket);
  }
  const failed = sockets.filter((socket) => socket.destroyed).length;
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return { units: connections, callsPerSecond: null, latencyMs: null, failed, close };
}
