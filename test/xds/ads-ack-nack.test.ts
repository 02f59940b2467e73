// How responses are answered in state of the world (xds.md section 3, "Stream start, ACK and NACK").
//
// Each test: a client asks a scripted server, the server answers well or badly, the test reads the next requests.
import test from 'ava';
import { startClient } from './client-harness.ts';
import { badCluster, cluster, endpoints, listener, pack, route, typeUrls, wrapped } from './messages.ts';

test('cases 1, 2, 12: the first request of a type has no version and no nonce; only the first of a stream has the node', async (t) => {
  const { server, watch, watchAll } = await startClient(t);
  watchAll('cluster');
  watch('route', 'r');
  const stream = await server.nextStream();
  const first = await stream.next();
  t.like(first, { type_url: typeUrls.cluster, version_info: '', response_nonce: '', resource_names: [] });
  t.like(first.node, { id: 'test-node', cluster: 'test-cluster', user_agent_name: 'outrigger' });
  t.deepEqual(first.node?.locality, { region: 'r', zone: 'z', sub_zone: 's' });
  t.like(first.node?.metadata?.fields['role'], { stringValue: 'test' });
  t.like(await stream.next(), { type_url: typeUrls.route, version_info: '', resource_names: ['r'], node: null });
});

test('case 3: an ACK has the version and the nonce of the response, the names as before, and no error', async (t) => {
  const { server, watch } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  const nonce = stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  t.like(await stream.next(), {
    version_info: 'v1',
    response_nonce: nonce,
    resource_names: ['a'],
    error_detail: null,
    node: null,
  });
  t.deepEqual(await watched.next(), ['changed a']);
});

test('cases 4, 5, 6, 8: a NACK has the last accepted version and the new nonce; a good response then gets an ACK', async (t) => {
  const { server, watch } = await startClient(t);
  watch('route', 'r');
  const stream = await server.nextStream();
  await stream.next();
  const bad = pack('envoy.config.route.v3.RouteConfiguration', { name: 'r', virtual_hosts: [{ name: 'v' }] });
  const first = stream.respond(typeUrls.route, 'v1', [bad]);
  const nack = await stream.next();
  t.like(nack, { version_info: '', response_nonce: first, resource_names: ['r'] });
  // Case 25: INVALID_ARGUMENT, naming resource and field.
  t.is(nack.error_detail?.code, 3);
  t.is(nack.error_detail?.message, 'route "r": virtual_hosts[0].domains: must not be empty');
  const second = stream.respond(typeUrls.route, 'v2', [route('r', 'a')]);
  t.like(await stream.next(), { version_info: 'v2', response_nonce: second, error_detail: null });
  const third = stream.respond(typeUrls.route, 'v3', [bad]);
  const again = await stream.next();
  t.like(again, { version_info: 'v2', response_nonce: third });
  t.truthy(again.error_detail);
});

test('case 7: error_detail is in one request only; a later change of the names has the same nonce and no error', async (t) => {
  const { server, watch } = await startClient(t);
  watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  const bad = pack('envoy.config.endpoint.v3.ClusterLoadAssignment', {
    cluster_name: 'a',
    endpoints: [{ priority: 1 }],
  });
  const nonce = stream.respond(typeUrls.endpoints, 'v1', [bad]);
  t.truthy((await stream.next()).error_detail);
  watch('endpoints', 'b');
  t.like(await stream.next(), { response_nonce: nonce, resource_names: ['a', 'b'], error_detail: null });
});

test('cases 9, 10, 11: two quick responses get two ACKs in order; a change of the names has the newest nonce and all names', async (t) => {
  const { server, watch } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  const first = stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  const second = stream.respond(typeUrls.endpoints, 'v2', [endpoints('a', 2)]);
  t.like(await stream.next(), { version_info: 'v1', response_nonce: first });
  t.like(await stream.next(), { version_info: 'v2', response_nonce: second });
  await watched.next(2);
  watch('endpoints', 'b');
  t.like(await stream.next(), { version_info: 'v2', response_nonce: second, resource_names: ['a', 'b'] });
});

test('case 13: a response of an unknown type gets neither ACK nor NACK, and the stream goes on', async (t) => {
  const { server, watch, logs } = await startClient(t);
  watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond('type.googleapis.com/unheard.of', 'v1', []);
  stream.respond(typeUrls.cluster, 'v1', [cluster('never asked for')]);
  const nonce = stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  t.like(await stream.next(), { type_url: typeUrls.endpoints, response_nonce: nonce });
  t.deepEqual(
    logs.filter(({ level }) => level === 'warn').map(({ fields }) => fields['typeUrl']),
    ['type.googleapis.com/unheard.of', typeUrls.cluster],
  );
});

test('cases 14, 15, 16: a foreign type, undecodable bytes and a repeated name are named in the NACK', async (t) => {
  const { server, watchAll, client } = await startClient(t);
  watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [
    cluster('a'),
    listener('l', 'r'),
    { type_url: typeUrls.cluster, value: Buffer.from([0x0a, 0xff]) },
    cluster('a', { alt_stat_name: 'other' }),
  ]);
  const { error_detail } = await stream.next();
  const [foreign, broken, repeated] = error_detail?.message.split('\n') ?? [];
  t.is(foreign, `resources[1]: ${typeUrls.listener} in a response of ${typeUrls.cluster}`);
  t.regex(broken ?? '', /^resources\[2\]: not a envoy\.config\.cluster\.v3\.Cluster: /);
  t.is(repeated, 'cluster "a": appears more than once');
  t.deepEqual(
    client.dump().clusters.map(({ name, state }) => [name, state]),
    [['a', 'ACKED']],
  );
});

test('case 17: of two resources the valid one is used, the invalid one is told to its watcher, one NACK lists each error', async (t) => {
  const { server, watch, watchAll } = await startClient(t);
  const all = watchAll('cluster');
  const bad = watch('cluster', 'bad');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [cluster('good'), badCluster('bad'), badCluster('worse')]);
  const problem = 'connect_timeout: must be above 0';
  t.like(await stream.next(), {
    version_info: '',
    error_detail: { message: `cluster "bad": ${problem}\ncluster "worse": ${problem}` },
  });
  t.deepEqual(await all.next(3), [
    'update +good -',
    `error rejected bad: cluster "bad": ${problem}`,
    `error rejected worse: cluster "worse": ${problem}`,
  ]);
  t.deepEqual(await bad.next(), [`error rejected bad: cluster "bad": ${problem}`]);
});

for (const [partialVersion, expected] of [
  ['previous', ''],
  ['advance', 'v1'],
] as const) {
  test(`case 18: the version in the NACK of a partly valid response, with partialVersion ${partialVersion}`, async (t) => {
    const { server, watchAll } = await startClient(t, { partialVersion });
    watchAll('cluster');
    const stream = await server.nextStream();
    await stream.next();
    stream.respond(typeUrls.cluster, 'v1', [cluster('good'), badCluster('bad')]);
    t.is((await stream.next()).version_info, expected);
  });
}

test('cases 19, 20: a bad version of a known resource leaves the old one in use and is no removal', async (t) => {
  const { server, watchAll, client } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [cluster('a'), cluster('b')]);
  stream.respond(typeUrls.cluster, 'v2', [badCluster('a'), cluster('b')]);
  t.deepEqual(await all.next(3), [
    'update +a,b -',
    'update + -',
    'error rejected a (has resource): cluster "a": connect_timeout: must be above 0',
  ]);
  t.like(client.dump().clusters[0], { name: 'a', state: 'NACKED', version: 'v1', error: { version: 'v2' } });
});

test('case 20: a resource that cannot be read may be any that is missing, so none counts as removed', async (t) => {
  const { server, watchAll } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [cluster('a')]);
  stream.respond(typeUrls.cluster, 'v2', [{ type_url: typeUrls.cluster, value: Buffer.from([0xff]) }]);
  t.deepEqual(await all.next(2), ['update +a -', 'update + -']);
});

test('case 21: a resource that was not asked for is ignored, even an invalid one', async (t) => {
  const { server, watch, client } = await startClient(t);
  watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  const bad = pack('envoy.config.endpoint.v3.ClusterLoadAssignment', {
    cluster_name: 'x',
    endpoints: [{ priority: 9 }],
  });
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('other', 1), bad, endpoints('a', 1)]);
  t.like(await stream.next(), { version_info: 'v1', error_detail: null });
  t.deepEqual(
    client.dump().endpoints.map(({ name }) => name),
    ['a'],
  );
});

test('case 22: the same content again gets an ACK and no event, a bad resource again no second error', async (t) => {
  const { server, watchAll } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [cluster('a'), badCluster('b')]);
  stream.respond(typeUrls.cluster, 'v2', [cluster('a'), badCluster('b'), cluster('c')]);
  // The same content in other bytes: an unknown field at the end.
  const { type_url, value } = cluster('a');
  stream.respond(typeUrls.cluster, 'v3', [
    { type_url, value: Buffer.concat([value, Buffer.from([0xfa, 0x3e, 0x00])]) },
    cluster('b'),
    cluster('c'),
  ]);
  t.deepEqual(await all.next(4), [
    'update +a -',
    'error rejected b: cluster "b": connect_timeout: must be above 0',
    'update +c -',
    'update +b -',
  ]);
});

test('case 23: an empty response of EDS or RDS gets an ACK and changes nothing', async (t) => {
  const { server, watch } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v2', []);
  t.like(await stream.next(), { version_info: 'v2', error_detail: null });
  t.deepEqual(watched.events, ['changed a']);
});

test('case 24: a server that answers each NACK with the same response gets at most 5 in the first 10 s', async (t) => {
  const { server, watchAll, clock } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  const resources = [cluster('a'), badCluster('b')];
  const start = clock.now();
  const nackedAt: number[] = [];
  for (let round = 0; round < 7; round++) {
    // go-control-plane writes the resources of a snapshot in any order.
    const nonce = stream.respond(typeUrls.cluster, 'v1', round % 2 === 0 ? resources : resources.toReversed());
    await all.next(round === 0 ? 2 : 1);
    const [delay = 0] = clock.pending;
    if (round > 0) t.is(stream.pendingOf(typeUrls.cluster), 0, 'a repeated response is not answered at once');
    if (round > 0) clock.advance(delay);
    t.like(await stream.next(), { response_nonce: nonce });
    await stream.nextOf(typeUrls.cluster);
    if (round === 0) await stream.nextOf(typeUrls.cluster);
    nackedAt.push((clock.now() - start) / 1000);
  }
  t.deepEqual(nackedAt, [0, 1, 3, 7, 15, 31, 61]);
  // Another version is judged, and answered at once.
  const nonce = stream.respond(typeUrls.cluster, 'v2', [cluster('a'), cluster('b')]);
  t.like(await stream.next(), { response_nonce: nonce, version_info: 'v2', error_detail: null });
  t.deepEqual(all.events.at(-1), 'update +b -');
});

test('case 24: a NACK that waits is dropped when a newer response has come', async (t) => {
  const { server, watchAll, clock } = await startClient(t);
  watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [badCluster('b')]);
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [badCluster('b')]);
  const nonce = stream.respond(typeUrls.cluster, 'v2', [cluster('b')]);
  t.like(await stream.next(), { response_nonce: nonce, version_info: 'v2' });
  clock.advance(60_000);
  // What the client had to say is before its next ACK.
  stream.respond(typeUrls.cluster, 'v3', [cluster('b')]);
  t.like(await stream.next(), { version_info: 'v3', error_detail: null });
  t.is(stream.log.filter(({ error_detail }) => error_detail !== null).length, 1);
});

test('case 25: a very long NACK is cut', async (t) => {
  const { server, watchAll } = await startClient(t);
  watchAll('listener');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(
    typeUrls.listener,
    'v1',
    Array.from({ length: 500 }, (_, index) => pack('envoy.config.listener.v3.Listener', { name: `listener-${index}` })),
  );
  const message = (await stream.next()).error_detail?.message ?? '';
  t.true(message.length < 8300 && message.endsWith(' ...'), `${message.length} characters`);
});

test('case 75: a wrapped resource is taken, and the name on the wrapping goes before its own', async (t) => {
  const { server, watchAll, watch } = await startClient(t);
  const all = watchAll('cluster');
  const named = watch('endpoints', 'outer');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [wrapped('', cluster('a'), 'own version')]);
  stream.respond(typeUrls.endpoints, 'v1', [wrapped('outer', endpoints('inner', 1))]);
  t.deepEqual(await all.next(), ['update +a -']);
  t.deepEqual(await named.next(), ['changed outer']);
});

test('case 76: a heartbeat, a wrapping without a resource, gets an ACK and changes nothing', async (t) => {
  const { server, watch } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [wrapped('a', endpoints('a', 1))]);
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [wrapped('a', null)]);
  t.like(await stream.next(), { version_info: 'v1', error_detail: null });
  t.deepEqual(watched.events, ['changed a']);
});
