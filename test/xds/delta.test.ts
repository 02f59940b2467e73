// The client in delta (xds.md section 3: the cases marked D, and "Delta specifics").
//
// Each test: a client asks a scripted server, the server answers with what changed, the test reads the next requests.
import test, { type ExecutionContext } from 'ava';
import type { XdsClientOptions } from '../../xds/client.ts';
import type { AnyMessage, ResourceMessage } from '../../xds/protos.ts';
import { type ClientHarness, startClient } from './client-harness.ts';
import { badCluster, cluster, endpoints, listener, typeUrls } from './messages.ts';

function startDelta(t: ExecutionContext, options: Partial<XdsClientOptions> = {}): Promise<ClientHarness> {
  return startClient(t, { mode: 'delta', ...options }, { speaks: ['delta'] });
}

function named(name: string, version: string, resource: AnyMessage | null): ResourceMessage {
  return { name, version, resource };
}

const empty = { resource_names_subscribe: [], resource_names_unsubscribe: [], initial_resource_versions: {} };

test('cases 1, 2, 12 in delta: only the first request of a stream has the node, each has its type, none a nonce', async (t) => {
  const { server, watch, watchAll } = await startDelta(t);
  watchAll('cluster');
  watch('route', 'r');
  const stream = await server.nextDeltaStream();
  const first = await stream.next();
  t.like(first, { type_url: typeUrls.cluster, response_nonce: '', error_detail: null, ...empty });
  t.is(first.node?.id, 'test-node');
  t.like(await stream.next(), { type_url: typeUrls.route, node: null, resource_names_subscribe: ['r'] });
});

test('case 29: names that are wanted beside everything follow in a request of their own, without *', async (t) => {
  const { server, watch, watchAll } = await startDelta(t);
  watchAll('cluster');
  watch('cluster', 'a');
  const stream = await server.nextDeltaStream();
  t.like(await stream.next(), empty);
  t.like(await stream.next(), { ...empty, resource_names_subscribe: ['a'] });
  watch('cluster', 'b');
  t.like(await stream.next(), { ...empty, resource_names_subscribe: ['b'] });
});

test('case 30: giving up everything unsubscribes *, and what is not also named is forgotten', async (t) => {
  const { server, watch, watchAll, client } = await startDelta(t);
  const all = watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.cluster, [named('a', '1', cluster('a')), named('b', '1', cluster('b'))]);
  await stream.next();
  watch('cluster', 'a');
  await stream.next();
  all.stop();
  t.like(await stream.next(), { ...empty, resource_names_unsubscribe: ['*'] });
  t.deepEqual(
    client.dump().clusters.map(({ name }) => name),
    ['a'],
  );
  watchAll('cluster');
  t.like(await stream.next(), { ...empty, resource_names_subscribe: ['*'] });
});

for (const answer of ['the resource', 'a removal'] as const) {
  test(`case 31: a name that is given up beside everything is answered with ${answer}`, async (t) => {
    const { server, watch, watchAll } = await startDelta(t);
    const all = watchAll('cluster');
    const a = watch('cluster', 'a');
    const stream = await server.nextDeltaStream();
    await stream.next();
    await stream.next();
    stream.respond(typeUrls.cluster, [named('a', '1', cluster('a'))]);
    await stream.next();
    a.stop();
    t.like(await stream.next(), { ...empty, resource_names_unsubscribe: ['a'] });
    if (answer === 'the resource') stream.respond(typeUrls.cluster, [named('a', '1', cluster('a'))]);
    else stream.respond(typeUrls.cluster, [], ['a']);
    t.deepEqual(await all.next(2), ['update +a -', answer === 'the resource' ? 'update + -' : 'update + -a']);
  });
}

test('section 0.2: with wildcard explicit, everything is asked for as * from the start', async (t) => {
  const { server, watchAll } = await startDelta(t, { wildcard: 'explicit' });
  watchAll('listener');
  const stream = await server.nextDeltaStream();
  t.like(await stream.next(), { ...empty, resource_names_subscribe: ['*'] });
});

test('case 34 in delta: a watch that ends before the stream is up asks for nothing', async (t) => {
  const { server, watch, watchAll } = await startDelta(t);
  watch('cluster', 'a').stop();
  watchAll('listener').stop();
  watch('route', 'r');
  const stream = await server.nextDeltaStream();
  t.like(await stream.next(), { type_url: typeUrls.route });
  t.is(stream.pending, 0);
});

test('case 43: what the server removes does not exist, stays subscribed, and is told when it comes later', async (t) => {
  const { server, watch, client } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const never = watch('endpoints', 'never');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  stream.respond(typeUrls.endpoints, [], ['a', 'never']);
  t.deepEqual(await a.next(2), ['changed a', 'absent a']);
  t.deepEqual(await never.next(), ['absent never'], 'it was asked for, so the removal is an answer');
  t.deepEqual(
    client.dump().endpoints.map(({ state }) => state),
    ['DOES_NOT_EXIST', 'DOES_NOT_EXIST'],
  );
  // Case 42: the identical resource.
  stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  t.deepEqual(await a.next(), ['changed a']);
});

test('cases 44, 67: removals of unknown names and empty responses are acknowledged, and change nothing', async (t) => {
  const { server, watch } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  await stream.next();
  for (const removed of [['unknown'], []]) {
    const nonce = stream.respond(typeUrls.endpoints, [], removed);
    t.like(await stream.next(), { ...empty, response_nonce: nonce, error_detail: null });
  }
  t.deepEqual(a.events, ['changed a']);
});

test('case 45: a name that is sent and removed at once is taken, and the NACK says so', async (t) => {
  const { server, watch } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))], ['a']);
  t.is((await stream.next()).error_detail?.message, 'endpoints "a": is sent and removed at once');
  t.deepEqual(a.events, ['changed a']);
});

test('cases 46, 50: a name of which the server says nothing does not exist after 15 s', async (t) => {
  const { server, watch, clock } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  clock.advance(14_999);
  t.deepEqual(a.events, []);
  clock.advance(1);
  t.deepEqual(a.events, ['absent a']);
  stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  t.deepEqual(await a.next(2), ['absent a', 'changed a'], 'case 49');
});

test('cases 55, 57: the first request of a type on a new stream has the versions of all that is in use, and only names that were asked for', async (t) => {
  const { server, watch, watchAll, clock } = await startDelta(t);
  watchAll('cluster');
  watch('endpoints', 'a');
  watch('endpoints', 'missing');
  const first = await server.nextDeltaStream();
  await first.next();
  await first.next();
  first.respond(typeUrls.cluster, [named('a', 'c1', cluster('a')), named('b', '', cluster('b'))]);
  first.respond(typeUrls.cluster, [named('a', 'c2', cluster('a', { connect_timeout: { seconds: 9 } }))]);
  first.respond(typeUrls.endpoints, [named('a', 'e1', endpoints('a', 1))]);
  for (let acks = 0; acks < 3; acks++) await first.next();
  clock.advance(5000);
  first.end();
  const second = await server.nextDeltaStream();
  const clusters = await second.next();
  t.like(clusters, {
    type_url: typeUrls.cluster,
    response_nonce: '',
    resource_names_subscribe: [],
    initial_resource_versions: { a: 'c2', b: '' },
  });
  t.is(clusters.node?.id, 'test-node');
  t.like(await second.next(), {
    type_url: typeUrls.endpoints,
    resource_names_subscribe: ['a', 'missing'],
    initial_resource_versions: { a: 'e1' },
  });
  watch('endpoints', 'later');
  t.like(await second.next(), { ...empty, resource_names_subscribe: ['later'] });
});

test('case 56: after a reconnect what the server is silent about stays, without a timer, and what it removes goes', async (t) => {
  const { server, watchAll, watch, clock } = await startDelta(t);
  const all = watchAll('cluster');
  const a = watch('endpoints', 'a');
  const first = await server.nextDeltaStream();
  await first.next();
  await first.next();
  first.respond(typeUrls.cluster, [named('a', '1', cluster('a')), named('b', '1', cluster('b'))]);
  first.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  await first.next();
  await first.next();
  clock.advance(5000);
  first.end();
  const second = await server.nextDeltaStream();
  await second.next();
  await second.next();
  clock.advance(60_000);
  second.respond(typeUrls.cluster, [], ['b']);
  t.deepEqual(await all.next(2), ['update +a,b -', 'update + -b']);
  t.deepEqual(a.events, ['changed a']);
});

test('case 65: an ACK has the nonce and no names; a change of names has no nonce', async (t) => {
  const { server, watch } = await startDelta(t);
  const a = watch('endpoints', 'a');
  watch('endpoints', 'b');
  const stream = await server.nextDeltaStream();
  t.like(await stream.next(), { ...empty, resource_names_subscribe: ['a', 'b'] });
  const nonce = stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  t.like(await stream.next(), { ...empty, response_nonce: nonce, error_detail: null, node: null });
  a.stop();
  watch('endpoints', 'c');
  t.like(await stream.next(), {
    ...empty,
    response_nonce: '',
    resource_names_subscribe: ['c'],
    resource_names_unsubscribe: ['a'],
  });
});

test('cases 7, 17, 19, 66: a NACK has the nonce and each problem once, the valid resources are used, the old version of the others stays', async (t) => {
  const { server, watchAll, watch, clock, client } = await startDelta(t);
  const all = watchAll('cluster');
  const first = await server.nextDeltaStream();
  await first.next();
  first.respond(typeUrls.cluster, [named('a', 'a1', cluster('a')), named('b', 'b1', cluster('b'))]);
  await first.next();
  const nonce = first.respond(typeUrls.cluster, [
    named('a', 'a2', badCluster('a')),
    named('b', 'b2', cluster('b', { connect_timeout: { seconds: 9 } })),
  ]);
  const problem = 'cluster "a": connect_timeout: must be above 0';
  t.like(await first.next(), { ...empty, response_nonce: nonce, error_detail: { code: 3, message: problem } });
  t.deepEqual(await all.next(3), ['update +a,b -', 'update +b -', `error rejected a (has resource): ${problem}`]);
  t.like(client.dump().clusters[0], { state: 'NACKED', version: 'a1', error: { version: 'a2' } });
  watch('cluster', 'c');
  t.like(await first.next(), { response_nonce: '', error_detail: null, resource_names_subscribe: ['c'] });
  clock.advance(5000);
  first.end();
  const second = await server.nextDeltaStream();
  t.deepEqual((await second.next()).initial_resource_versions, { a: 'a1', b: 'b2' });
});

test('case 24 in delta: the same bad response again is answered later', async (t) => {
  const { server, watchAll, clock } = await startDelta(t);
  const all = watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.cluster, [named('a', '1', badCluster('a'))]);
  await stream.next();
  const nonce = stream.respond(typeUrls.cluster, [named('a', '1', badCluster('a'))]);
  await all.next(3);
  t.is(stream.pending, 0);
  t.is(clock.pending[0], 1000);
  clock.advance(1000);
  t.like(await stream.next(), { response_nonce: nonce });
});

test('cases 68, 69: the version of a response means nothing, those of resources are kept, and what a response does not name stays', async (t) => {
  const { server, watchAll, client } = await startDelta(t);
  const all = watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.cluster, [named('a', 'a1', cluster('a')), named('b', 'b1', cluster('b'))]);
  stream.respond(typeUrls.cluster, [named('b', 'b2', cluster('b', { connect_timeout: { seconds: 9 } }))]);
  t.deepEqual(await all.next(2), ['update +a,b -', 'update +b -']);
  t.deepEqual(
    client.dump().clusters.map(({ name, version }) => [name, version]),
    [
      ['a', 'a1'],
      ['b', 'b2'],
    ],
  );
});

test('Istio gives no versions: what differs is told, what does not is not', async (t) => {
  const { server, watch } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  for (const port of [1, 1, 2]) {
    stream.respond(typeUrls.endpoints, [named('a', '', endpoints('a', port))]);
    await stream.next();
  }
  t.deepEqual(a.events, ['changed a', 'changed a']);
});

test('case 70: what was given up and is asked for again comes again, and is told once', async (t) => {
  const { server, watch, watchAll } = await startDelta(t);
  const all = watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.cluster, [named('a', '1', cluster('a'))]);
  await stream.next();
  const a = watch('cluster', 'a');
  t.like(await stream.next(), { resource_names_subscribe: ['a'] });
  stream.respond(typeUrls.cluster, [named('a', '1', cluster('a'))]);
  await stream.next();
  t.deepEqual([a.events, all.events], [['changed a'], ['update +a -', 'update + -']]);
});

test('case 71: a resource that comes after it was given up is acknowledged and not kept', async (t) => {
  const { server, watch, client } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  a.stop();
  t.like(await stream.next(), { resource_names_unsubscribe: ['a'] });
  const nonce = stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))], ['b']);
  t.like(await stream.next(), { response_nonce: nonce, error_detail: null });
  t.deepEqual(client.dump().endpoints, []);
});

test('cases 72, 75: the name beside a resource counts, in either form; one that is another inside is refused', async (t) => {
  const { server, watchAll, client } = await startDelta(t);
  watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.cluster, [
    { resource_name: { name: 'located' }, version: '1', resource: cluster('located') },
    { version: '1', resource: cluster('bare') },
    named('outer', '1', cluster('inner')),
  ]);
  t.is((await stream.next()).error_detail?.message, 'cluster "outer": name: is "inner" inside');
  t.deepEqual(
    client.dump().clusters.map(({ name, state }) => [name, state]),
    [
      ['bare', 'ACKED'],
      ['located', 'ACKED'],
      ['outer', 'NACKED'],
    ],
  );
});

test('cases 73, 76: aliases of nothing and heartbeats have no resource: they are acknowledged and change nothing', async (t) => {
  const { server, watch } = await startDelta(t);
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, [named('a', '1', endpoints('a', 1))]);
  await stream.next();
  const nonce = stream.respond(typeUrls.endpoints, [
    named('a', '1', null),
    { name: 'r/nobody', aliases: ['r/nobody'], resource: null },
  ]);
  t.like(await stream.next(), { response_nonce: nonce, error_detail: null });
  t.deepEqual(a.events, ['changed a']);
});

test('cases 9, 74: each response is answered with its own nonce, in order', async (t) => {
  const { server, watch } = await startDelta(t);
  watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  const nonces = [1, 2, 3].map((port) => stream.respond(typeUrls.endpoints, [named('a', '', endpoints('a', port))]));
  for (const nonce of nonces) t.is((await stream.next()).response_nonce, nonce);
});

test('cases 13, 14 in delta: an unknown type is passed over, a foreign resource is named in the NACK', async (t) => {
  const { server, watchAll } = await startDelta(t);
  watchAll('cluster');
  const stream = await server.nextDeltaStream();
  await stream.next();
  stream.respond('type.googleapis.com/envoy.config.route.v3.VirtualHost', [{ name: 'r/x', aliases: ['r/x'] }]);
  stream.respond(typeUrls.cluster, [named('l', '1', listener('l', 'r'))]);
  t.is(
    (await stream.next()).error_detail?.message,
    `resources[0]: ${typeUrls.listener} in a response of ${typeUrls.cluster}`,
  );
});
