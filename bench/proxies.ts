// The proxies that are compared, each as its users would start it for this job: one worker, no access log, clear text.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../test/support/resources.ts';
import type { Resource } from '../xds/model/resource.ts';
import { createXdsServer } from '../xds/server/xds-server.ts';
import { AUTHORITY } from './load.ts';
import { freePort, type Pinned, PROXY_CORE, spawnPinned, untilListening, which } from './machine.ts';

export interface RunningProxy {
  readonly port: number;
  readonly process: Pinned;
  stop(): Promise<void>;
}

export interface ProxyKind {
  readonly name: string;
  /** What it needs and this machine lacks; `null` when it can be run. */
  missing(): string | null;
  start(endpointPorts: readonly number[], folder: string): Promise<RunningProxy>;
}

const outrigger: ProxyKind = {
  name: 'outrigger',
  missing: () => null,
  start: async (endpointPorts) => {
    const port = await freePort();
    const adminPort = await freePort();
    const controlPlane = createXdsServer({ log: () => {} });
    const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
    controlPlane.setSnapshot('bench', meshOf(port, endpointPorts));
    const bootstrap = {
      xds_servers: [{ server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
      node: { id: 'bench' },
    };
    const entry = new URL('../bin/outrigger.js', import.meta.url).pathname;
    const command = [process.execPath, entry, 'run', '--admin-port', String(adminPort), '--log-level', 'warn'];
    const child = spawnPinned(PROXY_CORE, command, { GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) });
    await untilListening(port, child.child);
    return {
      port,
      process: child,
      stop: async () => {
        await child.stop();
        await controlPlane.close();
      },
    };
  },
};

const nghttpx: ProxyKind = {
  name: 'nghttpx',
  missing: () => (which('nghttpx') === null ? 'nghttpx (Debian package nghttp2-proxy)' : null),
  start: async (endpointPorts, folder) => {
    const port = await freePort();
    const config = join(mkdtempSync(join(folder, 'nghttpx-')), 'nghttpx.conf');
    writeFileSync(config, '');
    const endpoints = endpointPorts.map((endpoint) => `--backend=127.0.0.1,${endpoint};;proto=h2;no-tls`);
    const command = [
      ...['nghttpx', `--conf=${config}`, `--frontend=127.0.0.1,${port};no-tls`, ...endpoints],
      ...['--workers=1', '--single-process', '--accesslog-file=/dev/null', '--errorlog-file=/dev/null', '--no-via'],
      '--frontend-http2-max-concurrent-streams=1000',
    ];
    return running(port, spawnPinned(PROXY_CORE, command));
  },
};

const nodeHttp2: ProxyKind = {
  name: 'node:http2',
  missing: () => null,
  start: async (endpointPorts) => {
    const port = await freePort();
    const script = new URL('./node-http2-proxy.ts', import.meta.url).pathname;
    const command = [process.execPath, script, String(port), ...endpointPorts.map(String)];
    return running(port, spawnPinned(PROXY_CORE, command));
  },
};

/** In the order in which a round runs them. */
export const PROXIES: readonly ProxyKind[] = [outrigger, nghttpx, nodeHttp2];

async function running(port: number, child: Pinned): Promise<RunningProxy> {
  await untilListening(port, child.child);
  return { port, process: child, stop: () => child.stop() };
}

/** One outbound listener, a virtual host for the authority, a cluster over the endpoints: what a mesh would say. */
function meshOf(port: number, endpointPorts: readonly number[]): Resource[] {
  return [
    { type: 'cluster', value: cluster('catalogue') },
    { type: 'endpoints', value: endpoints('catalogue', endpointPorts) },
    { type: 'route', value: routeConfiguration('mesh', { [AUTHORITY]: [route(forward('catalogue'))] }) },
    { type: 'listener', value: listener('outbound', 'outbound', 'mesh', port) },
  ];
}
