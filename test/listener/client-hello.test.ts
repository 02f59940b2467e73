// What is read of a client before its TLS begins (RFC 8446 section 4.1.2), from hellos of real clients.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import fc from 'fast-check';
import { readFirstBytes } from '../../agent/listener/client-hello.ts';

/** The first bytes of Node's own client (OpenSSL). */
async function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ ...options, host: '127.0.0.1', port: (server.address() as net.AddressInfo).port });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  socket.on('error', () => {});
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return chunk;
}

test('the name asked for and the protocols spoken, in lower case and in order', async (t) => {
  const hello = await helloOf({ servername: 'Shop.Example', ALPNProtocols: ['istio', 'h2'] });
  t.deepEqual(readFirstBytes(hello), {
    kind: 'tls',
    serverName: 'shop.example',
    applicationProtocols: ['istio', 'h2'],
  });
});

test('a hello without a name and without protocols, of TLS 1.2 too', async (t) => {
  const none = { kind: 'tls', serverName: '', applicationProtocols: [] };
  t.deepEqual(readFirstBytes(await helloOf({})), none);
  t.deepEqual(readFirstBytes(await helloOf({ maxVersion: 'TLSv1.2' })), none);
});

test('every beginning of a hello is incomplete, and what follows it does not matter', async (t) => {
  const hello = await helloOf({ servername: 'a.test' });
  for (let end = 0; end < hello.length; end++) t.is(readFirstBytes(hello.subarray(0, end)).kind, 'incomplete');
  t.like(readFirstBytes(Buffer.concat([hello, Buffer.from('more')])), { serverName: 'a.test' });
});

test('a hello in several records is read as one', async (t) => {
  const hello = await helloOf({ servername: 'a.test' });
  const message = hello.subarray(5);
  const record = (part: Buffer): Buffer =>
    Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]);
  for (const at of [1, 3, 4, 40, message.length - 1]) {
    const split = Buffer.concat([record(message.subarray(0, at)), record(message.subarray(at))]);
    t.like(readFirstBytes(split), { kind: 'tls', serverName: 'a.test' });
  }
});

test('what is no TLS is clear after its first byte', (t) => {
  for (const text of ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET / HTTP/1.1\r\n', '\0']) {
    t.deepEqual(readFirstBytes(Buffer.from(text)), { kind: 'clear' });
  }
  t.deepEqual(readFirstBytes(Buffer.from([22, 9, 1, 0, 5, 1])), { kind: 'clear' }, 'no version of TLS');
  t.deepEqual(readFirstBytes(Buffer.from([22, 3, 1, 0, 5, 2])), { kind: 'clear' }, 'no hello');
});

test('a hello that never ends is given up', (t) => {
  const endless = Buffer.alloc(20_000);
  endless.set([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]);
  t.is(readFirstBytes(endless.subarray(0, 16_000)).kind, 'incomplete');
  t.is(readFirstBytes(endless.subarray(0, 16_384)).kind, 'clear');
});

test('no bytes throw, however a hello is bent', async (t) => {
  const hello = await helloOf({ servername: 'a.test', ALPNProtocols: ['h2'] });
  const bent = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 20 }).map((changes) => {
    const copy = Buffer.from(hello);
    for (const [at, value] of changes) copy[at] = value;
    return copy;
  });
  const kinds = fc.check(
    fc.property(fc.oneof(bent, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      return ['incomplete', 'clear', 'tls'].includes(readFirstBytes(bytes).kind);
    }),
    { numRuns: 2_000, seed: 3 },
  );
  t.false(kinds.failed, String(kinds.counterexample ?? ''));
});
