// Several servers, in order of preference (gRFC A71; xds.md cases 63 and 79).
import test, { type ExecutionContext } from 'ava';
import type { Bootstrap } from '../../xds/index.ts';
import { AdsServer } from '../support/ads-server.ts';
import { bootstrapFor, type ClientHarness, startClient } from './client-harness.ts';
import { cluster, endpoints, typeUrls } from './messages.ts';

/** A bootstrap of two servers, of which the second is the harness's own, and the address of the first is free. */
async function startBehind(
  t: ExecutionContext,
  mode: 'sotw' | 'delta',
): Promise<ClientHarness & { firstPort: number }> {
  const reserved = await AdsServer.start();
  const firstPort = reserved.port;
  reserved.stop();
  const second = await AdsServer.start({ speaks: [mode] });
  t.teardown(() => second.stop());
  const plain = bootstrapFor(second.address);
  const [only] = plain.servers;
  const bootstrap: Bootstrap = { ...plain, servers: [{ ...only!, serverUri: `127.0.0.1:${firstPort}` }, only!] };
  const harness = await startClient(t, { bootstrap, mode });
  return { ...harness, server: second, firstPort };
}

test('case 79: while the first can be reached, the second is not asked', async (t) => {
  const [first, second] = await Promise.all([AdsServer.start(), AdsServer.start()]);
  t.teardown(() => {
    first.stop();
    second.stop();
  });
  const plain = bootstrapFor(first.address);
  const servers = [...plain.servers, { ...plain.servers[0]!, serverUri: second.address }];
  const { watch, clock } = await startClient(t, { bootstrap: { ...plain, servers } });
  const a = watch('endpoints', 'a');
  const stream = await first.nextStream();
  await stream.next();
  // Silence, and a resource that does not come, are no reason either.
  clock.advance(15_000);
  t.deepEqual(await a.next(), ['absent a']);
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await stream.next();
  t.false(second.hasStream);
});

test('case 79: while the first can’t be reached and something is wanted, the second is asked for everything', async (t) => {
  const { server, watch, watchAll, client, logged } = await startBehind(t, 'sotw');
  const all = watchAll('cluster');
  const a = watch('endpoints', 'a');
  const stream = await server.nextStream();
  t.like(await stream.next(), { type_url: typeUrls.cluster, resource_names: [] });
  t.like(await stream.next(), { type_url: typeUrls.endpoints, resource_names: ['a'] });
  stream.respond(typeUrls.cluster, 'v1', [cluster('a')]);
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  t.deepEqual(await all.next(), ['update +a -']);
  // The first failed before: that is told, and then mended.
  t.regex((await a.next(2)).join('\n'), /^error stream-failed a: .*\nchanged a$/);
  t.true(client.connected);
  t.is(client.dump().server, server.address);
  t.truthy(await logged('trying the next one'));
});

test('case 79: what is all there needs no other server', async (t) => {
  const [first, second] = await Promise.all([AdsServer.start(), AdsServer.start()]);
  t.teardown(() => second.stop());
  const plain = bootstrapFor(first.address);
  const servers = [...plain.servers, { ...plain.servers[0]!, serverUri: second.address }];
  const { watch, logged } = await startClient(t, { bootstrap: { ...plain, servers } });
  const a = watch('endpoints', 'a');
  const stream = await first.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await stream.next();
  first.stop();
  await logged('the xDS stream failed');
  t.false(second.hasStream);
  // Another resource is wanted, and nobody has sent it.
  const b = watch('endpoints', 'b');
  const fallback = await second.nextStream();
  t.like(await fallback.next(), { resource_names: ['a', 'b'], version_info: '' });
  fallback.respond(typeUrls.endpoints, 'other', [endpoints('a', 1), endpoints('b', 1)]);
  t.deepEqual(await b.next(), ['changed b']);
  t.deepEqual(a.events, ['changed a']);
});

for (const mode of ['sotw', 'delta'] as const) {
  test(`cases 63, 79 in ${mode}: the first takes over when it is back, is told no versions of the second, and that one is left`, async (t) => {
    const { server, watch, clock, firstPort, client } = await startBehind(t, mode);
    const a = watch('endpoints', 'a');
    const next = (of: AdsServer) => (mode === 'sotw' ? of.nextStream() : of.nextDeltaStream());
    const fallback = await next(server);
    await fallback.next();
    respondWith(fallback, endpoints('a', 1));
    await a.next(2);
    const back = await AdsServer.start({ port: firstPort, speaks: [mode] });
    t.teardown(() => back.stop());
    let stream: Awaited<ReturnType<typeof next>> | null = null;
    const opened = next(back).then((one) => {
      stream = one;
    });
    // The client tries again in its own time, of which the test is the master.
    while (stream === null) {
      clock.advance(150_000);
      await Promise.race([opened, new Promise(setImmediate)]);
    }
    const first = stream as Awaited<ReturnType<typeof next>>;
    const request = await first.next();
    if ('initial_resource_versions' in request) t.deepEqual(request.initial_resource_versions, {});
    else t.is(request.version_info, '');
    const left = fallback.closed();
    respondWith(first, endpoints('a', 2));
    t.deepEqual(await a.next(), ['changed a']);
    await left;
    t.is(client.dump().server, back.address);
  });
}

function respondWith(
  stream: Awaited<ReturnType<AdsServer['nextStream'] | AdsServer['nextDeltaStream']>>,
  resource: ReturnType<typeof endpoints>,
): void {
  if ('log' in stream) stream.respond(typeUrls.endpoints, 'v1', [resource]);
  else stream.respond(typeUrls.endpoints, [{ name: 'a', version: '1', resource }]);
}
