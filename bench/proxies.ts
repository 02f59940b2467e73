// The proxies that are compared, in the order in which a round runs them, and the floor: nothing between, and a pipe
// that understands nothing of what it carries.
import { readFileSync } from 'node:fs';
import { freePort, PROXY_CORE, spawnPinned } from './machine.ts';
import { nativeProxies } from './proxies-native.ts';
import { type ProxyKind, running } from './proxy-kind.ts';
import { outrigger } from './proxy-outrigger.ts';

const direct: ProxyKind = {
  name: 'direct',
  speaksTls: true,
  share: 1,
  missing: () => null,
  version: () => null,
  start: async ({ ports }) => ({ port: ports[0] ?? 0, process: null, stop: async () => {} }),
};

/** A script of this folder: PORT ENDPOINT_PORT... [--tls CERTIFICATE KEY] */
function script(
  name: string,
  file: string,
  { speaksTls, share }: Pick<ProxyKind, 'speaksTls' | 'share'>,
  version: () => string | null,
): ProxyKind {
  return {
    name,
    speaksTls,
    share,
    missing: () => null,
    version,
    start: async ({ ports, tls }) => {
      const port = await freePort();
      const path = new URL(file, import.meta.url).pathname;
      const command = [process.execPath, path, String(port), ...ports.map(String)];
      if (tls !== null) command.push('--tls', tls.certificate, tls.key);
      return running(port, spawnPinned(PROXY_CORE, command));
    },
  };
}

function grpcJsVersion(): string | null {
  const text = readFileSync(new URL('../node_modules/@grpc/grpc-js/package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? null;
}

export const PROXIES: readonly ProxyKind[] = [
  direct,
  script('tcp pipe', './tcp-pipe.ts', { speaksTls: false, share: 1 }, () => null),
  outrigger,
  ...nativeProxies,
  script('node:http2', './node-http2-proxy.ts', { speaksTls: true, share: 0.2 }, () => null),
  script('grpc-js', './grpc-js-proxy.ts', { speaksTls: false, share: 0.2 }, grpcJsVersion),
];
