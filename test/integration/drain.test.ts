// SIGTERM (design section 12): readiness goes, calls in flight end, new ones go elsewhere, and a
// second SIGTERM ends at once.
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { LoadClient } from '../support/load-clients.ts';
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
  const call = client.bidi();
  const replies = call[Symbol.asyncIterator]();
  call.write(Buffer.from('before'));
  t.is(String((await replies.next()).value), 'before');
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
  const call = client.bidi();
  call.on('error', () => {});
  const replies = call[Symbol.asyncIterator]();
  call.write(Buffer.from('before'));
  await replies.next();
  agent.kill('SIGTERM');
  t.is((await agent.line(({ msg }) => msg === 'drained'))['callsCut'], 1);
  t.is(await agent.exited, 0);
  await stop();
});

test('a second SIGTERM ends at once', async (t) => {
  const { agent, client, stop } = await start(['--drain-time', '60']);
  const call = client.bidi();
  call.on('error', () => {});
  const replies = call[Symbol.asyncIterator]();
  call.write(Buffer.from('before'));
  await replies.next();
  const draining = agent.line(({ msg }) => msg === 'draining');
  agent.kill('SIGTERM');
  await draining;
  agent.kill('SIGTERM');
  t.is(await agent.exited, 0);
  await stop();
});

test('(99) SIGTERM under load fails no unary call of clients on grpc-js, grpc-go and C-core that have somewhere to reconnect to', async (t) => {
  t.timeout(60_000);
  const servers = await Promise.all(['behind the leaving', 'behind the staying'].map((name) => startEchoServer(name)));
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  const nodes = ['leaving', 'staying'];
  for (const [i, node] of nodes.entries()) {
    controlPlane.setSnapshot(node, plainMesh('echo', 'outbound', [servers[i]!.port]));
  }
  const agents = await Promise.all(nodes.map((node) => startAgentProcess({ xdsPort, node })));
  t.teardown(async () => {
    for (const agent of agents) agent.kill('SIGKILL');
    await controlPlane.close();
    await Promise.all(servers.map((server) => server.stop()));
  });
  const [leaving] = agents;
  const ports = await Promise.all(agents.map((agent) => agent.listenerPort('echo')));
  const others = [LoadClient.onGrpcGo(ports), LoadClient.onCCore(ports)].filter((client) => client !== null);
  const clients = [LoadClient.onGrpcJs(ports), ...others];
  t.teardown(() => Promise.all(clients.map((client) => client.end())));
  t.log(`clients on ${clients.map(({ stack }) => stack).join(', ')}`);
  const wanted = 1000;
  const both = ['behind the leaving', 'behind the staying'];
  await Promise.all(clients.map((client) => client.reached(wanted, both)));
  leaving!.kill('SIGTERM');
  t.is(await leaving!.exited, 0);
  t.is((await leaving!.line(({ msg }) => msg === 'drained'))['callsCut'], 0);
  await Promise.all(clients.map((client) => client.reached(client.calls + wanted, ['behind the staying'])));
  for (const client of clients) t.is(await client.end(), '', client.stack);
});
