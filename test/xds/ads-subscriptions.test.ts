// What is asked for, and when something counts as not existing (xds.md section 3, "Subscriptions and wildcard",
// "Deletion and absence").
//
// Each test: watchers come and go, the scripted server reads what that makes the client ask, or lets time pass.
import test from 'ava';
import { startClient } from './client-harness.ts';
import { cluster, endpoints, listener, pack, route, typeUrls } from './messages.ts';

const notExisting = 15_000;

test('case 26: the first request for everything has no names, and stays so', async (t) => {
  const { server, watchAll } = await startClient(t);
  watchAll('cluster');
  const stream = await server.nextStream();
  t.deepEqual((await stream.next()).resource_names, []);
  stream.respond(typeUrls.cluster, 'v1', [cluster('a')]);
  t.deepEqual((await stream.next()).resource_names, []);
});

test('cases 27, 28: after names were sent, everything is asked for as *, and names are dropped without it', async (t) => {
  const { server, watch, watchAll } = await startClient(t);
  const named = watch('cluster', 'a');
  const stream = await server.nextStream();
  t.deepEqual((await stream.next()).resource_names, ['a']);
  const all = watchAll('cluster');
  t.deepEqual((await stream.next()).resource_names, ['*', 'a']);
  named.stop();
  t.deepEqual((await stream.next()).resource_names, ['*']);
  watch('cluster', 'b');
  t.deepEqual((await stream.next()).resource_names, ['*', 'b']);
  all.stop();
  t.deepEqual((await stream.next()).resource_names, ['b']);
});

test('section 0.2: with wildcard explicit, everything is asked for as * from the start', async (t) => {
  const { server, watchAll } = await startClient(t, { wildcard: 'explicit' });
  watchAll('listener');
  const stream = await server.nextStream();
  t.deepEqual((await stream.next()).resource_names, ['*']);
});

test('cases 32, 33: giving up the last name sends an empty list with the last nonce, and asking anew keeps that nonce', async (t) => {
  const { server, watch } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  const nonce = stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await stream.next();
  await watched.next();
  watched.stop();
  t.like(await stream.next(), { resource_names: [], response_nonce: nonce, version_info: 'v1' });
  const again = watch('endpoints', 'a');
  t.like(await stream.next(), { resource_names: ['a'], response_nonce: nonce });
  // What was given up is forgotten, so it is news when it comes again.
  stream.respond(typeUrls.endpoints, 'v2', [endpoints('a', 1)]);
  t.deepEqual(await again.next(), ['changed a']);
});

test('case 34: a watch that ends before the stream is up asks for nothing, least of all for everything', async (t) => {
  const { server, watch, watchAll } = await startClient(t);
  watch('cluster', 'a').stop();
  watchAll('listener').stop();
  watch('route', 'r');
  const stream = await server.nextStream();
  t.like(await stream.next(), { type_url: typeUrls.route, resource_names: ['r'] });
  stream.respond(typeUrls.route, 'v1', [route('r')]);
  await stream.next();
  t.deepEqual(
    stream.log.map(({ type_url }) => type_url),
    [typeUrls.route, typeUrls.route],
  );
});

test('case 35: two watchers of a name are one subscription; the last end gives it up', async (t) => {
  const { server, watch } = await startClient(t);
  const first = watch('route', 'r');
  const second = watch('route', 'r');
  watch('route', 's');
  const stream = await server.nextStream();
  t.deepEqual((await stream.next()).resource_names, ['r', 's']);
  stream.respond(typeUrls.route, 'v1', [route('r', 'a'), route('s')]);
  await stream.next();
  t.deepEqual([await first.next(), await second.next()], [['changed r'], ['changed r']]);
  first.stop();
  stream.respond(typeUrls.route, 'v2', [route('r', 'b')]);
  t.deepEqual((await stream.next()).resource_names, ['r', 's']);
  t.deepEqual(await second.next(), ['changed r']);
  second.stop();
  t.deepEqual((await stream.next()).resource_names, ['s']);
  t.deepEqual(first.events, ['changed r']);
});

test('case 36: a new watcher is told what is known: data, absence, or data and then what is wrong with its newer version', async (t) => {
  const { server, watch, clock } = await startClient(t);
  const a = watch('endpoints', 'a');
  const gone = watch('endpoints', 'gone');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  const bad = pack('envoy.config.endpoint.v3.ClusterLoadAssignment', {
    cluster_name: 'a',
    endpoints: [{ priority: 1 }],
  });
  stream.respond(typeUrls.endpoints, 'v2', [bad]);
  await a.next(2);
  clock.advance(notExisting);
  await gone.next();
  const problem = 'endpoints "a": endpoints: there is a priority 1, but none 0';
  t.deepEqual(await watch('endpoints', 'a').next(2), ['changed a', `error rejected a (has resource): ${problem}`]);
  t.deepEqual(await watch('endpoints', 'gone').next(), ['absent gone']);
});

test('case 36: a new watcher is told at once that no server can be reached', async (t) => {
  const { server, watch, logged } = await startClient(t);
  server.stop();
  await logged('the xDS stream failed');
  t.regex((await watch('endpoints', 'a').next())[0]!, /^error stream-failed a: 127\.0\.0\.1:\d+: /);
});

test('case 37: watching and giving up inside a callback loses no request', async (t) => {
  const { server, client, watch } = await startClient(t);
  const later = Promise.withResolvers<void>();
  const stop = client.watch('cluster', 'a', {
    onChanged() {
      stop();
      client.watch('endpoints', 'a', { onChanged: () => later.resolve(), onAbsent() {}, onError() {} });
    },
    onAbsent() {},
    onError() {},
  });
  watch('cluster', 'b');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'v1', [cluster('a'), cluster('b')]);
  t.like(await stream.next(), { version_info: 'v1', resource_names: ['a', 'b'] });
  t.like(await stream.next(), { type_url: typeUrls.cluster, resource_names: ['b'] });
  t.like(await stream.next(), { type_url: typeUrls.endpoints, resource_names: ['a'] });
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await later.promise;
  t.pass();
});

test('a watcher that throws is logged, and the others are told all the same', async (t) => {
  const { server, client, watch, logs } = await startClient(t);
  const angry = () => {
    throw new Error('not today');
  };
  client.watch('endpoints', 'a', { onChanged: angry, onAbsent: angry, onError: angry });
  const calm = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  t.like(await stream.next(), { version_info: 'v1' });
  t.deepEqual(await calm.next(), ['changed a']);
  t.true(logs.some(({ level, fields }) => level === 'error' && fields['error'] === 'Error: not today'));
});

test('cases 38, 39: what is missing in the next response of LDS or CDS was removed, and an empty one removes all', async (t) => {
  const { server, watch, watchAll } = await startClient(t);
  const all = watchAll('listener');
  const b = watch('listener', 'b');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.listener, 'v1', [listener('a', 'r'), listener('b', 'r'), listener('c', 'r')]);
  stream.respond(typeUrls.listener, 'v2', [listener('a', 'r'), listener('c', 'r')]);
  stream.respond(typeUrls.listener, 'v3', []);
  t.deepEqual(await all.next(3), ['update +a,b,c -', 'update + -b', 'update + -a,c']);
  t.deepEqual(b.events, ['changed b', 'absent b']);
});

test('case 40: a named listener that never came is not removed by a response without it; only time says so', async (t) => {
  const { server, watch, clock } = await startClient(t);
  watch('listener', 'a');
  const b = watch('listener', 'b');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.listener, 'v1', [listener('a', 'r')]);
  await stream.next();
  t.deepEqual(b.events, []);
  clock.advance(notExisting);
  t.deepEqual(b.events, ['absent b']);
});

test('case 41: endpoints and routes that are missing in a response are still valid', async (t) => {
  const { server, watch, client } = await startClient(t);
  const a = watch('endpoints', 'a');
  watch('endpoints', 'b');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1), endpoints('b', 1)]);
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v2', [endpoints('b', 2)]);
  await stream.next();
  t.deepEqual(a.events, ['changed a']);
  t.like(client.dump().endpoints[0], { name: 'a', state: 'ACKED', version: 'v1' });
});

test('case 42: a resource that was removed and comes back just as it was is told again', async (t) => {
  const { server, watchAll } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  for (const [version, names] of [
    ['v1', ['a']],
    ['v2', []],
    ['v3', ['a']],
  ] as const) {
    stream.respond(
      typeUrls.cluster,
      version,
      names.map((name) => cluster(name)),
    );
  }
  t.deepEqual(await all.next(3), ['update +a -', 'update + -a', 'update +a -']);
});

test('cases 46, 49, 94: a name that does not come within 15 s of its request does not exist, and is told if it comes later', async (t) => {
  const { server, watch, clock, client, logs } = await startClient(t);
  const watched = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.next();
  clock.advance(notExisting - 1);
  t.deepEqual(watched.events, []);
  clock.advance(1);
  t.deepEqual(watched.events, ['absent a']);
  t.is(client.dump().endpoints[0]?.state, 'DOES_NOT_EXIST');
  t.true(logs.some(({ message }) => message.includes('the server may need all names')));
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  t.deepEqual(await watched.next(2), ['absent a', 'changed a']);
});

test('case 46: the timer does not run while there is no connection', async (t) => {
  const { server, watch, clock } = await startClient(t);
  server.stop();
  const watched = watch('endpoints', 'a');
  const [event] = await watched.next();
  t.regex(event ?? '', /^error stream-failed a: 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  t.deepEqual(clock.pending, [1000], 'only the next attempt waits');
});

test('case 47: any response with the name ends its timer, even an invalid one; names asked for later have timers too', async (t) => {
  const { server, watch, clock } = await startClient(t);
  const bad = watch('endpoints', 'bad');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.endpoints, 'v1', [
    pack('envoy.config.endpoint.v3.ClusterLoadAssignment', { cluster_name: 'bad', endpoints: [{ priority: 1 }] }),
  ]);
  await bad.next();
  clock.advance(10_000);
  const late = watch('endpoints', 'late');
  await stream.next();
  await stream.next();
  clock.advance(5000);
  t.deepEqual([bad.events.length, late.events], [1, []]);
  clock.advance(10_000);
  t.deepEqual([bad.events.length, late.events], [1, ['absent late']]);
});

test('case 48: when the stream breaks the timers stop, and start anew on the next stream for what has not come', async (t) => {
  const { server, watch, clock } = await startClient(t);
  const here = watch('endpoints', 'here');
  const missing = watch('endpoints', 'missing');
  const first = await server.nextStream();
  await first.next();
  first.respond(typeUrls.endpoints, 'v1', [endpoints('here', 1)]);
  await first.next();
  clock.advance(14_000);
  first.end();
  const second = await server.nextStream();
  await second.next();
  clock.advance(14_999);
  t.deepEqual([here.events, missing.events], [['changed here'], []]);
  clock.advance(1);
  t.deepEqual([here.events, missing.events], [['changed here'], ['absent missing']]);
});

test('control-planes.md section 2.4: a server that never answers for everything is noticed after 15 s', async (t) => {
  const { server, watchAll, clock } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  clock.advance(notExisting);
  t.deepEqual(all.events, ['silence']);
  stream.respond(typeUrls.cluster, 'v1', [cluster('a')]);
  t.deepEqual(await all.next(2), ['silence', 'update +a -']);
});
