// Redirected connections whose server speaks first lose no time (sidecars.md section 5, complaint 19): where the port says
// so, nobody looks at their first bytes; elsewhere the server is called while the client is silent.
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { compilePorts } from '../../agent/listener/redirection.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startCapturingPlane } from '../support/capturing-plane.ts';
import { closed } from '../support/closed.ts';
import { listener } from '../support/resources.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** As MySQL: greets, then answers the first thing it is told, and ends. */
async function startGreeter(t: ExecutionContext): Promise<number> {
  const server = net.createServer((socket) => {
    socket.write('greeting;');
    socket.once('data', (data) => socket.end(`told ${String(data).slice(0, 3)}`));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  t.teardown(() => void server.close());
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

const all = (): ServingResource => ({ type: 'listener', value: listener('all', 'outbound', 'none') });

async function greeted(socket: net.Socket): Promise<net.Socket> {
  await once(socket, 'readable');
  return socket;
}

test('a server that speaks first is heard before its client has said anything, on an opaque port and on any other', async (t) => {
  const [opaque, usual] = [await startGreeter(t), await startGreeter(t)];
  const plane = await startCapturingPlane(t, [all()], [`${opaque}`]);
  const meet = async (port: number): Promise<string> => {
    const socket = await greeted(plane.connect({ host: '127.0.0.1', port }));
    socket.write(PREFACE);
    return text(socket);
  };
  const answers = await Promise.all([meet(usual), meet(opaque)]);
  t.deepEqual(answers, ['greeting;told PRI', 'greeting;told PRI']);
  t.like(plane.counted(), { 'outrigger_redirected_connections_total outbound passed': 2 });
});

test('on an opaque port even HTTP/2 is bytes', async (t) => {
  const port = await startGreeter(t);
  const plane = await startCapturingPlane(t, [all()], [`${port}-${port}`]);
  const socket = plane.connect({ host: '127.0.0.1', port });
  socket.write(PREFACE);
  t.is(await text(socket), 'greeting;told PRI');
});

test('an opaque port lets nothing past a chain that asks for more than bytes', async (t) => {
  const port = await startGreeter(t);
  const value = listener('all', 'outbound', 'none');
  const [chain] = value.filterChains;
  const http = { ...chain!.http, filters: [{ kind: 'rbac', name: 'rbac', rules: null }] } as const;
  const guarded = { ...value, filterChains: [{ ...chain!, http }] };
  const plane = await startCapturingPlane(t, [{ type: 'listener', value: guarded }], [`${port}`]);
  const socket = plane.connect({ host: '127.0.0.1', port });
  await closed(socket);
  t.is(socket.bytesRead, 0);
  t.like(plane.counted(), { 'outrigger_redirected_connections_total outbound failed': 1 });
});

test('ports are told by number and by range', (t) => {
  const isOpaque = compilePorts(['25', '9000-9010']);
  t.deepEqual([24, 25, 26, 8999, 9000, 9010, 9011].map(isOpaque), [false, true, false, false, true, true, false]);
});
