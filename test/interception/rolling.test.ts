// Agents and applications that are replaced one after the other, under load, with every connection redirected: no call
// fails. Clients wait for a connection where there is none, as those do that are meant to outlive their sidecar.
import test, { type ExecutionContext } from 'ava';
import { LoadClient } from '../support/load-clients.ts';
import { type Program, whyNoNamespaces } from './namespaces.ts';
import { PodMesh, type PodName, type Service, services } from './pod-mesh.ts';

const reason = whyNoNamespaces();
const inNamespaces = reason === null ? test.serial : test.serial.skip;
if (reason !== null) test.serial(`rolling restarts are not tried: ${reason}`, (t) => t.pass());

const SERVERS = ['first', 'second'] as const;
const MORE_CALLS = 100;
const stacks = services.filter((service) => service !== 'core');

/** Each calls the service of the other stack, where there are both. */
function startClients(mesh: PodMesh): LoadClient[] {
  const { prefix } = mesh.pod('caller');
  const to = (service: Service) => ({ addresses: ['10.1.2.3:80'], authority: service, waitForReady: true });
  const clients = [LoadClient.ofGrpcJs(to(stacks.at(-1)!), prefix), LoadClient.onGrpcGo(to('js'), prefix)];
  return clients.filter((client) => client !== null);
}

/** Resolves when every client has made calls from now on that were answered by these pods, and by no other. */
async function answeredBy(clients: readonly LoadClient[], pods: readonly PodName[]): Promise<void> {
  await Promise.all(clients.map((client) => client.reached(client.calls + MORE_CALLS, pods)));
}

async function endAgent(t: ExecutionContext, agent: Program): Promise<void> {
  t.is(await agent.end('SIGTERM'), 0);
  const drained = agent.lines.find((line) => line.includes('"msg":"drained"'));
  t.true(drained?.includes('"callsCut":0'), drained ?? agent.lines.join('\n'));
}

inNamespaces('agents and applications are replaced one after the other, and no call fails', async (t) => {
  const mesh = await PodMesh.start(t);
  const startApps = (pod: PodName): Promise<Program[]> =>
    Promise.all(stacks.map((service) => mesh.startApp(pod, service)));
  const [caller, first] = await Promise.all(
    [...(['caller', 'first', 'second'] as const)].map((pod) => mesh.startAgent(pod)),
  );
  const [, apps] = await Promise.all(SERVERS.map(startApps));
  const clients = startClients(mesh);
  await answeredBy(clients, SERVERS);

  // The kubelet finds the agent not ready, and the control plane takes the pod out.
  const draining = first!.line((line) => line.includes('"msg":"draining"'));
  const left = endAgent(t, first!);
  await draining;
  await mesh.serve(['second']);
  await left;
  await answeredBy(clients, ['second']);
  await mesh.startAgent('first');
  await mesh.serve(SERVERS);
  await answeredBy(clients, SERVERS);

  await endAgent(t, caller!);
  await mesh.startAgent('caller');
  await answeredBy(clients, SERVERS);

  // The control plane takes the pod out before its applications end.
  await mesh.serve(['first']);
  await answeredBy(clients, ['first']);
  for (const app of apps!) t.is(await app.end('SIGTERM'), 0);
  await startApps('second');
  await mesh.serve(SERVERS);
  await answeredBy(clients, SERVERS);

  for (const client of clients) t.is(await client.end(), '', client.stack);
  t.log(clients.map(({ stack, calls }) => `${calls} calls on ${stack}`).join(', '));
});
