// What several data planes have to agree on, and one alone does not.
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { listener, plainMesh } from '../support/resources.ts';

test('a listener for redirected connections, which binds no port, needs no free one', async (t) => {
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  // An address that this machine does not have.
  const captured = { ...listener('captured', 'outbound', 'echo-routes'), address: { host: '192.0.2.1', port: 80 } };
  controlPlane.setSnapshot('client', [
    ...plainMesh('echo', 'outbound', [1]),
    { type: 'listener', value: { ...captured, bindsNoPort: true } },
  ]);
  const agent = await startAgentProcess({ xdsPort, node: 'client', args: ['--concurrency', '2'] });
  t.teardown(async () => {
    agent.kill('SIGKILL');
    await controlPlane.close();
  });
  const about = await agent.line(({ listener: name }) => name === 'captured');
  t.is(about.msg, 'listener bound', String(about['reason']));
});
