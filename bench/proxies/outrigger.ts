// Outrigger as its users run it: listener, routes, clusters and endpoints come over xDS, metrics are kept, and one call
// in a hundred is traced, its span exported over OTLP.
import { readFileSync } from 'node:fs';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../../test/support/resources.ts';
import type { Cluster } from '../../xds/model/cluster.ts';
import type { Listener } from '../../xds/model/listener.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import type { Certificate, Endpoints } from '../endpoints/endpoints.ts';
import { AUTHORITY } from '../load/payload.ts';
import { freePort, PROXY_CORE, spawnPinned, untilListening } from '../machine.ts';
import { type MeshSize, sizedRoutes, smallMesh } from './mesh-size.ts';
import type { ProxyKind, RunningProxy } from './proxy-kind.ts';

interface OutriggerOptions {
  /** Of the row; 'outrigger' unless something is not as usual. */
  readonly name?: string;
  readonly size?: MeshSize;
  readonly isTraced?: boolean;
}

export function outrigger({ name = 'outrigger', size = smallMesh, isTraced = true }: OutriggerOptions = {}): ProxyKind {
  return {
    name,
    startSeconds: 0.9 + size.clusters / 2500 + size.routes / 10_000,
    warmUpSeconds: 1.5,
    missing: () => null,
    version: () => null,
    start: (target) => startOutrigger(target, size, isTraced, []),
  };
}

/** `nodeArgs`: what Node itself is told, such as to keep a profile. */
export async function startOutrigger(
  target: Endpoints,
  size: MeshSize,
  isTraced: boolean,
  nodeArgs: readonly string[],
): Promise<RunningProxy> {
  const port = await freePort();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('bench', meshOf(port, target, size));
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: 'bench' },
  };
  const entry = new URL('../../bin/outrigger.js', import.meta.url).pathname;
  const args = ['run', '--admin-port', '0', '--log-level', 'warn'];
  const child = spawnPinned(PROXY_CORE, [process.execPath, ...nodeArgs, entry, ...args], {
    GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
    ...(isTraced ? tracing(target.spanPort) : {}),
  });
  try {
    await untilListening(port, child.child);
  } catch (error) {
    await controlPlane.close();
    throw error;
  }
  return {
    port,
    process: child,
    stop: async () => {
      await child.stop();
      await controlPlane.close();
    },
  };
}

function tracing(spanPort: number): NodeJS.ProcessEnv {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${spanPort}`,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
  };
}

/** One outbound listener, a virtual host for the authority, clusters over the endpoints: what a mesh would say. */
function meshOf(port: number, { ports, tls }: Endpoints, size: MeshSize): ServingResource[] {
  const clusterNames = Array.from({ length: size.clusters }, (_, at) => (at === 0 ? AUTHORITY : `${AUTHORITY}-${at}`));
  const routes = [
    ...sizedRoutes(size).map(({ prefix, cluster: at }) =>
      route(forward(clusterNames[at] ?? AUTHORITY), { kind: 'prefix', value: prefix }),
    ),
    route(forward(AUTHORITY)),
  ];
  return [
    ...clusterNames.map((name): ServingResource => ({ type: 'cluster', value: clusterOf(name, tls) })),
    ...clusterNames.map((name): ServingResource => ({ type: 'endpoints', value: endpoints(name, ports) })),
    { type: 'route', value: routeConfiguration('mesh', { [AUTHORITY]: routes }) },
    { type: 'listener', value: listenerOf(port, tls) },
  ];
}

/** Its budget of requests is raised as Envoy's is: what is refused is cheap, and would flatter. */
function clusterOf(name: string, tls: Certificate | null): Cluster {
  const plain = { ...cluster(name), maxRequests: 100_000 };
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
