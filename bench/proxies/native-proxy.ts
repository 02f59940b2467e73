// A proxy that is one program, started with one configuration file.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoints } from '../endpoints/endpoints.ts';
import { freePort, PROXY_CORE, spawnPinned, versionOf } from '../machine.ts';
import { type ProxyKind, running } from './proxy-kind.ts';

export interface NativeProxy {
  readonly name: string;
  /** Where it comes from. */
  readonly source: string;
  path(): string | null;
  readonly versionArgs: readonly string[];
  /** `folder`: its own. */
  config(port: number, endpoints: Endpoints, folder: string): string;
  args(configFile: string): readonly string[];
}

export function nativeProxy(proxy: NativeProxy): ProxyKind {
  return {
    name: proxy.name,
    startSeconds: 0.4,
    warmUpSeconds: 0.4,
    missing: () => (proxy.path() === null ? `${proxy.name} (${proxy.source})` : null),
    version: () => versionOf(proxy.path() ?? proxy.name, proxy.versionArgs),
    start: async (endpoints, folder) => {
      const port = await freePort();
      const own = mkdtempSync(join(folder, 'proxy-'));
      const file = join(own, 'proxy.json');
      writeFileSync(file, proxy.config(port, endpoints, own));
      return running(port, spawnPinned(PROXY_CORE, [proxy.path() ?? proxy.name, ...proxy.args(file)]));
    },
  };
}
