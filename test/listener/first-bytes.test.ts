// Redirected clients that say too little, break off or say nothing: what they hold ends (sidecars.md section 5).
import { once } from 'node:events';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type FirstBytesOptions, takeByFirstBytes } from '../../agent/listener/first-bytes.ts';
import { closed } from '../support/closed.ts';

const toPass: FirstBytesOptions['judge'] = () => ({
  kind: 'pass',
  path: { name: 'nobody', open: () => () => {} },
});
const toServe: FirstBytesOptions['judge'] = () => ({ kind: 'serve', serve: () => {} });

/** A client that has connected, and what became of it, once that is known. */
async function arrive(t: ExecutionContext, judge: FirstBytesOptions['judge'], maxSilenceMs: number) {
  const failed = Promise.withResolvers<string>();
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    takeByFirstBytes({
      socket,
      judge,
      isDecided: false,
      detection: { timeoutMs: null, servesSilent: true },
      maxSilenceMs,
      observer: { onPassing: () => {}, onPassed: () => {}, onFailed: failed.resolve },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const client = net.connect({ port, host: '127.0.0.1' });
  client.on('error', () => {});
  t.teardown(() => {
    client.destroy();
    server.close();
  });
  await once(client, 'connect');
  return { client, failed: failed.promise };
}

test('a client of ours that says one byte and no more is closed', async (t) => {
  const { client, failed } = await arrive(t, toServe, 20);
  client.write('P');
  await closed(client);
  t.is(await failed, 'the client was silent for too long');
});

test('a client that resets in the middle of its first bytes is forgotten, whoever it was for', async (t) => {
  for (const judge of [toServe, toPass]) {
    const { client, failed } = await arrive(t, judge, 60_000);
    client.write('PRI', () => {});
    client.resetAndDestroy();
    t.is(await failed, 'the client has gone');
  }
});

test('a client that ends its half before it has said enough is closed where it would have been served', async (t) => {
  const { client, failed } = await arrive(t, toServe, 60_000);
  client.end('PR');
  await closed(client);
  t.is(await failed, 'it ended before it began');
});
