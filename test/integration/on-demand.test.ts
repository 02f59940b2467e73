// A control plane that is asked by name (proxyless style): the agent's outbound listener asks for what a call's authority
// names, when a call first names it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { Resource } from '../../xds/model/resource.ts';
import { createXdsServer, type XdsServer } from '../../xds/server/xds-server.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';

const outbound = 'outbound (on demand)';

/** A target by its name, a route and a cluster of its own. */
function target(name: string, ports: readonly number[], clusterName = `${name}-cluster`): Resource[] {
  const { http } = listener(name, 'outbound', `${name}-routes`).filterChains[0]!;
  const nowhere = { host: '', port: 0 };
  const api = { ...listener(name, 'outbound', ''), address: nowhere, filterChains: [], api: http };
  return [
    { type: 'cluster', value: cluster(clusterName) },
    { type: 'endpoints', value: endpoints(clusterName, ports) },
    { type: 'route', value: routeConfiguration(`${name}-routes`, { [name]: [route(forward(clusterName))] }) },
    { type: 'listener', value: api },
  ];
}

async function start(
  t: ExecutionContext,
  mode: 'sotw' | 'delta',
  resources: readonly Resource[],
  args: readonly string[] = [],
): Promise<{
  readonly controlPlane: XdsServer;
  readonly xdsPort: number;
  readonly agent: AgentProcess;
  readonly port: number;
}> {
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('client', resources);
  const agent = await startAgentProcess({
    xdsPort,
    node: 'client',
    args: ['--outbound-port', '0', '--xds-mode', mode, ...args],
  });
  t.teardown(async () => {
    await agent.stop();
    await controlPlane.close();
  });
  return { controlPlane, xdsPort, agent, port: await agent.listenerPort(outbound) };
}

for (const mode of ['sotw', 'delta'] as const) {
  test(`in ${mode} the first calls of an authority wait for what it names, and nothing else is asked for`, async (t) => {
    const [first, second] = await Promise.all([startEchoServer('first'), startEchoServer('second')]);
    const { controlPlane, agent, port } = await start(t, mode, [
      ...target('shop:80', [first.port]),
      ...target('other:80', [second.port]),
    ]);
    t.is((await agent.get('/ready')).status, 200);
    const shop = new EchoClient(port, 'shop:80');
    const replies = await Promise.all(Array.from({ length: 20 }, () => shop.unary(Buffer.from('x'))));
    t.true(replies.every(({ headers }) => headers.get('x-endpoint')[0] === 'first'));
    const { text } = await agent.get('/config_dump');
    t.regex(text, /shop:80-cluster/);
    t.notRegex(text, /other:80/);
    t.regex((await agent.get('/stats/prometheus')).text, /outrigger_on_demand_listeners\S* 1/);

    // A change of what is followed arrives: a new cluster, named by the same routes.
    controlPlane.setSnapshot('client', target('shop:80', [second.port], 'moved'));
    let endpoint = 'first';
    while (endpoint === 'first') {
      endpoint = String((await shop.unary(Buffer.from('x'))).headers.get('x-endpoint')[0]);
    }
    t.is(endpoint, 'second');
    shop.close();
    await Promise.all([first.stop(), second.stop()]);
  });
}

test('an authority that names no listener is UNAVAILABLE and says so, until there is one', async (t) => {
  const server = await startEchoServer('late');
  const { controlPlane, port } = await start(t, 'delta', target('shop:80', [server.port]));
  const client = new EchoClient(port, 'late:80');
  const error = await t.throwsAsync(() => client.unary(Buffer.from('x')));
  t.like(error, { code: status.UNAVAILABLE });
  t.regex(String(error), /no listener for authority "late:80": the control plane has no listener late:80/);
  controlPlane.setSnapshot('client', target('late:80', [server.port]));
  for (let answered = false; !answered; ) {
    answered = await client.unary(Buffer.from('x')).then(
      () => true,
      () => false,
    );
  }
  t.pass();
  client.close();
  await server.stop();
});

test('what calls had named is there again from the disk, while the control plane is away', async (t) => {
  const server = await startEchoServer('kept');
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-cache-'));
  const cached = ['--cache-dir', folder, '--log-level', 'debug'];
  const { controlPlane, xdsPort, agent, port } = await start(t, 'delta', target('shop:80', [server.port]), cached);
  const client = new EchoClient(port, 'shop:80');
  await client.unary(Buffer.from('x'));
  client.close();
  await agent.stop();
  await controlPlane.close();
  const args = ['--outbound-port', '0', ...cached];
  const again = await startAgentProcess({ xdsPort, node: 'client', args });
  const other = new EchoClient(await again.listenerPort(outbound), 'shop:80');
  t.is((await other.unary(Buffer.from('x'))).headers.get('x-endpoint')[0], 'kept');
  other.close();
  await again.stop();
  await server.stop();
  await rm(folder, { recursive: true });
});

test('while the control plane is away, a call that names something new fails at once and says why', async (t) => {
  const { controlPlane, agent, port } = await start(t, 'delta', []);
  await controlPlane.close();
  await agent.line(({ msg }) => msg === 'the xDS stream failed');
  const client = new EchoClient(port, 'shop:80');
  const error = await t.throwsAsync(() => client.unary(Buffer.from('x')));
  t.like(error, { code: status.UNAVAILABLE });
  t.regex(String(error), /no listener for authority "shop:80": 127\.0\.0\.1:\d+: /);
  client.close();
});
