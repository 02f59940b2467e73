// The processes of a local mesh, real ones: started and waited for, killed from outside, told to end, left alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { parseMeshConfig } from '../../agent/config/mesh-config.ts';
import { type PlannedPart, planParts } from '../../agent/mesh/mesh-parts.ts';
import { findBusyPorts, wantedPorts } from '../../agent/mesh/mesh-ports.ts';
import { MeshProcesses } from '../../agent/mesh/mesh-processes.ts';
import { closed } from '../support/closed.ts';
import { freePorts } from './free-port.ts';

const folder = fileURLToPath(new URL('../..', import.meta.url));

function planOf(text: string): PlannedPart[] {
  const parsed = parseMeshConfig(text);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  return planParts({ mesh: parsed.mesh, configFile: `${folder}mesh.yaml`, controlPlanePort: 1, tracesUrl: null });
}

/** A catalogue on that port, and customers of a shop that is not there. */
function smallMesh(port: number): PlannedPart[] {
  return planOf(`services:
  catalogue:
    run: node examples/shop/catalogue.ts --listen {app} --name {name} --version {version}
    instances:
      catalogue-1: { version: v7, app: "127.0.0.1:${port}" }
clients:
  traffic: { run: node examples/shop/traffic.ts --shop 127.0.0.1:1 }
`);
}

class Watched {
  readonly lines: string[] = [];
  readonly processes: MeshProcesses;
  #wake: () => void = () => {};

  constructor(t: ExecutionContext) {
    this.processes = new MeshProcesses((line) => {
      this.lines.push(line);
      this.#wake();
    }, false);
    t.teardown(() => this.processes.end());
  }

  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  pidOf(name: string): number | null {
    return this.processes.list().find((part) => part.name === name)?.pid ?? null;
  }
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  // A socket that nobody reads never hears of its end.
  socket.resume();
  return socket;
}

test('the parts are up when start resolves, and gone within two seconds of being told to end', async (t) => {
  const [port = 0] = await freePorts(1);
  const { processes } = new Watched(t);
  await processes.start(smallMesh(port));
  t.deepEqual(
    processes.list().map(({ name, pid }) => [name, typeof pid]),
    [
      ['catalogue-1', 'number'],
      ['traffic', 'number'],
    ],
  );
  const connection = await connectTo(port);
  const started = performance.now();
  await Promise.all([processes.end(), closed(connection)]);
  t.true(performance.now() - started < 2_000);
  t.deepEqual(
    processes.list().map(({ pid }) => pid),
    [null, null],
  );
  t.deepEqual(await findBusyPorts([{ address: { host: '127.0.0.1', port }, owner: 'catalogue-1' }]), []);
});

test('a part that is killed is reported with the way to start it again, and nothing restarts it', async (t) => {
  const [port = 0] = await freePorts(1);
  const mesh = new Watched(t);
  await mesh.processes.start(smallMesh(port));
  process.kill(mesh.pidOf('catalogue-1') ?? Number.NaN, 'SIGKILL');
  await mesh.line(/^catalogue-1 has ended: SIGKILL\. It is not started again\.$/);
  const command = `node examples/shop/catalogue.ts --listen 127.0.0.1:${port} --name catalogue-1 --version v7`;
  t.true(mesh.lines.includes(`To start it again yourself: ${command}`));
  t.is(mesh.pidOf('catalogue-1'), null);
  t.not(mesh.pidOf('traffic'), null);
});

test('what a part writes stands behind its name, and the log of an agent becomes a sentence', async (t) => {
  const [port = 0] = await freePorts(1);
  const mesh = new Watched(t);
  const event = JSON.stringify({ level: 'warn', time: '2026-01-01T00:00:00.000Z', msg: 'the sea is rough', waves: 3 });
  const plan = smallMesh(port).map((part) =>
    part.name === 'traffic' ? { ...part, command: ['node', '-e', `console.error(${JSON.stringify(event)})`] } : part,
  );
  await mesh.processes.start(plan);
  t.regex(await mesh.line(/the sea is rough/), /^traffic \| \d\d:\d\d:\d\d\.\d{3} warn +the sea is rough waves=3$/);
});

test('a part that ends while the mesh starts fails the start, by name, with what it said', async (t) => {
  const mesh = new Watched(t);
  const [broken] = smallMesh(1);
  if (broken === undefined) throw new Error('no part');
  const command = ['node', '-e', 'console.log("no sail"); process.exitCode = 3'];
  await t.throwsAsync(mesh.processes.start([{ ...broken, command }]), {
    message: 'catalogue-1 has ended: exit code 3',
  });
  await mesh.line(/^catalogue-1 \| no sail$/);
});

test('a program that does not exist fails the start with its name', async (t) => {
  const mesh = new Watched(t);
  const [broken] = smallMesh(1);
  if (broken === undefined) throw new Error('no part');
  await t.throwsAsync(mesh.processes.start([{ ...broken, command: ['no-such-program'] }]), {
    message: 'catalogue-1 has ended: spawn no-such-program ENOENT',
  });
});

test('a part that does not listen to SIGTERM is killed', async (t) => {
  const mesh = new Watched(t);
  const [stubborn] = smallMesh(1);
  if (stubborn === undefined) throw new Error('no part');
  const script = 'process.on("SIGTERM", () => {}); console.error("deaf"); setInterval(() => {}, 1e6)';
  await mesh.processes.start([{ ...stubborn, command: ['node', '-e', script], readiness: { kind: 'none' } }]);
  await mesh.line(/deaf/);
  const started = performance.now();
  await mesh.processes.end();
  t.true(performance.now() - started < 2_000);
  t.is(mesh.pidOf('catalogue-1'), null);
});

test('when the mesh itself is killed its parts end too, and leave their ports', async (t) => {
  const [port = 0] = await freePorts(1);
  const script = fileURLToPath(new URL('lonely-mesh.ts', import.meta.url));
  const mesh = spawn(process.execPath, [script, JSON.stringify(smallMesh(port))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => mesh.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: mesh.stdout }), 'line');
  const pids: number[] = JSON.parse(line);
  t.is(pids.length, 2);
  const connection = await connectTo(port);
  mesh.kill('SIGKILL');
  await closed(connection);
  t.deepEqual(await findBusyPorts([{ address: { host: '127.0.0.1', port }, owner: 'catalogue-1' }]), []);
});

test('every port of a mesh is known with its owner, and a taken one is named with both', async (t) => {
  const parsed = parseMeshConfig(`services:
  shop:
    run: node shop.ts
    instances:
      shop-1: { app: 127.0.0.1:50051, agent: shop-agent, inbound: 127.0.0.1:15051 }
agents:
  shop-agent: { outbound: 127.0.0.1:15001, admin: 127.0.0.1:15011 }
`);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  t.deepEqual(
    wantedPorts(parsed.mesh).map(({ address, owner }) => `${address.port} ${owner}`),
    [
      '15001 the outbound listener of shop-agent',
      '15011 the admin server of shop-agent',
      '50051 shop-1',
      '15051 the inbound listener before shop-1',
    ],
  );
  const [port = 0] = await freePorts(1);
  const { processes } = new Watched(t);
  await processes.start(smallMesh(port));
  t.deepEqual(await findBusyPorts([{ address: { host: '127.0.0.1', port }, owner: 'shop-1' }]), [
    `shop-1 wants 127.0.0.1:${port}, but another program has it`,
  ]);
});

test('an agent without an admin address, and a command that names what an instance lacks, are one clear sentence', (t) => {
  t.throws(() => planOf('services: { a: { instances: { x: { app: "h:1" } } } }\nagents: { g: {} }'), {
    message: /^agent g needs an "admin" address in .*mesh\.yaml to be run here$/,
  });
  t.throws(() => planOf('services: { a: { run: "x {outbound}", instances: { x: { app: "h:1" } } } }'), {
    message: 'x: its command names {outbound}, but it has no outbound: x {outbound}',
  });
});
