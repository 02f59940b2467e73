// The endpoints behind the proxies: nghttpd answering a gRPC message and trailers, more than fast enough not to matter.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MESSAGE_BYTES, METHOD_PATH } from './load.ts';
import { freePort, LOAD_CORE, type Pinned, spawnPinned, untilListening } from './machine.ts';

export interface Endpoints {
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

export async function startEndpoints(folder: string, count: number): Promise<Endpoints> {
  const file = join(folder, METHOD_PATH);
  mkdirSync(dirname(file), { recursive: true });
  const message = Buffer.alloc(MESSAGE_BYTES, 0x62);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(MESSAGE_BYTES - 5, 1);
  writeFileSync(file, message);
  const running: { port: number; process: Pinned }[] = [];
  for (let i = 0; i < count; i++) {
    const port = await freePort();
    const command = ['nghttpd', '--no-tls', '--htdocs', folder, '--trailer', 'grpc-status: 0', String(port)];
    const child = spawnPinned(LOAD_CORE, command);
    await untilListening(port, child.child);
    running.push({ port, process: child });
  }
  return {
    ports: running.map(({ port }) => port),
    stop: async () => {
      await Promise.all(running.map(({ process: child }) => child.stop()));
    },
  };
}
