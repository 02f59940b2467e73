// An agent in a pod whose connections are redirected to it: unmodified programs on both sides (sidecars.md sections 3d and
// 5, complaints 19 and 25).
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createPod, type Namespace, whyNoNamespaces } from './namespaces.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
const TALKERS = fileURLToPath(new URL('talkers.ts', import.meta.url));

/** The instance of `far` has no agent; what is at its inbound address is the server itself. */
const MESH = `
services:
  near: { instances: { near-1: { app: "127.0.0.1:50051", agent: pod, inbound: "10.99.0.1:15006" } } }
  far: { instances: { far-1: { app: "127.0.0.1:1", agent: elsewhere, inbound: "10.99.0.2:50052" } } }
agents:
  pod: { outbound: "[::]:15001" }
  elsewhere: {}
`;

const BOOTSTRAP = {
  xds_servers: [{ server_uri: '10.99.0.2:18000', channel_creds: [{ type: 'insecure' }] }],
  node: { id: 'pod' },
};

async function startMesh(t: ExecutionContext): Promise<{ readonly pod: Namespace; readonly world: Namespace }> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-pod-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const mesh = join(folder, 'mesh.yaml');
  await writeFile(mesh, MESH);
  const { pod, world } = createPod(t);
  t.is(pod.outrigger('iptables', '--apply').status, 0);
  await world.start('18000', PROGRAM, ['control-plane', '-c', mesh, '--host', '10.99.0.2', '--port', '18000']);
  await Promise.all([
    world.start('ready', TALKERS, ['serve', '10.99.0.2:50052', 'far']),
    world.start('ready', TALKERS, ['http-serve', '10.99.0.2:8080']),
    world.start('ready', TALKERS, ['upper-serve', '10.99.0.2:7100']),
    world.listen('10.99.0.2:7000=world', 'fd99::2:7000=world'),
    pod.start('ready', TALKERS, ['serve', '127.0.0.1:50051', 'near']),
    pod.start('ready', TALKERS, ['http-serve', '127.0.0.1:8081']),
    pod.listen('127.0.0.1:7001=app'),
    pod.start('listener bound', PROGRAM, ['run', '--interception', 'redirect', '--status-port', '15020'], {
      env: { GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(BOOTSTRAP) },
      uid: 15_015,
    }),
  ]);
  while (pod.exec(process.execPath, PROGRAM, 'status', '--wait', '10').status !== 0);
  return { pod, world };
}

const talk = (from: Namespace, ...args: readonly string[]): string =>
  from.exec(process.execPath, TALKERS, ...args).out.trim();

const reason = whyNoNamespaces();
const inNamespaces = reason === null ? test.serial : test.serial.skip;
if (reason !== null) test.serial(`an agent in a pod is not tried: ${reason}`, (t) => t.pass());

inNamespaces('calls go by their authority and everything else as bytes, both ways', async (t) => {
  const { pod, world } = await startMesh(t);
  t.is(talk(pod, 'call', '10.1.2.3:80', 'far'), 'far heard hello', 'whatever address the client was given');
  t.is(talk(pod, 'call', '[fd00::9]:443', 'far'), 'far heard hello', 'IPv6');
  t.is(talk(world, 'call', '10.99.0.1:50051', 'near'), 'near heard hello', 'the application listens on localhost only');

  t.is(talk(pod, 'http-get', 'http://10.99.0.2:8080/out'), 'GET /out');
  t.is(talk(world, 'http-get', 'http://10.99.0.1:8081/in'), 'GET /in');
  t.is(talk(pod, 'upper', '10.99.0.2:7100', 'half closed'), 'HALF CLOSED');

  t.is(pod.ask('10.99.0.2', 7000, 1000), 'world', 'the server speaks first');
  t.is(pod.ask('fd99::2', 7000, 1000), 'world', 'the server speaks first');
  t.is(world.ask('10.99.0.1', 7001, 0), 'app', 'the server speaks first');
  t.is(world.ask('10.99.0.1', 7002, 0), 'ECONNRESET', 'nobody listens');
  for (const port of [15_000, 15_001]) {
    t.is(world.ask('10.99.0.1', port, 0), 'ECONNRESET', 'the agent itself is no destination');
  }

  const metrics = talk(world, 'http-get', 'http://10.99.0.1:15020/metrics');
  const counted = [...metrics.matchAll(/^outrigger_redirected_connections_total\{(.*)\} (\d+)$/gm)].map(
    ([, labels, count]) => `${labels} ${count}`,
  );
  t.deepEqual(counted.sort(), [
    'direction="inbound",result="failed" 3',
    'direction="inbound",result="passed" 2',
    'direction="outbound",result="failed" 0',
    'direction="outbound",result="passed" 4',
  ]);
});
