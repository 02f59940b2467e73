// Looking at a socket's first bytes without taking them away from whoever reads it next.
import type { Socket } from 'node:net';
import { type FirstBytes, readFirstBytes } from './client-hello.ts';

/**
 * Calls back once they tell what comes, with the bytes put back. Not called back where the client goes or says nothing
 * for `timeoutMs`: then the socket is destroyed.
 */
export function peekFirstBytes(
  socket: Socket,
  timeoutMs: number,
  onKnown: (first: FirstBytes, bytes: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('readable', look);
    socket.off('close', stop);
    socket.off('end', end);
  };
  const look = (): void => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
    const all = Buffer.concat(chunks);
    const first = readFirstBytes(all);
    if (first.kind === 'incomplete') return;
    stop();
    socket.unshift(all);
    onKnown(first, all);
  };
  const end = (): void => {
    stop();
    socket.destroy();
  };
  socket.on('readable', look);
  socket.on('close', stop);
  socket.on('end', end);
}
