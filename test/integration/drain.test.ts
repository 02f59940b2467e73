// SIGTERM (design section 12): readiness goes, calls in flight end, new ones go elsewhere, and a
// second SIGTERM ends at once.
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { ECHO_METHODS, EchoClient, startEchoServer } from '../support/echo-service.ts';
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

test('(99) SIGTERM under load fails no unary call of a client that has somewhere to reconnect to', async (t) => {
  const server = await startEchoServer();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('client', plainMesh('echo', 'outbound', [server.port]));
  const agents = await Promise.all([0, 1].map(() => startAgentProcess({ xdsPort, node: 'client' })));
  const ports = await Promise.all(agents.map((agent) => agent.listenerPort('echo')));
  const client = new grpc.Client(
    `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
    grpc.credentials.createInsecure(),
    { 'grpc.default_authority': 'echo', 'grpc.service_config': '{"loadBalancingConfig":[{"round_robin":{}}]}' },
  );
  const { path, requestSerialize, responseDeserialize } = ECHO_METHODS.unary;
  const failures: string[] = [];
  let calls = 0;
  let isOver = false;
  const caller = async (): Promise<void> => {
    while (!isOver) {
      const error = await new Promise<grpc.ServiceError | null>((resolve) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(500), (failure) =>
          resolve(failure),
        );
      });
      calls++;
      if (error !== null) failures.push(error.message);
    }
  };
  const callers = Array.from({ length: 30 }, caller);
  const [leaving, staying] = agents;
  const served = async (agent: (typeof agents)[number]): Promise<boolean> =>
    /grpc_client_call_duration_seconds_count\{[^}]*\} [1-9]/.test((await agent.get('/stats/prometheus')).text);
  while (!((await served(leaving!)) && (await served(staying!))));
  const before = calls;
  leaving!.kill('SIGTERM');
  t.is(await leaving!.exited, 0);
  t.is((await leaving!.line(({ msg }) => msg === 'drained'))['callsCut'], 0);
  isOver = true;
  await Promise.all(callers);
  t.true(calls > before + 30, `${calls - before} calls while it drained`);
  t.deepEqual(failures, []);
  client.close();
  staying!.kill('SIGKILL');
  await controlPlane.close();
  await server.stop();
});
