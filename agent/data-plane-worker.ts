// The entry of a worker thread: a data plane behind a MessagePort.
import module from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { DataPlane } from './data-plane.ts';
import type { DataPlaneSettings, Down } from './link.ts';

const port = parentPort;
if (port === null) throw new Error('data-plane-worker.ts is started as a worker thread, by workers.ts');

const dataPlane = new DataPlane(workerData as DataPlaneSettings, (up) => port.postMessage(up));
port.on('message', (down: Down) => {
  dataPlane.receive(down);
  if (down.kind === 'stop') port.close();
});
// A promise that nobody looks after was no call's (those look after their own): it is told, and costs no call anything.
process.on('unhandledRejection', (reason) => {
  const error = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  port.postMessage({ kind: 'log', level: 'error', message: 'something failed in a data plane', fields: { error } });
});
// What was compiled is kept for the next start at once, however this one ends.
module.flushCompileCache?.();
