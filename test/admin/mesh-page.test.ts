// The page of the local mesh: two agents with real admin ports, real counters and real spans, seen through one port.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createAdminServer } from '../../agent/admin/admin-server.ts';
import type { MeshDescription } from '../../agent/admin/mesh-description.ts';
import { createMeshPage } from '../../agent/admin/mesh-page.ts';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import type { ObservedCall } from '../../agent/observe/call-observer.ts';
import type { Log } from '../../agent/observe/log.ts';
import { CallStats } from '../../agent/stats/call-stats.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { StatsRegion } from '../../agent/stats/stats-region.ts';
import { OtlpReceiver } from '../../agent/telemetry/otlp-receiver.ts';
import { createTelemetry } from '../../agent/telemetry/telemetry.ts';
import { attempt, observedCall } from '../stats/observed-call.ts';
import { batchOf, callRecord } from '../telemetry/call-record.ts';
import { parsePrometheus } from './prometheus-parser.ts';

const silent: Log = () => {};

interface TestAgent {
  readonly adminUrl: string;
  ready: boolean;
  count(call: Partial<ObservedCall>): void;
  stop(): Promise<void>;
}

async function startAgent(t: ExecutionContext): Promise<TestAgent> {
  const reader = new StatsReader();
  const buffer = new SharedArrayBuffer(256 * 1024);
  reader.addWorker(0, buffer);
  const stats = new CallStats(new StatsRegion(buffer, (row) => reader.addRow(0, row)));
  const unused = (): never => t.fail() as never;
  const admin = createAdminServer({
    host: '127.0.0.1',
    port: 0,
    log: silent,
    source: {
      ready: () => ({
        ready: agent.ready,
        reasons: agent.ready ? [] : ['listener inbound is not bound yet'],
        notes: [],
      }),
      serverInfo: () => ({ controlPlaneConnected: true }),
      configDump: unused,
      clusters: unused,
      listeners: unused,
      controlPlanes: () => [],
      stats: reader,
      setLogLevel: unused,
      drain: unused,
      quit: unused,
      explain: unused,
    },
  });
  const port = await admin.listen();
  t.teardown(() => admin.close());
  const agent: TestAgent = {
    adminUrl: `http://127.0.0.1:${port}`,
    ready: true,
    count: (parts) => {
      const call = observedCall(parts);
      stats.callStarted(call);
      stats.callRouted(call);
      stats.callEnded(call);
    },
    stop: () => admin.close(),
  };
  return agent;
}

const description: MeshDescription = {
  agents: [
    { name: 'shop-agent', nodeId: 'shop-node', services: ['shop'], configVersion: 'abc' },
    { name: 'catalogue-agent', nodeId: 'catalogue-node', services: ['catalogue'], configVersion: 'abc' },
  ],
  services: [
    { name: 'shop', instances: [{ name: 'shop-1', address: '127.0.0.1:50051', version: '', up: true, pid: 11 }] },
    {
      name: 'catalogue',
      instances: [
        { name: 'catalogue-1', address: '127.0.0.1:50061', version: 'v1', up: true, pid: 12 },
        { name: 'catalogue-2', address: '127.0.0.1:50062', version: 'v2', up: false, pid: null },
      ],
    },
  ],
  config: {
    file: 'mesh.yaml',
    version: 'abc',
    changedAtMs: 1,
    splits: [
      {
        service: 'catalogue',
        shares: [
          { version: 'v1', weight: 90 },
          { version: 'v2', weight: 10 },
        ],
      },
    ],
    problems: [{ line: 3, column: 5, message: 'no such service' }],
  },
};

async function startMesh(t: ExecutionContext) {
  const shop = await startAgent(t);
  const catalogue = await startAgent(t);
  const receiver = new OtlpReceiver({ log: silent });
  const { httpPort } = await receiver.listen();
  t.teardown(() => receiver.close());
  const staticDir = await mkdtemp(join(tmpdir(), 'outrigger-page-'));
  t.teardown(() => rm(staticDir, { recursive: true }));
  const page = createMeshPage({
    agents: [
      { name: 'shop-agent', adminUrl: shop.adminUrl },
      { name: 'catalogue-agent', adminUrl: catalogue.adminUrl },
    ],
    receiver,
    describe: () => description,
    staticDir,
    host: '127.0.0.1',
    port: 0,
    log: silent,
    intervalMs: 25,
  });
  const url = `http://127.0.0.1:${await page.listen()}`;
  t.teardown(() => page.close());
  return { shop, catalogue, page, url, staticDir, tracesUrl: `http://127.0.0.1:${httpPort}` };
}

/** The first snapshot of the stream that `isIt`. */
function nextSnapshot(url: string, isIt: (snapshot: MeshSnapshot) => boolean): Promise<MeshSnapshot> {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/api/events`, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        for (const event of events) {
          const snapshot: MeshSnapshot = JSON.parse(event.replace(/^data: /, ''));
          if (!isIt(snapshot)) continue;
          request.destroy();
          resolve(snapshot);
          return;
        }
      });
      response.on('end', () => reject(new Error('the stream of events ended')));
    });
    request.on('error', reject);
  });
}

/** Calls that the instances of a service have taken. */
function callsOf({ services }: MeshSnapshot, name: string): number {
  const endpoints = services.find((service) => service.name === name)?.endpoints ?? [];
  return endpoints.reduce((sum, { callsTotal }) => sum + callsTotal, 0);
}

/** One order of a customer, as both agents count it. */
function countOrder(shop: TestAgent, catalogue: TestAgent, version: 'v1' | 'v2', status = 0): void {
  const app = version === 'v1' ? '127.0.0.1:50061' : '127.0.0.1:50062';
  const order = { method: 'demo.Shop/Order', endedMs: 1020 };
  shop.count({
    ...order,
    direction: 'inbound',
    cluster: 'app/shop-1',
    attempts: [attempt({ endpoint: '127.0.0.1:50051' })],
  });
  shop.count({ cluster: `catalogue/${version}`, status, endedMs: 1010 });
  catalogue.count({ direction: 'inbound', cluster: 'app/x', status, attempts: [attempt({ endpoint: app })] });
}

test('calls become edges, methods, endpoints and history', async (t) => {
  const { shop, catalogue, url } = await startMesh(t);
  // So that there is something to measure from.
  await nextSnapshot(
    url,
    ({ agents, history }) => agents.every(({ reachable }) => reachable) && history.atMs.length > 1,
  );
  for (let i = 0; i < 9; i++) countOrder(shop, catalogue, 'v1');
  countOrder(shop, catalogue, 'v2', 14);
  const snapshot = await nextSnapshot(
    url,
    (snapshot) => callsOf(snapshot, 'shop') === 10 && callsOf(snapshot, 'catalogue') === 10,
  );

  t.deepEqual(
    snapshot.edges.map(({ from, to }) => [from, to]),
    [
      ['traffic', 'shop'],
      ['shop', 'catalogue'],
    ],
  );
  const [outside, inside] = snapshot.edges;
  t.true((outside?.callsPerSecond ?? 0) > 0);
  t.is(outside?.errorRate, 0);
  t.is(inside?.errorRate.toFixed(3), '0.100');
  // 10 ms is the upper bound of its bucket, from 8 ms on (gRFC A66).
  t.true((inside?.p50Ms ?? 0) > 8 && (inside?.p50Ms ?? 0) <= 10);

  t.deepEqual(
    snapshot.methods.map(({ service, method }) => [service, method]),
    [
      ['catalogue', 'demo.Catalogue/GetProduct'],
      ['shop', 'demo.Shop/Order'],
    ],
  );
  t.true((snapshot.methods[0]?.errorsPerSecond ?? 0) > 0);
  t.deepEqual(
    snapshot.services.map(({ name, endpoints }) => [
      name,
      ...endpoints.map(({ name, callsTotal }) => `${name} ${callsTotal}`),
    ]),
    [
      ['shop', 'shop-1 10'],
      ['catalogue', 'catalogue-1 9', 'catalogue-2 1'],
    ],
  );
  t.like(snapshot.services[1]?.endpoints[1], { version: 'v2', up: false, pid: null });
  t.true((snapshot.services[1]?.endpoints[0]?.callsPerSecond ?? 0) > 0);

  const { history } = snapshot;
  t.deepEqual(
    history.methods.map(({ method }) => method),
    ['demo.Catalogue/GetProduct', 'demo.Shop/Order'],
  );
  for (const method of history.methods) {
    t.is(method.callsPerSecond.length, history.atMs.length);
    t.is(method.callsPerSecond[0], null);
    t.true((method.callsPerSecond.at(-1) ?? 0) > 0);
  }
  t.deepEqual(snapshot.config, description.config);
});

test('agents are shown with their state, and one that is gone keeps what was known', async (t) => {
  const { shop, catalogue, url } = await startMesh(t);
  const both = await nextSnapshot(url, ({ agents }) => agents.every(({ ready }) => ready));
  t.deepEqual(both.agents[0], {
    name: 'shop-agent',
    services: ['shop'],
    nodeId: 'shop-node',
    reachable: true,
    ready: true,
    controlPlaneConnected: true,
    configVersion: 'abc',
  });
  countOrder(shop, catalogue, 'v1');
  await nextSnapshot(url, (snapshot) => callsOf(snapshot, 'shop') === 1 && callsOf(snapshot, 'catalogue') === 1);
  await catalogue.stop();
  const after = await nextSnapshot(url, ({ agents }) => agents[1]?.reachable === false);
  t.like(after.agents[1], { ready: false, controlPlaneConnected: true });
  t.is(after.services[1]?.endpoints[0]?.callsTotal, 1);
  t.true(after.agents[0]?.reachable);
});

test('spans of both agents become one trace, rightly nested', async (t) => {
  const { url, tracesUrl } = await startMesh(t);
  const send = async (serviceName: string, parts: Parameters<typeof callRecord>[0][]) => {
    const telemetry = createTelemetry({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: tracesUrl }, serviceName, log: silent });
    telemetry.onCalls(batchOf(...parts.map(callRecord)), 0);
    await telemetry.shutdown();
  };
  await send('catalogue-agent', [
    { spanId: '3000000000000003', parentSpanId: '2000000000000002', direction: 'inbound', startMs: 1_790_000_000_003 },
  ]);
  await send('shop-agent', [
    { spanId: '1000000000000001', direction: 'inbound', method: 'demo.Shop/Order' },
    { spanId: '2000000000000002', parentSpanId: '1000000000000001', startMs: 1_790_000_000_002 },
  ]);
  const { traces } = await nextSnapshot(url, (snapshot) => snapshot.traces.length > 0);
  t.is(traces.length, 1);
  t.like(traces[0], { rootName: 'demo.Shop/Order', durationMs: 10.5 });
  t.deepEqual(Object.keys(traces[0] ?? {}).sort(), ['durationMs', 'rootName', 'spans', 'startMs', 'traceId']);
  t.deepEqual(
    traces[0]?.spans.map(({ service, kind, parentSpanId }) => [service, kind, parentSpanId]),
    [
      ['shop-agent', 'SERVER', ''],
      ['shop-agent', 'CLIENT', '1000000000000001'],
      ['catalogue-agent', 'SERVER', '2000000000000002'],
    ],
  );
});

test('/stats/prometheus has the metrics of all agents by the label agent, and /ready the reasons of each', async (t) => {
  const { shop, catalogue, url } = await startMesh(t);
  countOrder(shop, catalogue, 'v1');
  await nextSnapshot(url, (snapshot) => callsOf(snapshot, 'shop') === 1 && callsOf(snapshot, 'catalogue') === 1);
  const families = parsePrometheus(await (await fetch(`${url}/stats/prometheus`)).text());
  t.deepEqual(
    families
      .get('grpc_server_call_started_total')
      ?.samples.map(({ labels }) => [labels['agent'], labels['grpc_method']]),
    [
      ['shop-agent', 'demo.Shop/Order'],
      ['catalogue-agent', 'demo.Catalogue/GetProduct'],
    ],
  );
  t.is((await fetch(`${url}/ready`)).status, 200);
  catalogue.ready = false;
  await shop.stop();
  const unready = await fetch(`${url}/ready`);
  t.is(unready.status, 503);
  t.is(
    await unready.text(),
    'not ready\nshop-agent: its admin port does not answer\ncatalogue-agent: listener inbound is not bound yet\n',
  );
});

test('the page is served with a policy that lets it load nothing else, and nothing outside of its folder is', async (t) => {
  const { url, staticDir } = await startMesh(t);
  const unbuilt = await fetch(url);
  t.is(unbuilt.status, 503);
  t.regex(await unbuilt.text(), /the page is not built/);
  await writeFile(join(staticDir, 'index.html'), '<!doctype html>');
  await writeFile(join(staticDir, 'app.js'), '1');
  const page = await fetch(url);
  t.is(await page.text(), '<!doctype html>');
  t.regex(page.headers.get('content-security-policy') ?? '', /default-src 'self'/);
  t.is((await fetch(`${url}/app.js`)).headers.get('content-type'), 'text/javascript; charset=utf-8');
  for (const path of ['/..%2f..%2fetc%2fpasswd', '/%2e%2e/x.js', '/missing.js', '/%00.js', '/%ff.js', '/app.js/']) {
    t.is((await fetch(url + path)).status, 404, path);
  }
});
