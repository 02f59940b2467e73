// Connections that a server accepted, read into memory of ours.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type OnReadOpts, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { adoptSocket } from '../../agent/http2/adopt-socket.ts';

/** A server's socket and its client's; both are destroyed with the test. */
async function pair(t: ExecutionContext): Promise<{ accepted: Socket; client: Socket; closed: Promise<unknown> }> {
  const server = createServer().listen(0, '127.0.0.1');
  const closed = once(server, 'close');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  server.close();
  t.teardown(() => {
    client.destroy();
    accepted.destroy();
  });
  return { accepted, client, closed };
}

const nothingRead: OnReadOpts = { buffer: Buffer.alloc(16), callback: () => true };

test('the connection goes on in a socket that reads into the memory it was given', async (t) => {
  const { accepted, client, closed } = await pair(t);
  const memory = Buffer.alloc(16);
  const { promise: read, resolve } = Promise.withResolvers<string>();
  const callback = (bytes: number, buf: Uint8Array): boolean => {
    t.is(buf, memory);
    resolve(memory.toString('latin1', 0, bytes));
    return true;
  };
  const adopted = adoptSocket(accepted, { buffer: memory, callback });
  t.true(accepted.destroyed);
  t.is(adopted?.remotePort, client.localPort);
  // The server that is closed does not wait for the one it accepted.
  await closed;
  client.write('ping');
  t.is(await read, 'ping');
  adopted?.write('pong');
  t.is(String((await once(client, 'data'))[0]), 'pong');
  client.end();
  await once(adopted!, 'close');
});

test('a socket from which something was read stays as it is', async (t) => {
  const { accepted, client } = await pair(t);
  client.write('first');
  await once(accepted, 'readable');
  t.is(adoptSocket(accepted, nothingRead), null);
  t.is(String(accepted.read()), 'first');
});

test('where a socket looks otherwise inside, it stays as it is', async (t) => {
  const { accepted } = await pair(t);
  Object.defineProperty(accepted, '_handle', { value: { useUserBuffer: 1 }, configurable: true });
  t.is(adoptSocket(accepted, nothingRead), null);
  Reflect.deleteProperty(accepted, '_handle');
  t.false(accepted.destroyed);
});
