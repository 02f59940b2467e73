// SIGTERM (design section 12): readiness goes, calls in flight end, new ones go elsewhere, and a
// second SIGTERM ends at once.
import test, { type ExecutionContext } from 'ava';
import type { TrafficDirection } from '../../xds/model/listener.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { LoadClient, portsOf } from '../support/load-clients.ts';
import { plainMesh } from '../support/resources.ts';

async function start(args: readonly string[] = []) {
  const server = await startEchoServer();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('client', plainMesh('echo', 'outbound', [server.port]));
  const agent = await startAgentProcess({ xdsPort, node: 'client', args });
  const client = new EchoClient(await agent.listenerPort('echo'), 'echo');
  return {
    agent,
    client,
    stop: async () => {
      client.close();
      agent.kill('SIGKILL');
      await controlPlane.close();
      await server.stop();
    },
  };
}

test('a call in flight outlives SIGTERM, and the agent ends with 0 behind it', async (t) => {
  const { agent, client, stop } = await start();
  const { call, replies } = await client.openBidi();
  const draining = agent.line(({ msg }) => msg === 'draining');
  agent.kill('SIGTERM');
  await draining;
  t.is((await agent.get('/ready')).status, 503);
  call.write(Buffer.from('during'));
  t.is(String((await replies.next()).value), 'during');
  call.end();
  t.true((await replies.next()).done);
  t.is(await agent.exited, 0);
  t.is((await agent.line(({ msg }) => msg === 'drained'))['callsCut'], 0);
  await stop();
});

test('a call that does not end is cut when the grace is over, and counted', async (t) => {
  const { agent, client, stop } = await start(['--drain-time', '1']);
  await client.openBidi();
  agent.kill('SIGTERM');
  t.is((await agent.line(({ msg }) => msg === 'drained'))['callsCut'], 1);
  t.is(await agent.exited, 0);
  await stop();
});

test('a second SIGTERM ends at once', async (t) => {
  const { agent, client, stop } = await start(['--drain-time', '60']);
  await client.openBidi();
  const draining = agent.line(({ msg }) => msg === 'draining');
  agent.kill('SIGTERM');
  await draining;
  agent.kill('SIGTERM');
  t.is(await agent.exited, 0);
  await stop();
});

test('told to end before it has a configuration, or twice at once, the agent ends with 0', async (t) => {
  for (const times of [1, 2]) {
    const agent = await startAgentProcess({ xdsPort: 1, node: 'client' });
    for (let i = 0; i < times; i++) agent.kill('SIGTERM');
    t.is(await agent.exited, 0);
  }
});

test('without any grace, what is open is cut at once and counted', async (t) => {
  const { agent, client, stop } = await start(['--drain-time', '0']);
  await client.openBidi();
  agent.kill('SIGTERM');
  t.is((await agent.line(({ msg }) => msg === 'drained'))['callsCut'], 1);
  t.is(await agent.exited, 0);
  await stop();
});

const both = ['behind the leaving', 'behind the staying'];

/** Two agents, each before a server of its own that is named after it, and whatever else the control plane serves. */
async function startPair(t: ExecutionContext, direction: TrafficDirection) {
  const servers = await Promise.all(both.map((name) => startEchoServer(name)));
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  const nodes = ['leaving', 'staying'];
  for (const [i, node] of nodes.entries()) {
    controlPlane.setSnapshot(node, plainMesh('echo', direction, [servers[i]!.port]));
  }
  const agents: AgentProcess[] = [];
  t.teardown(async () => {
    for (const agent of agents) agent.kill('SIGKILL');
    await controlPlane.close();
    await Promise.all(servers.map((server) => server.stop()));
  });
  const start = async (node: string): Promise<AgentProcess> => {
    const agent = await startAgentProcess({ xdsPort, node });
    agents.push(agent);
    return agent;
  };
  const [leaving] = await Promise.all(nodes.map(start));
  return {
    controlPlane,
    start,
    leaving: leaving!,
    ports: await Promise.all(agents.map((a) => a.listenerPort('echo'))),
  };
}

/** SIGTERM for that agent amid thousands of calls to both. */
async function leaveUnderLoad(t: ExecutionContext, leaving: AgentProcess, ports: readonly number[]): Promise<void> {
  const wanted = 1000;
  const target = portsOf(ports);
  const others = [LoadClient.onGrpcGo(target), LoadClient.onCCore(target)].filter((client) => client !== null);
  const clients = [LoadClient.onGrpcJs(target), ...others];
  t.teardown(() => Promise.all(clients.map((client) => client.end())));
  t.log(`clients on ${clients.map(({ stack }) => stack).join(', ')}`);
  await Promise.all(clients.map((client) => client.reached(wanted, both)));
  leaving.kill('SIGTERM');
  t.is(await leaving.exited, 0);
  t.is((await leaving.line(({ msg }) => msg === 'drained'))['callsCut'], 0);
  await Promise.all(clients.map((client) => client.reached(client.calls + wanted, ['behind the staying'])));
  for (const client of clients) t.is(await client.end(), '', client.stack);
}

test.serial(
  '(99) SIGTERM under load fails no unary call of clients on grpc-js, grpc-go and C-core that have somewhere to reconnect to',
  async (t) => {
    t.timeout(60_000);
    const { leaving, ports } = await startPair(t, 'outbound');
    await leaveUnderLoad(t, leaving, ports);
  },
);

test.serial(
  '(99) SIGTERM under load for an agent before an endpoint fails no call that comes through another agent',
  async (t) => {
    t.timeout(60_000);
    const { controlPlane, start, leaving, ports } = await startPair(t, 'inbound');
    controlPlane.setSnapshot('client', plainMesh('echo', 'outbound', ports));
    const client = await start('client');
    await leaveUnderLoad(t, leaving, [await client.listenerPort('echo')]);
  },
);
