// TPROXY: an agent without any privilege takes connections at a transparent socket that it was started with, and knows by
// their local address where they were meant to go (sidecars.md section 3d, case 5).
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createPod, type Namespace, whyNoNamespaces } from './namespaces.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
const TALKERS = fileURLToPath(new URL('talkers.ts', import.meta.url));

const MESH = `
services:
  near: { instances: { near-1: { app: "127.0.0.1:50051", agent: pod, inbound: "10.99.0.1:15006" } } }
agents:
  pod: {}
`;

const BOOTSTRAP = {
  xds_servers: [{ server_uri: '10.99.0.2:18000', channel_creds: [{ type: 'insecure' }] }],
  node: { id: 'pod' },
};

/** Opens [::]:15006 with IP_TRANSPARENT (19) and IPV6_TRANSPARENT (75) as descriptor 3, and becomes what follows. */
const LAUNCHER = `
import os, socket, sys
opened = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
opened.setsockopt(socket.SOL_IP, 19, 1)
opened.setsockopt(socket.IPPROTO_IPV6, 75, 1)
opened.bind(("::", 15006))
opened.listen(128)
os.dup2(opened.fileno(), 10, inheritable=False)
os.dup2(10, 3)
os.execvp(sys.argv[1], sys.argv[1:])
`;

const reason =
  whyNoNamespaces() ??
  (spawnSync('python3', ['--version']).status === 0 ? null : 'there is no Python to open a socket');
const inNamespaces = reason === null ? test.serial : test.serial.skip;
if (reason !== null) test.serial(`TPROXY is not tried: ${reason}`, (t) => t.pass());

const talk = (from: Namespace, ...args: readonly string[]): string =>
  from.exec(process.execPath, TALKERS, ...args).out.trim();

inNamespaces('connections at an inherited transparent socket go where they were meant to', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-tproxy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const mesh = join(folder, 'mesh.yaml');
  await writeFile(mesh, MESH);
  const { pod, world } = createPod(t);
  t.is(pod.outrigger('iptables', '--apply').status, 0);
  t.is(pod.outrigger('iptables', '--apply', '--mode', 'tproxy').status, 0);
  await world.start('18000', PROGRAM, ['control-plane', '-c', mesh, '--host', '10.99.0.2', '--port', '18000']);
  const flags = ['--interception', 'redirect', '--status-port', '15020', '--inherit-fd', '3', '--concurrency', '2'];
  const agent = pod.run([process.execPath, PROGRAM, 'run', ...flags], {
    uid: 15_015,
    launcher: ['python3', '-c', LAUNCHER],
    env: { GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(BOOTSTRAP) },
  });
  await Promise.all([
    agent.line((line) => line.includes('listener bound') && line.includes('15006')),
    pod.start('ready', TALKERS, ['serve', '127.0.0.1:50051', 'near']),
    pod.start('ready', TALKERS, ['http-serve', '10.99.0.1:8080']),
    pod.start('ready', TALKERS, ['http-serve', '127.0.0.1:8081']),
    pod.listen('fd99::1:7001=pod'),
  ]);
  t.is(talk(world, 'call', '10.99.0.1:50051', 'near'), 'near heard hello');
  t.is(talk(world, 'call', '[fd99::1]:50051', 'near'), 'near heard hello');
  t.is(talk(world, 'http-get', 'http://10.99.0.1:8080/in'), 'GET /in', 'the address that was meant');
  t.is(talk(world, 'http-get', 'http://10.99.0.1:8081/in'), 'GET /in', 'the application listens on localhost only');
  t.is(world.ask('fd99::1', 7001, 0), 'pod', 'the server speaks first');
  t.is(world.ask('10.99.0.1', 15_000, 0), 'ECONNRESET', 'the agent itself is no destination');
  t.regex(
    talk(world, 'http-get', 'http://10.99.0.1:15020/metrics'),
    /outrigger_redirected_connections_total\{direction="inbound",result="passed"\} 3$/m,
  );
  t.like(pod.outrigger('iptables', '--verify', '--mode', 'tproxy'), { status: 0 });
  t.is(pod.outrigger('iptables', '--cleanup').status, 0);
  t.false(pod.exec('iptables-save').out.includes('OUTRIGGER'));
});
