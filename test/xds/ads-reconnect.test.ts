// What happens to the client when its stream, its server or its network goes (xds.md section 3, "Reconnect").
import test from 'ava';
import { AdsServer } from '../support/ads-server.ts';
import { startClient } from './client-harness.ts';
import { badCluster, cluster, endpoints, typeUrls } from './messages.ts';

const unavailable = 14;

test('case 54: a new stream has the node, no nonce, the versions as they were and every name', async (t) => {
  const { server, watch, watchAll } = await startClient(t);
  watchAll('cluster');
  watch('endpoints', 'a');
  watch('endpoints', 'b');
  const first = await server.nextStream();
  await first.next();
  first.respond(typeUrls.cluster, 'c1', [cluster('a')]);
  first.respond(typeUrls.endpoints, 'e1', [endpoints('a', 1)]);
  await first.next();
  await first.next();
  await first.next();
  first.end();
  const second = await server.nextStream();
  const clusters = await second.next();
  t.like(clusters, { type_url: typeUrls.cluster, version_info: 'c1', response_nonce: '', resource_names: [] });
  t.is(clusters.node?.id, 'test-node');
  t.like(await second.next(), {
    type_url: typeUrls.endpoints,
    version_info: 'e1',
    response_nonce: '',
    resource_names: ['a', 'b'],
    node: null,
  });
});

test('cases 58, 61: a stream that ends after a response is opened anew at once, and nobody is told', async (t) => {
  const { server, watch, client, clock } = await startClient(t);
  const a = watch('endpoints', 'a');
  const missing = watch('endpoints', 'missing');
  for (const [code, details] of [
    [0, ''],
    [unavailable, 'retired'],
    [2, 'odd'],
  ] as const) {
    const stream = await server.nextStream();
    await stream.next();
    stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
    await stream.next();
    t.true(client.connected);
    clock.advance(5000);
    stream.end(code, details);
  }
  const stream = await server.nextStream();
  await stream.next();
  t.true(client.connected);
  t.is(client.statuses()[0]?.counts.get(server.address)?.failures, 0);
  t.deepEqual([a.events, missing.events], [['changed a'], []]);
});

test('case 58: a server that ends each stream right after its response is not called in a tight loop', async (t) => {
  const { server, watch, clock, logged } = await startClient(t);
  watch('endpoints', 'a');
  for (let count = 0; count < 3; count++) {
    const stream = await server.nextStream();
    await stream.next();
    stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
    await stream.next();
    stream.end();
    await stream.closed();
  }
  // The third such end leaves a timer in place of a stream.
  await logged('the xDS stream failed');
  t.false(server.hasStream);
  clock.advance(1000);
  await (await server.nextStream()).next();
});

test('a stream without news that lived for 15 s was no failure', async (t) => {
  const { server, watch, client, clock } = await startClient(t);
  const a = watch('endpoints', 'a');
  const first = await server.nextStream();
  await first.next();
  first.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await first.next();
  clock.advance(5000);
  first.end();
  const second = await server.nextStream();
  await second.next();
  clock.advance(1_800_000);
  second.end(unavailable, 'max age');
  await (await server.nextStream()).next();
  t.true(client.connected);
  t.deepEqual(a.events, ['changed a']);
});

test('case 59: a stream that ends without a response is an error for who has no data, and is tried again by 1 s, 1.6 s, 2.56 s ... 120 s', async (t) => {
  const { server, watch, client, clock } = await startClient(t);
  const a = watch('endpoints', 'a');
  const b = watch('endpoints', 'b');
  const first = await server.nextStream();
  await first.next();
  first.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await first.next();
  clock.advance(5000);
  first.end();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 13; attempt++) {
    const stream = await server.nextStream();
    await stream.next();
    stream.end(unavailable, 'go away');
    const [event] = await b.next();
    t.is(event, `error stream-failed b: ${server.address}: go away`);
    const [wait = 0] = clock.pending;
    waits.push(wait);
    clock.advance(wait);
  }
  t.deepEqual(waits.slice(0, 4), [1000, 1600, 2560, 4096]);
  t.deepEqual(waits.slice(-2), [120_000, 120_000]);
  t.false(client.connected);
  t.is(client.statuses()[0]?.counts.get(server.address)?.failures, 1, 'it worked, and then it did not, once');
  t.deepEqual(a.events, ['changed a'], 'who has data is not told');
  // Case 59: the first response resets the backoff.
  const working = await server.nextStream();
  await working.next();
  working.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await working.next();
  t.true(client.connected);
  clock.advance(5000);
  working.end();
  const refused = await server.nextStream();
  await refused.next();
  refused.end(unavailable, 'again');
  await b.next();
  t.deepEqual(clock.pending, [1000]);
});

test('cases 60, 62: a server that is away is tried again, and what was watched and given up meanwhile is right on the new stream', async (t) => {
  const { server, watch, clock, client, logged } = await startClient(t);
  const a = watch('endpoints', 'a');
  const first = await server.nextStream();
  await first.next();
  first.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await first.next();
  clock.advance(5000);
  server.stop();
  await logged('the xDS stream failed');
  a.stop();
  watch('endpoints', 'b');
  watch('endpoints', 'c').stop();
  const again = await AdsServer.start({ port: server.port });
  t.teardown(() => again.stop());
  clock.advance(1000);
  const second = await again.nextStream();
  t.like(await second.next(), { resource_names: ['b'], version_info: 'v1', response_nonce: '' });
  t.deepEqual(
    client.dump().endpoints.map(({ name, state }) => [name, state]),
    [['b', 'REQUESTED']],
  );
});

test('what is known not to exist is not told that the server is away', async (t) => {
  const { server, watch, clock, logged } = await startClient(t);
  const gone = watch('endpoints', 'gone');
  const stream = await server.nextStream();
  await stream.next();
  clock.advance(15_000);
  server.stop();
  await logged('opening a new one');
  await logged('the xDS stream failed');
  t.deepEqual(gone.events, ['absent gone']);
});

test('a delayed NACK is not sent on the stream after its own', async (t) => {
  const { server, watchAll, clock } = await startClient(t);
  const all = watchAll('cluster');
  const first = await server.nextStream();
  await first.next();
  first.respond(typeUrls.cluster, 'v1', [badCluster('a')]);
  await first.next();
  first.respond(typeUrls.cluster, 'v1', [badCluster('a')]);
  await all.next(3);
  clock.advance(500);
  first.end();
  const second = await server.nextStream();
  await second.next();
  clock.advance(10_000);
  second.respond(typeUrls.cluster, 'v2', [cluster('a')]);
  t.like(await second.next(), { version_info: 'v2', error_detail: null });
});

test('case 89: a response of 20 MiB arrives', async (t) => {
  const { server, watch } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  // Not watched, so it is only carried.
  const ballast = { type_url: typeUrls.endpoints, value: Buffer.concat([Buffer.from([0x0a, 0x01, 0x78]), large()]) };
  stream.respond(typeUrls.endpoints, 'v1', [ballast, endpoints('a', 1)]);
  t.deepEqual(await watched.next(), ['changed a']);
});

test('case 89: a response over 50 MiB is an error that says so, and is not fetched again at once', async (t) => {
  const { server, watch, clock, logs } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [{ type_url: typeUrls.endpoints, value: large(51) }]);
  const [event] = await watched.next();
  t.regex(event ?? '', /error stream-failed a: .*larger than max/);
  t.true(logs.some(({ level, fields }) => level === 'error' && fields['code'] === 8));
  t.deepEqual(clock.pending, [1000]);
});

/** One unknown field of so many MiB. */
function large(mebibytes = 20): Buffer {
  const length = mebibytes * 1024 * 1024;
  const head = [
    0xfa,
    0x3e,
    (length & 0x7f) | 0x80,
    ((length >> 7) & 0x7f) | 0x80,
    ((length >> 14) & 0x7f) | 0x80,
    length >> 21,
  ];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length)]);
}

test('after stop nothing is sent, no timer is left, and what was known can still be read', async (t) => {
  const { server, watch, client, clock } = await startClient(t);
  watch('endpoints', 'a');
  watch('endpoints', 'b');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await stream.next();
  client.stop();
  await stream.closed();
  watch('endpoints', 'c');
  await Promise.resolve();
  t.deepEqual(clock.pending, []);
  t.false(client.connected);
  t.is(client.dump().endpoints[0]?.state, 'ACKED');
  client.start();
  t.like(await (await server.nextStream()).next(), { resource_names: ['a', 'b', 'c'], version_info: 'v1' });
});
