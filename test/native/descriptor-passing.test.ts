// SCM_RIGHTS (unix(7)): what one end of a Unix socket passes, the other end has.
import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { descriptorOf } from '../../agent/native/descriptor-of.ts';
import {
  loadDescriptorPassing,
  MAX_DESCRIPTORS,
  type ReceivedDescriptors,
} from '../../agent/native/descriptor-passing.ts';

const loaded = loadDescriptorPassing();
const on = 'reason' in loaded ? test.skip : test;
const passing = 'reason' in loaded ? null! : loaded;

/** Both ends of a Unix socket, of which Node reads neither. */
async function pair(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-'));
  const server = net.createServer({ pauseOnConnect: true });
  server.listen(join(folder, 's'));
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const near = net.connect(join(folder, 's'));
  const [far] = await accepted;
  t.teardown(() => {
    near.destroy();
    far.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { near: descriptorOf(near)!, far: descriptorOf(far)! };
}

function receive(socket: number): ReceivedDescriptors {
  const received = passing.receive(socket);
  if (typeof received === 'string') throw new Error(received);
  return received;
}

on('a listening socket that was passed takes connections when its first owner has closed it', async (t) => {
  const { near, far } = await pair(t);
  const first = net.createServer();
  first.listen(0, '127.0.0.1');
  await once(first, 'listening');
  const { port } = first.address() as net.AddressInfo;
  t.true(passing.send(near, 'one', [descriptorOf(first)!]));
  const received = receive(far);
  t.is(received.text, 'one');
  t.is(received.descriptors.length, 1);
  first.close();
  await once(first, 'close');

  const second = net.createServer((socket) => socket.end('second'));
  second.listen({ fd: received.descriptors[0]! });
  await once(second, 'listening');
  const client = net.connect(port, '127.0.0.1');
  const [answer] = await once(client, 'data');
  t.is(String(answer), 'second');
  client.destroy();
  second.close();
});

on('so many at once as the kernel takes, in their order', async (t) => {
  const { near, far } = await pair(t);
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = Array.from({ length: MAX_DESCRIPTORS }, (_, i) => (i % 2 === 0 ? descriptorOf(server)! : near));
  t.true(passing.send(near, 'many', own));
  const { descriptors } = receive(far);
  t.deepEqual(
    descriptors.map((descriptor) => fstatSync(descriptor).ino),
    own.map((descriptor) => fstatSync(descriptor).ino),
  );
  for (const descriptor of descriptors) closeSync(descriptor);
  server.close();
});

on('nothing that has come is nothing, and not waited for', async (t) => {
  const { far } = await pair(t);
  t.is(passing.receive(far), 'nothing');
});

on('a text without descriptors, and a socket that is none', async (t) => {
  const { near, far } = await pair(t);
  t.true(passing.send(near, 'text', []));
  t.deepEqual(passing.receive(far), { text: 'text', descriptors: [] });
  t.false(passing.send(near, 'bad', [999_999]));
  t.false(passing.send(999_999, 'bad', []));
  t.is(passing.duplicate(999_999), null);
});

on('the user at the other end is known', async (t) => {
  const { near, far } = await pair(t);
  t.is(passing.peerUser(near), process.getuid!());
  t.is(passing.peerUser(far), process.getuid!());
  t.is(passing.peerUser(999_999), null);
});
