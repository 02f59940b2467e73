// Unmodified programs in pods with an agent each, their connections redirected by the kernel at both ends.
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { LoadClient } from '../support/load-clients.ts';
import { type Namespace, whyNoNamespaces } from './namespaces.ts';
import { addressesOf, PodMesh, type PodName, type Service, services } from './pod-mesh.ts';

const reason = whyNoNamespaces();
const inNamespaces = reason === null ? test.serial : test.serial.skip;
if (reason !== null) test.serial(`pods are not tried: ${reason}`, (t) => t.pass());

const TALKERS = fileURLToPath(new URL('talkers.ts', import.meta.url));
const CALLS = 100;

/** Clients of every stack, each calling by an address that nobody has; all calls of all of them. */
async function callAll(
  t: ExecutionContext,
  mesh: PodMesh,
  service: Service,
  addresses: readonly string[],
): Promise<number> {
  const target = { addresses, authority: service };
  const { prefix } = mesh.pod('caller');
  const clients = [
    LoadClient.ofGrpcJs(target, prefix),
    LoadClient.onGrpcGo(target, prefix),
    LoadClient.onCCore(target, prefix),
  ].filter((client) => client !== null);
  await Promise.all(
    clients.map(async (client) => {
      await client.reached(CALLS, ['first', 'second']);
      t.is(await client.end(), '', `${client.stack} to ${service}`);
    }),
  );
  return clients.reduce((sum, { calls }) => sum + calls, 0);
}

inNamespaces('calls of every stack to every stack go through both agents, balanced and in one trace', async (t) => {
  const mesh = await PodMesh.start(t);
  const pods: readonly PodName[] = ['first', 'second'];
  await Promise.all([
    ...(['caller', ...pods] as const).map((pod) => mesh.startAgent(pod)),
    ...pods.flatMap((pod) => services.map((service) => mesh.startApp(pod, service))),
  ]);
  let calls = 0;
  for (const service of services) {
    calls += await callAll(t, mesh, service, ['10.1.2.3:80']);
    calls += await callAll(t, mesh, service, ['[fd00::9]:443']);
  }
  t.log(`${calls} calls of three stacks to ${services.join(', ')}`);

  const spans = await mesh.spans(2 * calls);
  const out = new Map(spans.filter(({ kind }) => kind === 'CLIENT').map((span) => [span.spanId, span]));
  const into = spans.filter(({ kind }) => kind === 'SERVER');
  t.is(out.size, calls, 'each call passes the agent of its caller once');
  t.is(into.length, calls, 'and one other agent once');
  t.true(into.every(({ parentSpanId, traceId }) => out.get(parentSpanId)?.traceId === traceId));
  t.true([...out.values()].every(({ service }) => service === 'caller'));
  const shares = pods.map((pod) => into.filter(({ service }) => service === pod).length);
  t.is(shares[0]! + shares[1]!, calls);
  // Clusters begin their turns at random, and each of the services has one.
  t.true(Math.abs(shares[0]! - shares[1]!) <= 2 * services.length, `${shares}`);
  for (const pod of ['caller', ...pods] as const) t.deepEqual(passed(mesh, pod), { inbound: 0, outbound: 0 }, pod);
});

inNamespaces(
  'bytes go through both agents; what stays in a pod, is excluded or the agent’s own goes past them',
  async (t) => {
    const mesh = await PodMesh.start(t, {
      caller: ['--exclude-outbound-ports', '9997'],
      first: ['--exclude-inbound-ports', '15020,9998'],
    });
    const [caller, first] = [mesh.pod('caller'), mesh.pod('first')];
    const { ipv4, ipv6 } = addressesOf('first');
    await Promise.all([
      ...(['caller', 'first', 'second'] as const).map((pod) => mesh.startAgent(pod)),
      first.start('ready', TALKERS, ['http-serve', `${ipv4}:8080`]),
      first.start('ready', TALKERS, ['http-serve', '127.0.0.1:8081']),
      first.start('ready', TALKERS, ['upper-serve', `[${ipv6}]:7100`]),
      first.listen('127.0.0.1:7001=localhost', `${ipv6}:7001=pod`),
      first.start('ready', TALKERS, ['peer-serve', '[::]:9998']),
      first.start('ready', TALKERS, ['peer-serve', '[::]:9997']),
      mesh.startApp('first', 'js'),
      mesh.startApp('second', 'js'),
    ]);
    t.is(talk(caller, 'http-get', `http://${ipv4}:8080/`), 'GET /', 'the address that was meant');
    t.is(talk(caller, 'http-get', `http://${ipv4}:8081/`), 'GET /', 'the application listens on localhost only');
    t.is(talk(caller, 'upper', `[${ipv6}]:7100`, 'half closed'), 'HALF CLOSED');
    t.is(caller.ask(ipv4, 7001, 1000), 'localhost', 'the server speaks first');
    t.is(caller.ask(ipv6, 7001, 1000), 'pod', 'the server speaks first');
    t.deepEqual(passed(mesh, 'caller'), { inbound: 0, outbound: 5 });
    t.deepEqual(passed(mesh, 'first'), { inbound: 5, outbound: 0 });

    t.is(
      talk(caller, 'upper', `${ipv4}:9997`, 'hello'),
      ipv4,
      'excluded by the caller: the agent of the application calls it',
    );
    t.deepEqual([passed(mesh, 'caller').outbound, passed(mesh, 'first').inbound], [5, 6]);
    const { ipv4: second } = addressesOf('second');
    t.is(talk(mesh.pod('second'), 'upper', `${ipv4}:9998`, 'hello'), second, 'excluded by the application');
    t.is(talk(mesh.world, 'upper', `${ipv4}:9998`, 'hello'), '10.99.0.2', 'no agent at all');
    t.deepEqual([passed(mesh, 'second').outbound, passed(mesh, 'first').inbound], [1, 6]);

    t.is(talk(first, 'http-get', `http://${ipv4}:8080/`), 'GET /', 'to its own address');
    t.is(talk(first, 'http-get', 'http://127.0.0.1:8081/'), 'GET /', 'on localhost');
    t.is(first.ask('127.0.0.1', 7001, 1000), 'localhost', 'on localhost');
    t.is(first.ask(ipv6, 7001, 1000), 'pod', 'to its own address');
    t.deepEqual(passed(mesh, 'first'), { inbound: 6, outbound: 0 }, 'none of these passes the agent');

    // An application that calls its own service is one of the endpoints.
    const self = LoadClient.ofGrpcJs({ addresses: ['10.1.2.3:80'], authority: 'js' }, first.prefix);
    await self.reached(CALLS, ['first', 'second']);
    t.is(await self.end(), '');
  },
);

/** Connections of bytes by the direction in which they passed a pod's agent; fails where any failed. */
function passed(mesh: PodMesh, pod: PodName): { readonly inbound: number; readonly outbound: number } {
  const lines = mesh.counted(pod, 'outrigger_redirected_connections_total');
  const count = (direction: string, result: string): number => {
    const prefix = `direction="${direction}",result="${result}" `;
    return Number(lines.find((line) => line.startsWith(prefix))?.slice(prefix.length));
  };
  for (const direction of ['inbound', 'outbound']) {
    if (count(direction, 'failed') !== 0) throw new Error(`${pod}: ${lines.join('; ')}`);
  }
  return { inbound: count('inbound', 'passed'), outbound: count('outbound', 'passed') };
}

function talk(from: Namespace, ...args: readonly string[]): string {
  return from.exec(process.execPath, TALKERS, ...args).out.trim();
}
