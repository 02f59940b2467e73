// The proxies that are compared, in the order in which a round runs them, and the floor: nothing between, and a pipe
// that understands nothing of what it carries.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort, PROXY_CORE, spawnPinned } from '../machine.ts';
import { envoy } from './envoy.ts';
import { haproxy } from './haproxy.ts';
import { nghttpx } from './nghttpx.ts';
import { nginx } from './nginx.ts';
import { outrigger } from './outrigger.ts';
import { type ProxyKind, running } from './proxy-kind.ts';

const direct: ProxyKind = {
  name: 'direct',
  startSeconds: 0,
  warmUpSeconds: 0.5,
  missing: () => null,
  version: () => null,
  start: async ({ ports }) => ({ port: ports[0] ?? 0, process: null, stop: async () => {} }),
};

/** A script of this folder: PORT ENDPOINT_PORT... [--tls CERTIFICATE KEY] */
function script(name: string, file: string, version: () => string | null): ProxyKind {
  return {
    name,
    startSeconds: 0.4,
    warmUpSeconds: 1,
    missing: () => null,
    version,
    start: async ({ ports, tls }) => {
      const port = await freePort();
      const path = fileURLToPath(new URL(file, import.meta.url));
      const command = [process.execPath, path, String(port), ...ports.map(String)];
      if (tls !== null) command.push('--tls', tls.certificate, tls.key);
      return running(port, spawnPinned(PROXY_CORE, command));
    },
  };
}

function grpcJsVersion(): string | null {
  const text = readFileSync(new URL('../../node_modules/@grpc/grpc-js/package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? null;
}

const GO_PROXY = fileURLToPath(new URL('../../node_modules/.cache/peers/go-grpc-proxy', import.meta.url));
const GO_MODULE = 'github.com/mwitkow/grpc-proxy';

const goGrpcProxy: ProxyKind = {
  name: 'grpc-proxy (Go)',
  startSeconds: 0.3,
  warmUpSeconds: 0.5,
  missing: () => (existsSync(GO_PROXY) ? null : `the Go program on ${GO_MODULE} (npm run peers, with Go)`),
  version: () => {
    const { stdout } = spawnSync('go', ['version', '-m', GO_PROXY], { encoding: 'utf8' });
    return new RegExp(`${GO_MODULE}\\s+(\\S+)`).exec(stdout ?? '')?.[1] ?? null;
  },
  start: async ({ ports }) => {
    const port = await freePort();
    return running(port, spawnPinned(PROXY_CORE, [GO_PROXY, String(port), ...ports.map(String)]));
  },
};

export const PROXIES: readonly ProxyKind[] = [
  direct,
  script('tcp pipe', './tcp-pipe.ts', () => null),
  outrigger(),
  outrigger({ name: 'outrigger, untraced', isTraced: false }),
  outrigger({ name: 'outrigger, 10,000 routes', size: { routes: 10_000, clusters: 1 } }),
  outrigger({ name: 'outrigger, 10,000 clusters', size: { routes: 10_000, clusters: 10_000 } }),
  outrigger({ name: 'outrigger, 100 clusters', size: { routes: 100, clusters: 100 } }),
  envoy(),
  envoy('envoy, 10,000 routes', { routes: 10_000, clusters: 1 }),
  envoy('envoy, 100 clusters', { routes: 100, clusters: 100 }),
  nghttpx,
  haproxy,
  nginx,
  script('node:http2', './node-http2-proxy.ts', () => null),
  script('grpc-js', './grpc-js-proxy.ts', grpcJsVersion),
  goGrpcProxy,
];
