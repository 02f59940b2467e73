// A data plane alone in a process that can be asked for its memory, after a collection. Started by memory.test.ts with
// --expose-gc. Messages in: a `Down` of the link, or 'memory'; out: every `Up`, or {memory}.
import { DataPlane } from '../../agent/data-plane.ts';
import type { Down, Up } from '../../agent/link.ts';

const dataPlane = new DataPlane(
  {
    worker: 0,
    reusePort: false,
    stats: new SharedArrayBuffer(8 * 1024 * 1024),
    logLevel: 'warn',
    sampling: { enabled: false, parentBased: true, ratio: 0 },
  },
  (up: Up) => {
    if (process.connected) process.send?.(up);
  },
);

process.on('message', (message: Down | 'memory') => {
  if (message !== 'memory') {
    dataPlane.receive(message);
    return;
  }
  // Twice: what the first collection finds unreachable may have held buffers that only the second one frees.
  globalThis.gc?.();
  globalThis.gc?.();
  const { arrayBuffers, rss } = process.memoryUsage();
  process.send?.({ kind: 'memory', arrayBuffers, rss });
});
process.on('disconnect', () => process.exit(0));
