// The control plane goes away and comes back, and sends nonsense: calls don't notice (xds.md section 0, point 10).
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { cluster, endpoints, forward, listener, plainMesh, route, routeConfiguration } from '../support/resources.ts';

/** Calls without a pause until told to stop; answers which failed. */
function load(client: EchoClient): { calls: () => number; stop: () => Promise<{ failures: string[] }> } {
  let running = true;
  let calls = 0;
  const failures: string[] = [];
  const caller = async (): Promise<void> => {
    while (running) {
      calls++;
      await client.unary(Buffer.from('x')).catch((error: Error) => failures.push(error.message));
    }
  };
  const callers = Promise.all(Array.from({ length: 8 }, caller));
  return {
    calls: () => calls,
    stop: async () => {
      running = false;
      await callers;
      return { failures };
    },
  };
}

test('the control plane is killed and restarted under load: no call fails, and the next change arrives', async (t) => {
  const [first, second] = await Promise.all([startEchoServer('first'), startEchoServer('second')]);
  const before = createXdsServer({ log: () => {} });
  const xdsPort = await before.listen({ host: '127.0.0.1', port: 0 });
  before.setSnapshot('client', plainMesh('echo', 'outbound', [first.port]));
  const agent = await startAgentProcess({ xdsPort, node: 'client' });
  const client = new EchoClient(await agent.listenerPort('echo'), 'echo');
  await client.unary(Buffer.from('x'));

  const traffic = load(client);
  const disconnected = agent.line(({ msg }) => /xDS stream (failed|was closed)/.test(msg));
  await before.close();
  await disconnected;
  await client.unary(Buffer.from('served without a control plane'));

  const port = (await client.unary(Buffer.from('x'))).headers.get('x-endpoint')[0];
  t.is(port, 'first');
  const after = createXdsServer({ log: () => {} });
  after.setSnapshot('client', [
    { type: 'cluster', value: cluster('echo') },
    { type: 'endpoints', value: endpoints('echo', [second.port]) },
    { type: 'route', value: routeConfiguration('echo-routes', { '*': [route(forward('echo'))] }) },
    { type: 'listener', value: listener('echo', 'outbound', 'echo-routes') },
  ]);
  await after.listen({ host: '127.0.0.1', port: xdsPort });
  // However slow the machine, some load there was.
  for (let endpoint = ''; endpoint !== 'second' || traffic.calls() <= 100; ) {
    endpoint = String((await client.unary(Buffer.from('x'))).headers.get('x-endpoint')[0]);
  }
  const { failures } = await traffic.stop();
  t.deepEqual(failures, []);

  client.close();
  t.is(await agent.stop(), 0);
  await after.close();
  await Promise.all([first.stop(), second.stop()]);
});

test('a bad resource is refused with its field path, the old one serves, and /config_dump shows both', async (t) => {
  const server = await startEchoServer();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  const resources = plainMesh('echo', 'outbound', [server.port]);
  controlPlane.setSnapshot('client', resources);
  const agent = await startAgentProcess({ xdsPort, node: 'client' });
  const client = new EchoClient(await agent.listenerPort('echo'), 'echo');
  await client.unary(Buffer.from('x'));

  const rejected = agent.line(({ msg }) => msg.startsWith('rejected an xDS response'));
  const bad = routeConfiguration('echo-routes', { '*': [route(forward('echo'), { kind: 'regex', value: '/(' })] });
  controlPlane.setSnapshot(
    'client',
    resources.map((resource) => (resource.type === 'route' ? { type: 'route', value: bad } : resource)),
  );
  const line = JSON.stringify(await rejected);
  t.regex(line, /virtual_hosts\[0\]\.routes\[0\]\.match\.safe_regex/);

  t.is((await client.unary(Buffer.from('still'))).reply.toString(), 'still');
  const { text } = await agent.get('/config_dump');
  t.regex(text, /virtual_hosts\[0\]\.routes\[0\]\.match\.safe_regex/, 'the refused version with its error');
  t.regex(text, /"kind": ?"prefix"/, 'the version that serves');
  const nacked = controlPlane.clients().find(({ node }) => node === 'client');
  t.regex(JSON.stringify(nacked), /safe_regex/, 'the control plane was told');

  client.close();
  await agent.stop();
  await controlPlane.close();
  await server.stop();
});
