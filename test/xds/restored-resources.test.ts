// What a client has from an earlier life (--cache-dir): in use at once, replaced by what the server says, and dropped
// only when a server that answers does not have it.
import test from 'ava';
import type { ResourceType, SavedResource } from '../../xds/index.ts';
import type { AnyMessage } from '../../xds/protos.ts';
import { startClient } from './client-harness.ts';
import { badCluster, cluster, endpoints, typeUrls } from './messages.ts';

function saved(type: ResourceType, name: string, { value }: AnyMessage): SavedResource {
  return { type, name, version: 'of-old', bytes: value };
}

const ofOld = [
  saved('cluster', 'a', cluster('a')),
  saved('cluster', 'b', cluster('b')),
  saved('endpoints', 'a', endpoints('a', 1)),
];

test('watchers have it before the server says anything, and the server is not told of its versions', async (t) => {
  const counts: number[] = [];
  const onRestored = (count: number) => counts.push(count);
  const { server, client, watch, watchAll } = await startClient(
    t,
    { mode: 'delta', onRestored },
    { speaks: ['delta'] },
    ofOld,
  );
  const all = watchAll('cluster');
  const a = watch('endpoints', 'a');
  t.deepEqual(await all.next(), ['update +a,b -']);
  t.deepEqual(await a.next(), ['changed a']);
  t.deepEqual(counts, [3]);
  t.is(client.dump().clusters[0]?.origin, 'disk');
  const stream = await server.nextDeltaStream();
  t.deepEqual((await stream.next()).initial_resource_versions, {});
  t.deepEqual((await stream.next()).initial_resource_versions, {});
});

test('what the server confirms is no event, what it changes is one, and what it does not have is removed', async (t) => {
  const counts: number[] = [];
  const onRestored = (count: number) => counts.push(count);
  const { server, client, watch, watchAll } = await startClient(t, { onRestored }, {}, ofOld);
  const all = watchAll('cluster');
  const a = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.nextOf(typeUrls.cluster);
  stream.respond(typeUrls.cluster, 'v1', [cluster('a')]);
  t.deepEqual((await all.next(2)).at(-1), 'update + -b');
  stream.respond(typeUrls.endpoints, 'v1', [endpoints('a', 2)]);
  t.deepEqual(await a.next(2), ['changed a', 'changed a']);
  t.deepEqual(counts, [3, 1, 0]);
  t.like(client.dump().clusters, [{ name: 'a', origin: 'server', version: 'v1' }]);
});

test('a server that says nothing at all takes nothing away, however long', async (t) => {
  const { server, client, watch, watchAll, clock } = await startClient(t, {}, {}, ofOld);
  const all = watchAll('cluster');
  const a = watch('endpoints', 'a');
  const stream = await server.nextStream();
  await stream.nextOf(typeUrls.cluster);
  await stream.nextOf(typeUrls.endpoints);
  clock.advance(600_000);
  t.deepEqual(all.events, ['update +a,b -', 'silence']);
  t.deepEqual(a.events, ['changed a']);
  t.is(client.dump().clusters.length, 2);
});

test('delta: what a server that answers does not send is gone, between 15 s and 30 s after its first answer', async (t) => {
  const { server, watch, watchAll, clock } = await startClient(t, { mode: 'delta' }, { speaks: ['delta'] }, ofOld);
  const all = watchAll('cluster');
  const a = watch('endpoints', 'a');
  const stream = await server.nextDeltaStream();
  await stream.next();
  await stream.next();
  clock.advance(14_000);
  stream.respond(typeUrls.cluster, [{ name: 'a', version: 'v1', resource: cluster('a') }]);
  await all.next(2);
  clock.advance(15_000);
  t.is(a.events.length, 1);
  t.is(all.events.length, 2);
  clock.advance(15_000);
  t.deepEqual(all.events.at(-1), 'update + -b');
  t.deepEqual(a.events, ['changed a', 'absent a']);
});

test('a version that is rejected leaves it in use, and what is no longer valid is not taken', async (t) => {
  const broken = { type: 'cluster', name: 'z', version: '1', bytes: Buffer.from([0xff]) } as const;
  const { server, client, watchAll, logged, clock } = await startClient(t, {}, {}, [...ofOld, broken]);
  t.like((await logged('a resource from the disk is not used')).fields, { type: 'cluster', name: 'z' });
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.nextOf(typeUrls.cluster);
  stream.respond(typeUrls.cluster, 'v1', [badCluster('a'), cluster('b')]);
  await all.next(3);
  t.regex(all.events.at(-1) ?? '', /^error rejected a \(has resource\)/);
  clock.advance(60_000);
  t.like(client.dump().clusters, [{ name: 'a', state: 'NACKED', origin: 'disk', version: 'of-old' }, { name: 'b' }]);
});
