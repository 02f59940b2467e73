// The agent and its control plane are both gone, and only the agent comes back (xds.md section 0, point 10).
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { cluster, endpoints, plainMesh } from '../support/resources.ts';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-cache-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

async function answeredBy(agent: AgentProcess): Promise<unknown> {
  const client = new EchoClient(await agent.listenerPort('echo'), 'echo');
  const { headers } = await client.unary(Buffer.from('x'));
  client.close();
  return headers.get('x-endpoint')[0];
}

test('killed and started again while the control plane is down, the agent carries calls and says that it is stale', async (t) => {
  const [first, second] = await Promise.all([startEchoServer('first'), startEchoServer('second')]);
  const before = createXdsServer({ log: () => {} });
  const xdsPort = await before.listen({ host: '127.0.0.1', port: 0 });
  before.setSnapshot('client', plainMesh('echo', 'outbound', [first.port]));
  const args = ['--cache-dir', await folderFor(t), '--log-level', 'debug'];
  const killed = await startAgentProcess({ xdsPort, node: 'client', args });
  t.is(await answeredBy(killed), 'first');
  await killed.line(({ msg }) => msg === 'the configuration was written to disk');
  killed.kill('SIGKILL');
  await killed.exited;
  await before.close();

  const agent = await startAgentProcess({ xdsPort, node: 'client', args });
  t.is(await answeredBy(agent), 'first');
  const ready = await agent.get('/ready');
  t.is(ready.status, 200);
  t.regex(
    ready.text,
    /^LIVE\nstale: 4 resources are from the disk, of 20.*; the control plane has not been reached\n$/,
  );
  const dump = JSON.parse((await agent.get('/config_dump')).text);
  t.like(dump, { configFromDisk: { resources: 4 }, xds: { connected: false, clusters: [{ origin: 'disk' }] } });
  t.regex((await agent.get('/metrics')).text, /^outrigger_xds_restored_resources 4$/m);

  const replaced = agent.line(({ msg }) => msg === 'the control plane has replaced the configuration from the disk');
  const after = createXdsServer({ log: () => {} });
  after.setSnapshot('client', plainMesh('echo', 'outbound', [second.port]));
  await after.listen({ host: '127.0.0.1', port: xdsPort });
  await replaced;
  while ((await answeredBy(agent)) !== 'second');
  t.is((await agent.get('/ready')).text, 'LIVE\n');
  t.regex((await agent.get('/metrics')).text, /^outrigger_xds_restored_resources 0$/m);
  t.is(JSON.parse((await agent.get('/config_dump')).text).configFromDisk, null);

  t.is(await agent.stop(), 0);
  await after.close();
  const again = await startAgentProcess({ xdsPort, node: 'client', args });
  t.is(await answeredBy(again), 'second', 'an agent that ends in order leaves what it had last');
  await again.stop();
  await Promise.all([first.stop(), second.stop()]);
});

test('a damaged cache is one clear line, and the agent starts from its control plane', async (t) => {
  const server = await startEchoServer('first');
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('client', plainMesh('echo', 'outbound', [server.port]));
  const folder = await folderFor(t);
  await writeFile(join(folder, 'config.xds'), 'outrigger-xds 1 00\n{}');
  const agent = await startAgentProcess({ xdsPort, node: 'client', args: ['--cache-dir', folder] });
  t.is(await answeredBy(agent), 'first');
  t.like(
    agent.lines.find(({ level }) => level === 'warn'),
    { msg: 'the configuration on disk is not used', reason: 'it is damaged: its checksum is not that of its content' },
  );
  await agent.stop();
  await controlPlane.close();
  await server.stop();
});

test('what holds a private key is not on disk, so the agent is not ready, but carries the calls that it can', async (t) => {
  const server = await startEchoServer('first');
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  const pem = (name: string) => readFileSync(new URL(`../xds/fixtures/${name}.pem`, import.meta.url), 'utf8');
  const tls = {
    certificateChainPem: pem('loopback-cert'),
    privateKeyPem: pem('loopback-key'),
    trustedCaPem: pem('loopback-cert'),
    sni: null,
    subjectAltNames: [],
  };
  controlPlane.setSnapshot('client', [
    { type: 'cluster', value: { ...cluster('secret'), tls } },
    { type: 'endpoints', value: endpoints('secret', [1]) },
    ...plainMesh('echo', 'outbound', [server.port]),
  ]);
  const folder = await folderFor(t);
  const args = ['--cache-dir', folder, '--log-level', 'debug'];
  const before = await startAgentProcess({ xdsPort, node: 'client', args });
  await before.line(({ msg }) => msg === 'the configuration was written to disk');
  await before.stop();
  await controlPlane.close();
  t.false((await readFile(join(folder, 'config.xds'))).includes('PRIVATE KEY'));

  const agent = await startAgentProcess({ xdsPort, node: 'client', args });
  t.is(await answeredBy(agent), 'first');
  const { status, text } = await agent.get('/ready');
  t.is(status, 503);
  t.regex(text, /^not ready\nthe configuration from the disk lacks 1 resources, which hold private keys\nstale: /);
  await agent.stop();
  await server.stop();
});
