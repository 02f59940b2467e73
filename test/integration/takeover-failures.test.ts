// A takeover that comes to nothing leaves the agent that serves as it was; whatever becomes of the one before, the next
// one serves.
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { type DescriptorPassing, loadDescriptorPassing } from '../../agent/native/descriptor-passing.ts';
import { Predecessor } from '../../agent/takeover/predecessor.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import { EchoClient } from '../support/echo-service.ts';
import { plainMesh } from '../support/resources.ts';
import { startTakeoverHost } from '../support/takeover-host.ts';

const loaded = loadDescriptorPassing();
const on = 'reason' in loaded ? test.serial.skip : test.serial;
const passing = loaded as DescriptorPassing;

const notTakenOver = (agent: AgentProcess) =>
  agent.line(({ msg }) => msg.startsWith('another agent has not taken over'));

async function calls(port: number): Promise<string> {
  const client = new EchoClient(port, 'echo');
  try {
    return String((await client.unary(Buffer.from('hello'))).reply);
  } finally {
    client.close();
  }
}

function descriptorCount({ pid }: AgentProcess): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

on('a successor that goes while it waits for its configuration', async (t) => {
  const { socket, start } = await startTakeoverHost(t);
  const first = await start();
  const port = await first.listenerPort('echo');
  const successor = (await Predecessor.find(socket, 'test', passing))!;
  t.is(successor.pid, first.pid);
  successor.close();
  t.is((await notTakenOver(first))['reason'], 'it has gone');
  t.is(await calls(port), 'hello');
  const second = await start();
  t.is(await second.listenerPort('echo'), port);
  t.is(await first.exited, 0);
});

on(
  'a successor that goes with the sockets in its hands: configuration goes on, and no descriptor stays open',
  async (t) => {
    const { socket, controlPlane, resources, start } = await startTakeoverHost(t);
    const first = await start();
    const port = await first.listenerPort('echo');
    t.is(await calls(port), 'hello');
    const before = descriptorCount(first);
    const successor = (await Predecessor.find(socket, 'test', passing))!;
    const sockets = await successor.take(3);
    t.is(sockets.take('listener 127.0.0.1:0 echo').length, 3);
    t.is(sockets.take('admin 127.0.0.1:0').length, 3);
    const other = plainMesh('other', 'outbound', [1]);
    controlPlane.setSnapshot('client', [...resources, ...other]);
    successor.close();
    await notTakenOver(first);
    t.true((await first.listenerPort('other')) > 0);
    t.is(await calls(port), 'hello');
    // The second listener's.
    t.true(descriptorCount(first) <= before + 1);
  },
);

on('a second successor is refused, and the first one is not disturbed', async (t) => {
  const { socket, start } = await startTakeoverHost(t);
  const first = await start();
  await first.listenerPort('echo');
  const one = (await Predecessor.find(socket, 'test', passing))!;
  await t.throwsAsync(Predecessor.find(socket, 'test', passing), {
    message: `can't take over at ${socket}: process ${process.pid} is taking over already`,
  });
  const sockets = await one.take(1);
  t.is(sockets.take('listener 127.0.0.1:0 echo').length, 1);
  one.close();
});

on('a successor of another protocol, and one that talks nonsense, are told so', async (t) => {
  const { socket, start } = await startTakeoverHost(t);
  const first = await start();
  const port = await first.listenerPort('echo');
  const tell = async (line: string): Promise<unknown> => {
    const client = net.connect(socket);
    client.write(line);
    return JSON.parse(await text(client)).reason;
  };
  t.is(await tell('{"kind":"hello","protocol":2,"pid":1,"version":"9"}\n'), 'it hands over by protocol 1, not 2');
  t.is(await tell('{"kind":"serving"}\n'), "it did not expect 'serving'");
  t.is(await tell('GET / HTTP/1.1\r\n\r\n'), 'it does not understand what it was sent');
  t.is(await tell('null\n'), 'it does not understand what it was sent');
  t.is(await tell('x'.repeat(100_000)), 'it does not understand what it was sent');
  t.is(await calls(port), 'hello');
});

on('the one before is killed while the next waits for its configuration, which serves then on its own', async (t) => {
  const { socket, controlPlane, resources, start } = await startTakeoverHost(t);
  const first = await start();
  const starting = start([], 'later');
  await first.line(({ msg }) => msg === 'another agent will take over');
  first.kill('SIGKILL');
  await first.exited;
  controlPlane.setSnapshot('later', resources);
  const second = await starting;
  t.is(await calls(await second.listenerPort('echo')), 'hello');
  await second.line(({ msg }) => msg === 'took over');
  t.true(statSync(socket).isSocket());
});

on('the one before is told to end while the next waits for its configuration', async (t) => {
  const { controlPlane, resources, start } = await startTakeoverHost(t);
  const first = await start();
  const starting = start([], 'later');
  await first.line(({ msg }) => msg === 'another agent will take over');
  t.is(await first.stop(), 0);
  controlPlane.setSnapshot('later', resources);
  const second = await starting;
  t.is(await calls(await second.listenerPort('echo')), 'hello');
});

on('the one before is draining already: its admin port is taken over all the same', async (t) => {
  const { start } = await startTakeoverHost(t);
  const first = await start(['--drain-time', '60']);
  const port = await first.listenerPort('echo');
  const client = new EchoClient(port, 'echo');
  const { call, replies } = await client.openBidi();
  first.kill('SIGTERM');
  await first.line(({ msg }) => msg === 'draining');
  const second = await start();
  t.is(second.adminPort, first.adminPort);
  t.is(await calls(await second.listenerPort('echo')), 'hello');
  call.end();
  t.true((await replies.next()).done);
  client.close();
  t.is(await first.exited, 0);
});

on('a socket that an agent left behind is replaced, another file is not', async (t) => {
  const { socket, start } = await startTakeoverHost(t);
  const first = await start();
  first.kill('SIGKILL');
  await first.exited;
  t.true(existsSync(socket));
  const second = await start();
  t.is(await second.stop(), 0);
  writeFileSync(socket, 'precious');
  await t.throwsAsync(
    start().then((agent) => agent.line(() => false)),
    { message: /can't be taken over at .*: there is a file that is no socket/ },
  );
  t.is(readFileSync(socket, 'utf8'), 'precious');
});

on('one that never answers is given up', async (t) => {
  const { socket, start } = await startTakeoverHost(t);
  const mute = net.createServer(() => {});
  mute.listen(socket);
  await once(mute, 'listening');
  await t.throwsAsync(start(), { message: /can't take over .*: it does not answer/ });
  mute.close();
});
