// `npm run bench:scale`: what a large configuration costs the agent. 10,000 clusters, 10,000 routes, 100,000 endpoints
// from go-control-plane, which shares both cores with the agent (`npm run peers` builds it). Writes docs/scale.json and
// its section of the report.
// Flags: --clusters N, --endpoints N (of each cluster); with either, figures are printed and not written.
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type GoServer, goServerMissing, startGoServer } from '../../test/interop/go-server.ts';
import { takeLock, untilAlone } from '../alone.ts';
import { runRawLoad } from '../load/raw-shape.ts';
import { freePort, LOAD_CORE, type Pinned, PROXY_CORE, spawnPinned, untilListening, untilQuiet } from '../machine.ts';
import { median } from '../report/statistics.ts';
import { callSteadily, untilServed } from './calls.ts';
import { largeMesh, lastEndpoints, pathOf, type ScaleShape } from './scale-mesh.ts';
import { type ScaleRecord, withScale } from './scale-record.ts';

const { values } = parseArgs({
  options: { clusters: { type: 'string', default: '10000' }, endpoints: { type: 'string', default: '10' } },
});
const shape: ScaleShape = { clusters: Number(values.clusters), endpointsPerCluster: Number(values.endpoints) };
const callsPerSecond = 2000;
const pushSeconds = 5;
const changes = 5;

if (goServerMissing !== null) {
  process.stderr.write(`bench: ${goServerMissing}\n`);
  process.exit(1);
}
takeLock();
const isWhole = process.argv.length === 2;
const busyCores = await untilAlone(isWhole ? 60 : 0);
const began = new Date().toISOString();
const endpointPorts = await Promise.all(Array.from({ length: 2 + shape.endpointsPerCluster }, freePort));
const [loaded, last] = [endpointPorts.slice(0, 2), endpointPorts.slice(2)];
const script = fileURLToPath(new URL('../endpoints/unary-endpoint.ts', import.meta.url));
const endpoint = spawnPinned(LOAD_CORE, [process.execPath, script, ...endpointPorts.map(String)]);
for (const port of endpointPorts) await untilListening(port, endpoint.child);

const lean = await measureMode('delta', { ...shape, endpointsPerCluster: 1 }, false);
const delta = await measureMode('delta', shape, true);
const sotw = await measureMode('sotw', shape, false);
const moreEndpoints = shape.clusters * (shape.endpointsPerCluster - 1);
const record: ScaleRecord = {
  began,
  busyCores,
  clusters: shape.clusters,
  routes: shape.clusters,
  endpoints: shape.clusters * shape.endpointsPerCluster,
  appliedSeconds: { delta: delta.appliedSeconds, sotw: sotw.appliedSeconds },
  changeMs: { delta: delta.changeMs, sotw: sotw.changeMs },
  p99Ms: delta.p99Ms,
  residentMiB: delta.residentMiB,
  perEndpointKiB: ((delta.residentMiB.large - lean.residentMiB.large) * 1024) / moreEndpoints,
  perClusterKiB: ((lean.residentMiB.large - lean.residentMiB.small) * 1024) / shape.clusters,
};
process.stdout.write(`${JSON.stringify(record, null, 2)}\n`);
if (isWhole) {
  const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
  writeFileSync(`${docs}scale.json`, `${JSON.stringify(record, null, 2)}\n`);
  writeFileSync(`${docs}benchmarks.md`, withScale(readFileSync(`${docs}benchmarks.md`, 'utf8'), record));
}
process.exit(0);

type XdsMode = 'delta' | 'sotw';

interface ModeFigures {
  readonly appliedSeconds: number;
  readonly changeMs: number;
  readonly p99Ms: ScaleRecord['p99Ms'];
  readonly residentMiB: ScaleRecord['residentMiB'];
}

/**
 * Delta by the linear cache, which says what has changed; state of the world by the snapshot cache, which says all of a
 * type each time.
 */
async function measureMode(mode: XdsMode, size: ScaleShape, isLoaded: boolean): Promise<ModeFigures> {
  const controlPlane = await startGoServer({ cache: mode === 'delta' ? 'linear' : 'snapshot', yields: true });
  const ports = { listener: await freePort(), loaded, last };
  await controlPlane.set(largeMesh('small', { clusters: 0, endpointsPerCluster: 0 }, ports));
  await controlPlane.stage(largeMesh('large', size, ports));
  const agent = startAgent(controlPlane.port, mode);
  await untilListening(ports.listener, agent.child);
  await untilQuiet(agent);
  const load = { port: ports.listener, connections: 10, streams: 50, peer: 'grpc-go', seconds: pushSeconds } as const;
  const openLoop = async (): Promise<number> => {
    const { latencyMs } = await runRawLoad({ ...load, perSecond: callsPerSecond });
    return latencyMs?.p99 ?? Number.NaN;
  };
  // Warm, as an agent is that has run for a while.
  await runRawLoad({ ...load, perSecond: 0, seconds: 2 });
  const quiet = isLoaded ? await openLoop() : Number.NaN;
  await untilQuiet(agent);
  const small = agent.residentMiB();

  const during = isLoaded ? openLoop() : Promise.resolve(Number.NaN);
  const appliedSeconds = await push(controlPlane, ports.listener, size);
  const p99Ms = { quiet, push: await during };
  await untilQuiet(agent);
  const residentMiB = { small, large: agent.residentMiB() };
  const changeMs = await changeOne(controlPlane, ports.listener, size);
  process.stdout.write(
    `${mode}, ${size.endpointsPerCluster} endpoints a cluster: applied in ${appliedSeconds.toFixed(2)} s, one changed in ` +
      `${changeMs.toFixed(1)} ms, ${residentMiB.large.toFixed(0)} MiB\n`,
  );
  await agent.stop();
  await controlPlane.stop();
  return { appliedSeconds, changeMs, p99Ms, residentMiB };
}

/** On both cores: what its control thread does is not to wait for its data plane. */
function startAgent(xdsPort: number, mode: XdsMode): Pinned {
  const entry = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
  const args = ['run', '--admin-port', '0', '--log-level', 'warn', '--xds-mode', mode];
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${xdsPort}`, channel_creds: [{ type: 'insecure' }] }],
    node: { id: 'bench' },
  };
  return spawnPinned(`${PROXY_CORE},${LOAD_CORE}`, [process.execPath, entry, ...args], {
    GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
  });
}

/**
 * Answers seconds, until a call reaches the last cluster: routes are swapped whole, and not before all clusters that they
 * name are there with their endpoints.
 */
async function push(controlPlane: GoServer, port: number, { clusters }: ScaleShape): Promise<number> {
  const start = performance.now();
  await controlPlane.commit();
  await untilServed(port, pathOf(clusters - 1));
  return (performance.now() - start) / 1000;
}

/** Some times, an endpoint of the last cluster is replaced by one that nobody has called. Answers ms, the median. */
async function changeOne(controlPlane: GoServer, port: number, size: ScaleShape): Promise<number> {
  const times: number[] = [];
  for (let change = 0; change < changes; change++) {
    const fresh = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(fresh, 'listening');
    const address = fresh.address();
    const freshPort = typeof address === 'object' && address !== null ? address.port : 0;
    const endpoints = [lastEndpoints(size, [...last.slice(1), freshPort])];
    await controlPlane.stageChange({ version: `with-${change}`, endpoints });
    const stopCalls = callSteadily(port, pathOf(size.clusters - 1));
    // Calls are on their way, and the agent's caches are warm.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const called = once(fresh, 'connection');
    const start = performance.now();
    await controlPlane.commit();
    await called;
    times.push(performance.now() - start);
    stopCalls();
    await controlPlane.stageChange({ version: `without-${change}`, endpoints: [lastEndpoints(size, last)] });
    await controlPlane.commit();
    fresh.close();
  }
  return median(times);
}
