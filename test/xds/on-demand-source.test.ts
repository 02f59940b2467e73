// A control plane that is asked by name, as proxyless gRPC asks: listeners that somebody wants, and of the clusters those
// that their routes name (gRFC A27, A74).
import test from 'ava';
import { empty, follow, named, turns } from './mesh-harness.ts';
import { apiListener, cluster, endpoints, listener, rdsFields, route, routeMessage } from './messages.ts';
import type { Snapshot } from './snapshot-transport.ts';

const oneTarget = {
  listener: named(['l', apiListener('l', rdsFields('r'))], ['unasked', apiListener('unasked', rdsFields('r'))]),
  route: named(['r', route('r', 'a')]),
  cluster: named(['a', cluster('a')], ['unasked', cluster('unasked')]),
  endpoints: named(['a', endpoints('a', 1)]),
};

const inline = (...clusters: readonly string[]) => apiListener('l', { route_config: routeMessage('inline', clusters) });

const modes = ['sotw', 'delta'] as const;

for (const mode of modes) {
  test(`a listener that is wanted goes out behind its endpoints, cluster and routes, and nothing else does (${mode})`, async (t) => {
    const mesh = await follow(t, oneTarget, { mode, wanted: ['l'] });
    t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
    t.deepEqual(mesh.refusals, []);
    t.true(
      mesh.dataPlane.clusters.get('a')?.localityWeighted,
      'as in gRPC, where the weights of localities always count',
    );
  });

  test(`before anything is wanted there is nothing to wait for (${mode})`, async (t) => {
    const mesh = await follow(t, oneTarget, { mode, wanted: [] });
    t.deepEqual(mesh.steps(), []);
    t.true(mesh.isReady());
  });

  test(`what the last one does not want any more is given up, with all that it led to (${mode})`, async (t) => {
    const mesh = await follow(
      t,
      { ...oneTarget, listener: named(['l', inline('a')], ['m', apiListener('m', rdsFields('r'))]) },
      { mode, wanted: ['l'] },
    );
    mesh.onDemand?.want('l', 1);
    mesh.onDemand?.want('m', 1);
    await turns();
    mesh.onDemand?.unwant('l', 0);
    await turns();
    mesh.steps();
    mesh.onDemand?.unwantAll(1);
    await turns();
    t.deepEqual(mesh.steps().toSorted(), ['-cluster a', '-endpoints a', '-listener l', '-listener m', '-route r']);
    t.is(mesh.onDemand?.size, 0);
    mesh.onDemand?.want('l', 2);
    await turns();
    t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+listener l']);
  });

  for (const [what, before, after] of [
    [
      'a route that changes',
      oneTarget.listener,
      { listener: oneTarget.listener, route: named(['r', route('r', 'b')]) },
    ],
    ['a route inside a listener', named(['l', inline('a')]), { listener: named(['l', inline('b')]), route: {} }],
  ] as const) {
    test(`case 83: ${what}: calls go to one cluster or the other, in whatever order the server speaks (${mode}, by name)`, async (t) => {
      const goal: Snapshot = {
        ...empty,
        ...after,
        cluster: named(['b', cluster('b')]),
        endpoints: named(['b', endpoints('b', 2)]),
      };
      for (const order of permutations(['listener', 'route', 'cluster', 'endpoints'] as const)) {
        const mesh = await follow(t, { ...oneTarget, listener: before }, { mode, wanted: ['l'] });
        t.deepEqual(mesh.dataPlane.ports('l'), [1]);
        mesh.check = () => {
          t.notThrows(() => mesh.dataPlane.ports('l'), `${order.join(', ')}; then ${mesh.dataPlane.steps.join(', ')}`);
        };
        for (const type of order) {
          mesh.controlPlane.set(type, goal[type]);
          await turns();
        }
        // A cluster that was asked for before there was one does not exist after 15 s, and comes all the same.
        mesh.clock.advance(15_000);
        await turns();
        t.deepEqual(mesh.dataPlane.ports('l'), [2], order.join());
        t.deepEqual([...mesh.dataPlane.clusters.keys()], ['b']);
        mesh.manager.stop();
      }
    });
  }
}

test('of routes that name a cluster which does not exist the rest works, once that is known', async (t) => {
  const mesh = await follow(t, { ...oneTarget, route: named(['r', route('r', 'a', 'unknown')]) }, { wanted: ['l'] });
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a']);
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['+route r', '+listener l']);
});

test('a listener that does not exist is refused, and goes out when it comes', async (t) => {
  const mesh = await follow(t, { ...oneTarget, listener: {} }, { wanted: ['l'] });
  mesh.clock.advance(15_000);
  t.deepEqual(mesh.refusals, ['l: the control plane has no listener l']);
  mesh.onDemand?.want('l', 1);
  t.is(mesh.refusals.length, 2, 'who comes later is told too');
  mesh.controlPlane.set('listener', oneTarget.listener);
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
  mesh.controlPlane.set('listener', {});
  await turns();
  t.deepEqual(mesh.steps()[0], '-listener l');
  t.is(mesh.refusals.length, 3);
});

test('a listener with a port is not opened for having been asked for by name', async (t) => {
  const mesh = await follow(t, { ...oneTarget, listener: named(['l', listener('l', 'r')]) }, { wanted: ['l'] });
  t.deepEqual(mesh.refusals, ['l: listener l is none for clients (api_listener)']);
  t.deepEqual(mesh.steps(), []);
});

test('a listener that is not valid is refused with the field', async (t) => {
  const mesh = await follow(
    t,
    { ...oneTarget, listener: named(['l', apiListener('l', { http_filters: [] })]) },
    { wanted: ['l'] },
  );
  t.regex(mesh.refusals[0]!, /^l: listener "l": .*api_listener\.api_listener\.http_filters: must not be empty/);
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
