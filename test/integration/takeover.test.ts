// An upgrade on a plain host: the next agent takes the listening sockets over, and the one before it drains.
import { existsSync, readdirSync, statSync } from 'node:fs';
import test from 'ava';
import { loadDescriptorPassing } from '../../agent/native/descriptor-passing.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import { EchoClient } from '../support/echo-service.ts';
import { LoadClient, portsOf } from '../support/load-clients.ts';
import { startTakeoverHost } from '../support/takeover-host.ts';

const on = 'reason' in loadDescriptorPassing() ? test.serial.skip : test.serial;

const tookOver = (agent: AgentProcess) => agent.line(({ msg }) => msg === 'took over');

for (const counts of [
  [1, 1, 1, 1],
  [2, 3, 1, 2],
]) {
  on(`three upgrades under load fail no call, with ${counts.join(', then ')} data planes`, async (t) => {
    t.timeout(60_000);
    const { socket, start } = await startTakeoverHost(t);
    let agent = await start(['--concurrency', `${counts[0]}`]);
    const port = await agent.listenerPort('echo');
    const { adminPort } = agent;
    const target = portsOf([port]);
    const others = [LoadClient.onGrpcGo(target), LoadClient.onCCore(target)].filter((client) => client !== null);
    const clients = [LoadClient.onGrpcJs(target), ...others];
    t.teardown(() => Promise.all(clients.map((client) => client.end())));
    t.log(`clients on ${clients.map(({ stack }) => stack).join(', ')}`);
    await Promise.all(clients.map((client) => client.reached(200, ['echo'])));
    for (const count of counts.slice(1)) {
      const next = await start(['--concurrency', `${count}`]);
      await tookOver(next);
      t.is(await next.listenerPort('echo'), port);
      t.is(next.adminPort, adminPort);
      t.is(await agent.exited, 0);
      t.is((await agent.line(({ msg }) => msg === 'drained'))['callsCut'], 0);
      await Promise.all(clients.map((client) => client.reached(client.calls + 200, ['echo'])));
      agent = next;
    }
    for (const client of clients) t.is(await client.end(), '', client.stack);
    const sockets = readdirSync(`/proc/${agent.pid}/fd`).length;
    t.log(`descriptors of the last one: ${sockets}`);
    t.true(statSync(socket).isSocket());
    t.is(await agent.stop(), 0);
    t.false(existsSync(socket));
  });
}

on('a call that goes on ends at the agent that it began at, while others go to the next', async (t) => {
  const { start } = await startTakeoverHost(t);
  const first = await start(['--drain-time', '60']);
  const port = await first.listenerPort('echo');
  const client = new EchoClient(port, 'echo');
  const { call, replies } = await client.openBidi();
  const second = await start();
  await tookOver(second);
  await first.line(({ msg }) => msg === 'draining');
  call.write(Buffer.from('after'));
  t.is(String((await replies.next()).value), 'after');
  const other = new EchoClient(port, 'echo');
  t.is(String((await other.unary(Buffer.from('new'))).reply), 'new');
  call.end();
  t.true((await replies.next()).done);
  t.is(await first.exited, 0);
  client.close();
  other.close();
});
