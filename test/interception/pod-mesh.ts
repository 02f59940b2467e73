// A mesh of three pods and the world: `caller`, and `first` and `second`, which have the same three applications each, on
// grpc-go and C-core on localhost only, on grpc-js on every address. Endpoints are the addresses of pods with the ports of applications,
// as a cluster has them, so that nobody calls an agent by its name: the kernel redirects at both ends.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { ReceivedSpan } from '../../agent/telemetry/otlp-spans.ts';
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { anyConnection } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain } from '../../xds/model/listener.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { goEchoMissing } from '../support/go-echo.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';
import { createPods, type Namespace, type Program } from './namespaces.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
const WORLD = fileURLToPath(new URL('world.ts', import.meta.url));
const TALKERS = fileURLToPath(new URL('talkers.ts', import.meta.url));
const PEERS = fileURLToPath(new URL('../../node_modules/.cache/peers/', import.meta.url));
const ECHO = fileURLToPath(new URL('../conformance/python/echo.py', import.meta.url));

/** By name of the service, which is its authority: where its applications listen. */
export const SERVICES = { go: 50_051, js: 50_052, core: 50_053 } as const;
export type Service = keyof typeof SERVICES;

const AGENT_UID = 15_015;
const PODS = ['caller', 'first', 'second'] as const;
export type PodName = (typeof PODS)[number];

/** Of a service whose peers `npm run peers` has not made there is no application. */
export const services: readonly Service[] = [
  'js',
  ...(goEchoMissing === null ? (['go'] as const) : []),
  ...(existsSync(`${PEERS}python/bin/python`) ? (['core'] as const) : []),
];

export function addressesOf(pod: PodName): { readonly ipv4: string; readonly ipv6: string } {
  const number = 11 + PODS.indexOf(pod);
  return { ipv4: `10.99.0.${number}`, ipv6: `fd99::${number}` };
}

export class PodMesh {
  readonly world: Namespace;
  readonly #pods: Readonly<Record<PodName, Namespace>>;
  readonly #outside: Program;
  #nextId = 0;

  private constructor(world: Namespace, pods: Readonly<Record<PodName, Namespace>>, outside: Program) {
    this.world = world;
    this.#pods = pods;
    this.#outside = outside;
  }

  static async start(t: ExecutionContext, rules: Partial<Record<PodName, readonly string[]>> = {}): Promise<PodMesh> {
    const { world, pods } = createPods(t, PODS);
    const [caller, first, second] = pods;
    const outside = world.run([process.execPath, WORLD, '10.99.0.2', '18000', '4318']);
    const mesh = new PodMesh(world, { caller: caller!, first: first!, second: second! }, outside);
    for (const name of PODS) {
      const { status, err } = mesh.pod(name).outrigger('iptables', '--apply', ...(rules[name] ?? []));
      t.is(status, 0, err);
    }
    await outside.line((line) => line === 'ready');
    await mesh.serve(['first', 'second']);
    return mesh;
  }

  pod(name: PodName): Namespace {
    return this.#pods[name];
  }

  /** From now on these pods are the endpoints of every service. */
  async serve(pods: readonly PodName[]): Promise<void> {
    for (const node of PODS) {
      const id = this.#nextId++;
      this.#outside.write(JSON.stringify({ kind: 'serve', id, node, resources: resourcesOf(pods) }));
      await this.#outside.line((line) => line === `served ${id}`);
    }
  }

  /** Resolves when the agent listens both ways. */
  async startAgent(name: PodName): Promise<Program> {
    const bootstrap = {
      xds_servers: [{ server_uri: '10.99.0.2:18000', channel_creds: [{ type: 'insecure' }] }],
      node: { id: name, cluster: name },
    };
    const words = ['run', '--interception', 'redirect', '--status-port', '15020'];
    const agent = this.pod(name).run([process.execPath, PROGRAM, ...words], {
      uid: AGENT_UID,
      env: {
        GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://10.99.0.2:4318',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_BSP_MAX_QUEUE_SIZE: '20000',
      },
    });
    for (const listener of ['inbound', 'outbound']) {
      await agent.line((line) => line.includes('listener bound') && line.includes(`"listener":"${listener}"`));
    }
    return agent;
  }

  /** Resolves when it listens. */
  async startApp(name: PodName, service: Service): Promise<Program> {
    const address = `${service === 'js' ? '[::]' : '127.0.0.1'}:${SERVICES[service]}`;
    const command = {
      go: [`${PEERS}echo`, 'server', '--listen', address, '--name', name],
      js: [process.execPath, TALKERS, 'echo-serve', address, name],
      core: [`${PEERS}python/bin/python`, ECHO, 'server', '100', address, name],
    }[service];
    const app = this.pod(name).run(command);
    await app.line((line) => line.startsWith('port ') || line === 'ready');
    return app;
  }

  /** All that have come, once there are so many; asked once. */
  async spans(count: number): Promise<readonly ReceivedSpan[]> {
    this.#outside.write(JSON.stringify({ kind: 'spans', count }));
    const line = await this.#outside.line((text) => text.startsWith('spans '));
    return JSON.parse(line.slice('spans '.length)) as readonly ReceivedSpan[];
  }

  /** What a pod's agent has counted by that name: labels and value, a line each. */
  counted(pod: PodName, name: string): string[] {
    const where = `http://${addressesOf(pod).ipv4}:15020/metrics`;
    const metrics = this.world.exec(process.execPath, TALKERS, 'http-get', where).out;
    return [...metrics.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\d+)$`, 'gm'))]
      .map(([, labels, count]) => `${labels} ${count}`)
      .sort();
  }
}

function resourcesOf(pods: readonly PodName[]): ServingResource[] {
  const outbound = listener('outbound', 'outbound', 'calls', 15_001);
  const inbound = listener('inbound', 'inbound', 'app-go', 15_006);
  const chains = Object.entries(SERVICES).map(([service, port]): FilterChain => {
    const [chain] = listener('', 'inbound', `app-${service}`).filterChains;
    return { ...chain!, name: service, match: { ...anyConnection, destinationPort: port } };
  });
  const routes = Object.keys(SERVICES).map((service) => [service, [route(forward(service))]] as const);
  return [
    ...Object.entries(SERVICES).flatMap(([service, port]): ServingResource[] => [
      { type: 'cluster', value: cluster(service) },
      { type: 'endpoints', value: endpointsAt(service, port, pods) },
      { type: 'cluster', value: localCluster(`app-${service}`, port) },
      { type: 'route', value: routeConfiguration(`app-${service}`, { '*': [route(forward(`app-${service}`))] }) },
    ]),
    { type: 'route', value: routeConfiguration('calls', Object.fromEntries(routes)) },
    { type: 'listener', value: { ...outbound, address: { host: '::', port: 15_001 } } },
    { type: 'listener', value: { ...inbound, address: { host: '::', port: 15_006 }, filterChains: chains } },
  ];
}

/** Each pod by its IPv4 and by its IPv6 address. */
function endpointsAt(name: string, port: number, pods: readonly PodName[]): ClusterEndpoints {
  const empty = endpoints(name, [port]);
  const [locality] = empty.localities;
  const hosts = pods.map(addressesOf).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
  const [endpoint] = locality!.endpoints;
  const all = hosts.map((host) => ({ ...endpoint!, address: { host, port } }));
  return { ...empty, localities: [{ ...locality!, endpoints: all }] };
}

function localCluster(name: string, port: number): Cluster {
  return { ...cluster(name), discovery: { kind: 'static', endpoints: endpoints(name, [port]) } };
}
