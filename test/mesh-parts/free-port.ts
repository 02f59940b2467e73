// Ports for programs that must be told theirs. Below the range from which systems give ports to connections (32768 on
// Linux), since one that was free a moment ago is soon some connection's; a stretch for each test process.
import { createServer } from 'node:net';

const stretch = 20_000 + (process.pid % 120) * 100;
let next = 0;

/** `count` free ports of 127.0.0.1, never the same twice in one process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = stretch + (next++ % 100);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
