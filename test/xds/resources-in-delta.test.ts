// What becomes of resources in delta, where it is to be the same as in state of the world (xds.md section 3, cases marked
// B); the state of the world has its own files.
import test from 'ava';
import { AdsServer } from '../support/ads-server.ts';
import { type ClientHarness, startClient } from './client-harness.ts';
import { converse } from './conversation.ts';
import { badCluster, cluster, endpoints, pack, typeUrls } from './messages.ts';

const unavailable = 14;
const invalidArgument = 3;

async function follow(t: Parameters<typeof converse>[0], name = 'a') {
  const talk = await converse(t, 'delta');
  const events = talk.harness.watch('cluster', name);
  await talk.asked();
  return { ...talk, events };
}

test('cases 15, 16 in delta: undecodable bytes and a repeated name are named in the NACK, and the rest is used', async (t) => {
  const { server, watchAll } = await startClient(t, { mode: 'delta' }, { speaks: ['delta'] });
  const all = watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.cluster, [
    { version: '1', resource: { type_url: typeUrls.cluster, value: Buffer.from([0xff]) } },
    { name: 'a', version: '1', resource: cluster('a') },
    { name: 'a', version: '1', resource: cluster('a', { lb_policy: 'RANDOM' }) },
    { name: 'b', version: '1', resource: cluster('b') },
  ]);
  const { error_detail: error } = await stream.next();
  t.regex(
    error?.message ?? '',
    /^resources\[0\]: not a envoy\.config\.cluster\.v3\.Cluster: .*\ncluster "a": appears more than once$/,
  );
  t.deepEqual(await all.next(), ['update +a,b -']);
});

test('case 21 in delta: a resource that was not asked for is ignored, even an invalid one', async (t) => {
  const { respond, harness, events } = await follow(t);
  t.is(await respond(typeUrls.cluster, { resources: { x: cluster('x'), y: badCluster('y') } }), null);
  t.deepEqual(
    harness.client.dump().clusters.map(({ name }) => name),
    ['a'],
  );
  t.deepEqual(events.events, []);
});

test('case 22 in delta: the same content again gets an ACK and no event, a bad resource again no second error', async (t) => {
  const { respond, events, harness } = await follow(t);
  await respond(typeUrls.cluster, { resources: { a: cluster('a') } });
  t.is(await respond(typeUrls.cluster, { resources: { a: cluster('a') } }), null);
  t.deepEqual(await events.next(), ['changed a']);
  t.regex((await respond(typeUrls.cluster, { resources: { a: badCluster('a') } })) ?? '', /connect_timeout/);
  const again = respond(typeUrls.cluster, { resources: { a: badCluster('a') } });
  await harness.logged('rejected an xDS response');
  await waitFor(() => harness.clock.pending.includes(1000));
  harness.clock.advance(1000);
  t.regex((await again) ?? '', /connect_timeout/);
  t.is(events.events.length, 2);
});

test('case 25 in delta: a NACK is INVALID_ARGUMENT, and a very long one is cut', async (t) => {
  const { server, watchAll } = await startClient(t, { mode: 'delta' }, { speaks: ['delta'] });
  watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  const bad = Array.from({ length: 500 }, (_, n) => ({ name: `c${n}`, version: '1', resource: badCluster(`c${n}`) }));
  stream.respond(typeUrls.cluster, bad);
  const { error_detail: error } = await stream.next();
  t.is(error?.code, invalidArgument);
  t.is(error?.message.length, 8196);
});

test('case 35 in delta: two watchers of a name are one subscription; the last end gives it up', async (t) => {
  const { asked, respond, harness, events } = await follow(t);
  const second = harness.watch('cluster', 'a');
  const other = harness.watch('cluster', 'b');
  t.deepEqual(await asked(), ['b']);
  await respond(typeUrls.cluster, { resources: { a: cluster('a') } });
  events.stop();
  other.stop();
  t.deepEqual(await asked(), ['-b']);
  second.stop();
  t.deepEqual(await asked(), ['-a']);
});

test('case 36 in delta: a new watcher is told what is known: data, absence, or data and then what is wrong', async (t) => {
  const { respond, harness, events, asked } = await follow(t);
  const gone = harness.watch('cluster', 'gone');
  await asked();
  await respond(typeUrls.cluster, { resources: { a: cluster('a') }, removed: ['gone'] });
  await Promise.all([events.next(), gone.next()]);
  t.deepEqual(await harness.watch('cluster', 'a').next(), ['changed a']);
  t.deepEqual(await harness.watch('cluster', 'gone').next(), ['absent gone']);
  await respond(typeUrls.cluster, { resources: { a: badCluster('a') } });
  const late = await harness.watch('cluster', 'a').next(2);
  t.is(late[0], 'changed a');
  t.regex(late[1]!, /^error rejected a \(has resource\)/);
});

test('case 37 in delta: watching and giving up inside a callback loses no request', async (t) => {
  const { respond, harness, asked } = await follow(t);
  const { client } = harness;
  const nothing = { onChanged() {}, onAbsent() {}, onError() {} };
  let inner = () => {};
  const outer = client.watch('cluster', 'a', {
    ...nothing,
    onChanged: () => {
      outer();
      inner = client.watch('endpoints', 'e', nothing);
      client.watch('cluster', 'b', nothing);
    },
  });
  await respond(typeUrls.cluster, { resources: { a: cluster('a') } });
  t.deepEqual([await asked(), await asked()], [['b'], ['e']]);
  inner();
  t.deepEqual(await asked(), ['-e']);
});

test('case 42 in delta: a resource that was removed and comes back just as it was is told again', async (t) => {
  const { respond, events } = await follow(t);
  await respond(typeUrls.cluster, { resources: { a: cluster('a') } });
  await respond(typeUrls.cluster, { removed: ['a'] });
  await respond(typeUrls.cluster, { resources: { a: cluster('a') } });
  t.deepEqual(await events.next(3), ['changed a', 'absent a', 'changed a']);
});

test('cases 47, 49 in delta: a response with the name ends its timer, even an invalid one; names asked for later have timers too, and may come late', async (t) => {
  const { respond, harness, events, asked } = await follow(t);
  harness.clock.advance(10_000);
  const later = harness.watch('cluster', 'later');
  await asked();
  await respond(typeUrls.cluster, { resources: { a: badCluster('a') } });
  harness.clock.advance(14_999);
  t.is(events.events.length, 1);
  t.deepEqual(later.events, []);
  harness.clock.advance(1);
  t.deepEqual(later.events, ['absent later']);
  await respond(typeUrls.cluster, { resources: { later: cluster('later') } });
  t.deepEqual(await later.next(2), ['absent later', 'changed later']);
});

test('case 48 in delta: when the stream breaks the timers stop, and start anew on the next stream for what has not come', async (t) => {
  const { respond, harness, events, asked, breakStream } = await follow(t);
  const other = harness.watch('cluster', 'other');
  await asked();
  await respond(typeUrls.cluster, { resources: { other: cluster('other') } });
  harness.clock.advance(14_000);
  await breakStream();
  t.deepEqual(await asked(), ['a', 'other']);
  await respond(typeUrls.cluster, {});
  harness.clock.advance(14_999);
  t.deepEqual(events.events, []);
  harness.clock.advance(1);
  t.deepEqual(events.events, ['absent a']);
  t.deepEqual(other.events, ['changed other']);
});

test('cases 58, 61 in delta: a stream that ends after a response is opened anew at once, and nobody is told', async (t) => {
  const { server, watch, client, clock } = await startClient(t, { mode: 'delta' }, { speaks: ['delta'] });
  const a = watch('endpoints', 'a');
  const missing = watch('endpoints', 'missing');
  for (const [code, details] of [
    [0, ''],
    [unavailable, 'retired'],
    [2, 'odd'],
  ] as const) {
    const stream = await server.nextDeltaStream();
    await stream.next();
    stream.respond(typeUrls.endpoints, [{ name: 'a', version: '1', resource: endpoints('a', 1) }]);
    await stream.next();
    clock.advance(5000);
    stream.end(code, details);
  }
  const stream = await server.nextDeltaStream();
  t.deepEqual((await stream.next()).initial_resource_versions, { a: '1' });
  t.true(client.connected);
  t.is(client.statuses()[0]?.counts.get(server.address)?.failures ?? 0, 0);
  t.deepEqual([a.events, missing.events], [['changed a'], []]);
});

test('case 62 in delta: what was watched and given up while the server was away is right on the new stream', async (t) => {
  const { respond, harness, events } = await follow(t);
  await respond(typeUrls.cluster, { resources: { a: cluster('a') } });
  harness.clock.advance(5000);
  harness.server.stop();
  await harness.logged('the xDS stream failed');
  events.stop();
  harness.watch('cluster', 'b');
  harness.watch('cluster', 'c').stop();
  const again = await AdsServer.start({ port: harness.server.port, speaks: ['delta'] });
  t.teardown(() => again.stop());
  harness.clock.advance(1000);
  const request = await (await again.nextDeltaStream()).next();
  t.like(request, { resource_names_subscribe: ['b'], resource_names_unsubscribe: [], response_nonce: '' });
  t.deepEqual(request.initial_resource_versions, {});
  t.deepEqual(names(harness), [['b', 'REQUESTED']]);
});

test('case 89 in delta: a response of 20 MiB arrives', async (t) => {
  const { respond, events } = await follow(t);
  const ballast = pack('envoy.config.cluster.v3.Cluster', { name: 'x'.repeat(20 * 1024 * 1024) });
  t.is(await respond(typeUrls.cluster, { resources: { a: cluster('a'), ballast } }), null);
  t.deepEqual(await events.next(), ['changed a']);
});

function names({ client }: ClientHarness): [string, string][] {
  return client.dump().clusters.map(({ name, state }) => [name, state]);
}

/** Turns of the event loop until it holds. */
async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}
