// Calls that wait for the listener that they name: their deadline runs, they may be given up, nothing of them is lost, and
// the rules are those of the listener that came.
import http2 from 'node:http2';
import { Metadata, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { Listener } from '../../xds/model/listener.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { EchoClient, type EchoServer, startEchoServer } from '../support/echo-service.ts';
import { call } from '../support/http2-call.ts';
import { listener, plainMesh } from '../support/resources.ts';

const plain = listener('outbound', 'outbound', '');
const { http } = plain.filterChains[0]!;
const routes = { kind: 'by-authority', template: 'l/%s' } as const;
const outbound: Listener = { ...plain, filterChains: [{ ...plain.filterChains[0]!, http: { ...http, routes } }] };

/** What the authority `shop` names. */
function shop(server: EchoServer, filters: Listener['filterChains'][0]['http']['filters'] = []): ServingResource[] {
  const api = { ...http, routes: { kind: 'rds', name: 'shop-routes' }, filters } as const;
  const value: Listener = { ...plain, name: 'l/shop', address: { host: '', port: 0 }, filterChains: [], api };
  return [...plainMesh('shop', 'outbound', [server.port]).slice(0, 3), { type: 'listener', value }];
}

async function start(t: ExecutionContext) {
  const server = await startEchoServer('shop');
  const plane = startDataPlane([{ type: 'listener', value: outbound }]);
  const client = new EchoClient(await plane.port('outbound'), 'shop');
  t.teardown(async () => {
    client.close();
    plane.stop();
    await server.stop();
  });
  return { server, plane, client };
}

test('what came of a request while it waited arrives whole, and the name is asked for once', async (t) => {
  const { server, plane, client } = await start(t);
  const body = Buffer.alloc(60_000, 'x');
  const calls = [client.unary(body), client.unary(body)];
  t.is((await plane.up('listener-wanted')).name, 'l/shop');
  plane.apply(shop(server));
  for (const { reply } of await Promise.all(calls)) t.true(reply.equals(body));
  t.is(plane.ups.filter(({ kind }) => kind === 'listener-wanted').length, 1);
});

test('a deadline ends the waiting in time', async (t) => {
  const { plane } = await start(t);
  // No client of gRPC, which would end the call itself.
  const session = http2.connect(`http://127.0.0.1:${await plane.port('outbound')}`);
  const { headers } = await call(session, { ':path': '/a/b', ':authority': 'shop', 'grpc-timeout': '100m' });
  t.is(headers['grpc-status'], String(status.DEADLINE_EXCEEDED));
  session.destroy();
});

test('a call that is given up while it waits reaches nobody, and one with time left keeps what is left of it', async (t) => {
  const { server, plane, client } = await start(t);
  const given = client.makeUnaryRequest('/test.Echo/Unary', Buffer.from, Buffer.from, Buffer.from('x'), () => {});
  await plane.up('listener-wanted');
  given.cancel();
  const kept = client.unary(Buffer.from('kept'), new Metadata(), { deadline: Date.now() + 60_000 });
  plane.apply(shop(server));
  t.is((await kept).reply.toString(), 'kept');
  t.is(server.calls.length, 1);
  const timeout = Number.parseInt(String(server.lastMetadata?.get('grpc-timeout')[0] ?? '60000'), 10);
  t.true(timeout <= 60_000);
});

test('who is refused reads why; the listener may come later, and go again', async (t) => {
  const { server, plane, client } = await start(t);
  const refused = client.unary(Buffer.from('x'));
  await plane.up('listener-wanted');
  plane.plane.receive({ kind: 'listener-refused', name: 'l/shop', reason: 'the control plane has no listener l/shop' });
  const error = await t.throwsAsync(refused);
  t.like(error, { code: status.UNAVAILABLE });
  t.regex(String(error), /no listener for authority "shop": the control plane has no listener l\/shop/);
  plane.apply(shop(server));
  t.is((await client.unary(Buffer.from('x'))).reply.toString(), 'x');
  plane.apply([], [{ type: 'listener', name: 'l/shop' }]);
  const again = client.unary(Buffer.from('y'));
  plane.apply(shop(server));
  t.is((await again).reply.toString(), 'y');
});

test('the filters of the listener that is named hold', async (t) => {
  const { server, plane, client } = await start(t);
  plane.apply(shop(server, [{ kind: 'rbac', name: 'rbac', rules: { action: 'allow', policies: [] } }]));
  const error = await t.throwsAsync(() => client.unary(Buffer.from('x')));
  t.like(error, { code: status.PERMISSION_DENIED });
  t.deepEqual(server.calls, []);
});

test('it can be asked which listener and which route a call takes', async (t) => {
  const { server, plane } = await start(t);
  const explain = async (id: number) => {
    plane.plane.receive({
      kind: 'explain',
      id,
      listener: 'outbound',
      headers: [
        [':authority', 'shop'],
        [':path', '/a/b'],
      ],
    });
    const { explanation } = await plane.up('explained', (up) => up.id === id);
    return 'lines' in explanation ? explanation.lines : [];
  };
  t.regex((await explain(1)).join('\n'), /"shop" names listener l\/shop, which has not come from the control plane/);
  plane.apply(shop(server));
  t.regex((await explain(2)).join('\n'), /names listener l\/shop\nroute configuration shop-routes\n/);
});
