// Outrigger as its users start it: listener, routes, cluster and endpoints come over xDS, metrics are kept.
import { readFileSync } from 'node:fs';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../test/support/resources.ts';
import type { Cluster } from '../xds/model/cluster.ts';
import type { Listener } from '../xds/model/listener.ts';
import type { Resource } from '../xds/model/resource.ts';
import { createXdsServer } from '../xds/server/xds-server.ts';
import type { Certificate, Endpoints } from './endpoints.ts';
import { AUTHORITY } from './load.ts';
import { freePort, PROXY_CORE, spawnPinned, untilListening } from './machine.ts';
import type { ProxyKind } from './proxy-kind.ts';

export const outrigger: ProxyKind = {
  name: 'outrigger',
  speaksTls: true,
  share: 1,
  missing: () => null,
  version: () => null,
  start: async (target) => {
    const port = await freePort();
    const adminPort = await freePort();
    const controlPlane = createXdsServer({ log: () => {} });
    const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
    controlPlane.setSnapshot('bench', meshOf(port, target));
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

/** One outbound listener, a virtual host for the authority, a cluster over the endpoints: what a mesh would say. */
function meshOf(port: number, { ports, tls }: Endpoints): Resource[] {
  return [
    { type: 'cluster', value: clusterOf(tls) },
    { type: 'endpoints', value: endpoints('catalogue', ports) },
    { type: 'route', value: routeConfiguration('mesh', { [AUTHORITY]: [route(forward('catalogue'))] }) },
    { type: 'listener', value: listenerOf(port, tls) },
  ];
}

function clusterOf(tls: Certificate | null): Cluster {
  const plain = cluster('catalogue');
  if (tls === null) return plain;
  const trustedCaPem = readFileSync(tls.certificate, 'utf8');
  const upstreamTls = { certificateChainPem: null, privateKeyPem: null, trustedCaPem, sni: AUTHORITY };
  return { ...plain, tls: { ...upstreamTls, subjectAltNames: [] } };
}

function listenerOf(port: number, tls: Certificate | null): Listener {
  const plain = listener('outbound', 'outbound', 'mesh', port);
  if (tls === null) return plain;
  const downstreamTls = {
    certificateChainPem: readFileSync(tls.certificate, 'utf8'),
    privateKeyPem: readFileSync(tls.key, 'utf8'),
    trustedCaPem: null,
    requireClientCertificate: false,
  };
  return { ...plain, filterChains: plain.filterChains.map((chain) => ({ ...chain, tls: downstreamTls })) };
}
