// Envoy and the agent take the same configuration from the same control plane, and are sent the same requests: each must
// reach the same cluster, or be refused alike. Who is right is not asked: Envoy is.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envoyPath } from '../../bench/envoy.ts';
import { type Judge, type Verdict, verdictOf } from '../conformance/judge.ts';
import { freePorts } from '../mesh-parts/free-port.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { clusterJson, endpointsJson, type Json, listenerJson } from './envoy-json.ts';
import { goServerMissing, startGoServer } from './go-server.ts';
import { createRandom, MARKER, type RandomRequest, RandomRoutes } from './random-routes.ts';

const CONFIGURATIONS = 20;
const REQUESTS = 500;
const DRAWN = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];
const CLUSTERS = [...DRAWN, MARKER];
const CONCURRENT = 50;

/** Answers every call with its own name. */
async function startNamed(name: string): Promise<{ readonly server: Http2Server; readonly port: number }> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/grpc', 'x-cluster': name, trailer: 'grpc-status' });
    response.addTrailers({ 'grpc-status': '0' });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

/** The cluster that answered, or the gRPC status that the proxy itself gave. */
async function send(session: ClientHttp2Session, { authority, path, headers }: RandomRequest): Promise<string> {
  const stream = session.request({
    ':method': 'POST',
    ':authority': authority,
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.end();
  stream.resume();
  let status = '';
  stream.on('trailers', (trailers) => {
    status = String(trailers['grpc-status']);
  });
  const [response] = await once(stream, 'response');
  if (!stream.closed) await once(stream, 'close');
  const cluster = response['x-cluster'];
  return cluster === undefined ? `status ${response['grpc-status'] ?? status}` : String(cluster);
}

async function sendAll(session: ClientHttp2Session, requests: readonly RandomRequest[]): Promise<string[]> {
  const answers = new Array<string>(requests.length);
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < requests.length) {
      const index = next++;
      answers[index] = await send(session, requests[index]!);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, sender));
  return answers;
}

function envoyBootstrap(xdsPort: number): string {
  return JSON.stringify({
    node: { id: 'interop', cluster: 'interop' },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          ...clusterJson('xds'),
          type: 'STATIC',
          eds_cluster_config: undefined,
          load_assignment: endpointsJson('xds', [xdsPort]),
        },
      ],
    },
  });
}

/** The next answer of a version that is in use by now. */
async function inUse(session: ClientHttp2Session, marker: string): Promise<void> {
  const probe: RandomRequest = { authority: marker, path: '/', headers: {} };
  const deadline = Date.now() + 10_000;
  while ((await send(session, probe)) !== MARKER) {
    if (Date.now() > deadline) throw new Error(`${marker} is not in use after 10 s`);
  }
}

async function connectWhenBound(port: number): Promise<ClientHttp2Session> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const session = connect(`http://127.0.0.1:${port}`);
    try {
      await once(session, 'connect');
      return session;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

interface Proxy {
  /** Sends it a route configuration, and resolves once it goes by it. */
  use(version: string, routes: Json): Promise<void>;
  ask(requests: readonly RandomRequest[]): Promise<string[]>;
  stop(): Promise<void>;
}

/** A control plane of its own for each, since both can't bind one port. `start` resolves with the port it listens on. */
async function startProxy(
  endpoints: readonly Json[],
  port: number,
  start: (xdsPort: number) => Promise<{ readonly port: Promise<number>; stop(): Promise<void> }>,
): Promise<Proxy> {
  const xds = await startGoServer();
  const proxy = await start(xds.port);
  let session: ClientHttp2Session | null = null;
  return {
    use: async (version, routes) => {
      const listeners = [listenerJson('listener', port, 'routes')];
      await xds.set({ version, listeners, routes: [routes], clusters: CLUSTERS.map(clusterJson), endpoints });
      session ??= await connectWhenBound(await proxy.port);
      await inUse(session, version);
    },
    ask: (requests) => sendAll(session!, requests),
    stop: async () => {
      session?.close();
      await proxy.stop();
      await xds.stop();
    },
  };
}

async function startEnvoy(binary: string, xdsPort: number, port: number) {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-envoy-'));
  const file = join(folder, 'envoy.json');
  await writeFile(file, envoyBootstrap(xdsPort));
  const child = spawn(binary, ['-c', file, '--disable-hot-restart', '--concurrency', '1'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  return {
    port: Promise.resolve(port),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}

async function startAgent(xdsPort: number) {
  const agent = await startAgentProcess({ xdsPort, node: 'interop' });
  const stop = async (): Promise<void> => void (await agent.stop());
  return { port: agent.listenerPort('listener'), stop };
}

async function compare(binary: string, seed: number): Promise<Verdict[]> {
  const servers = await Promise.all(CLUSTERS.map(startNamed));
  const endpoints = CLUSTERS.map((name, index) => endpointsJson(name, [servers[index]!.port]));
  const [port = 0] = await freePorts(1);
  const envoy = await startProxy(endpoints, port, (xdsPort) => startEnvoy(binary, xdsPort, port));
  const agent = await startProxy(endpoints, 0, startAgent);
  const verdicts: Verdict[] = [];
  for (let index = 0; index < CONFIGURATIONS; index++) {
    const name = `configuration ${index} of seed ${seed}: ${REQUESTS} requests`;
    verdicts.push(await verdictOf(name, () => compareOne(envoy, agent, createRandom(seed + index), `marker-${index}`)));
  }
  await Promise.all([envoy.stop(), agent.stop()]);
  for (const { server } of servers) server.close();
  return verdicts;
}

async function compareOne(envoy: Proxy, agent: Proxy, random: () => number, marker: string): Promise<void> {
  const draw = new RandomRoutes(random, DRAWN);
  const routes = draw.configuration('routes', marker);
  const requests = Array.from({ length: REQUESTS }, () => draw.request());
  await Promise.all([envoy.use(marker, routes), agent.use(marker, routes)]);
  const [theirs, ours] = await Promise.all([envoy.ask(requests), agent.ask(requests)]);
  const different = requests.flatMap((request, index) =>
    theirs[index] === ours[index] ? [] : [{ request, envoy: theirs[index], agent: ours[index] }],
  );
  if (different.length === 0) return;
  const [first] = different;
  throw new Error(`${different.length} differ; ${JSON.stringify(first)}; routes: ${JSON.stringify(routes)}`);
}

export const sameAsEnvoy: Judge = {
  name: 'same as Envoy',
  judge: async () => {
    const binary = envoyPath();
    const reason = goServerMissing ?? (binary === null ? 'Envoy is not there (npm run bench fetches it)' : null);
    if (binary === null || reason !== null) return [{ kind: 'skipped', name: 'same as Envoy', reason: reason ?? '' }];
    return compare(binary, Number(process.env['OUTRIGGER_INTEROP_SEED'] ?? 1));
  },
};
