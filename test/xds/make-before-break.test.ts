// Traffic moves from one cluster to another, and no call fails on the way (xds.md section 3, cases 83, 84).
//
// The server changes its four types one after another, in each of the 24 orders; at every step of every update the
// model of the data plane is asked whether a call would reach an endpoint.
import test from 'ava';
import { startDataPlane } from '../support/data-plane.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { empty, follow, named, oneOfEach, turns } from './mesh-harness.ts';
import {
  cluster,
  connectionManager,
  endpoints,
  listener,
  listenerMessage,
  pack,
  route,
  routeMessage,
} from './messages.ts';
import type { Snapshot } from './snapshot-transport.ts';

const inlineListener = (clusterName: string) =>
  pack(
    'envoy.config.listener.v3.Listener',
    listenerMessage('l', connectionManager({ route_config: routeMessage('inline', [clusterName]) })),
  );

// From one state of the mesh to another: traffic moves from cluster `a` to cluster `b`.
const moves: Readonly<Record<string, readonly [Partial<Snapshot>, Partial<Snapshot>]>> = {
  'a route that changes': [oneOfEach, { listener: oneOfEach.listener, route: named(['r', route('r', 'b')]) }],
  'a listener that takes another route': [
    oneOfEach,
    { listener: named(['l', listener('l', 'r2')]), route: named(['r2', route('r2', 'b')]) },
  ],
  'a route inside a listener': [
    { ...oneOfEach, listener: named(['l', inlineListener('a')]) },
    { listener: named(['l', inlineListener('b')]) },
  ],
};

const cases = Object.entries(moves).flatMap(([what, move]) =>
  (['sotw', 'delta'] as const).map((mode) => [what, mode, ...move] as const),
);

for (const [what, mode, before, after] of cases) {
  test(`case 83: ${what} (${mode}): calls go to one cluster or the other, in whatever order the server speaks`, async (t) => {
    const goal: Snapshot = {
      ...empty,
      ...after,
      cluster: named(['b', cluster('b')]),
      endpoints: named(['b', endpoints('b', 2)]),
    };
    for (const order of permutations(['listener', 'route', 'cluster', 'endpoints'] as const)) {
      const mesh = await follow(t, before, { mode });
      t.deepEqual(mesh.dataPlane.ports('l'), [1]);
      mesh.check = () => {
        t.notThrows(() => mesh.dataPlane.ports('l'), `${order.join(', ')}; then ${mesh.dataPlane.steps.join(', ')}`);
      };
      for (const type of order) {
        mesh.controlPlane.set(type, goal[type]);
        await turns();
      }
      t.deepEqual(mesh.dataPlane.ports('l'), [2], order.join());
      t.deepEqual([...mesh.dataPlane.clusters.keys()], ['b']);
      t.deepEqual([...mesh.dataPlane.endpoints.keys()], ['b']);
      t.deepEqual([...mesh.dataPlane.routes.keys()], Object.keys(goal.route));
      mesh.manager.stop();
    }
  });
}

/** One share of two. */
function weighted(name: string): object {
  return { name, weight: { value: 1 } };
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

for (const mode of ['sotw', 'delta'] as const) {
  test(`case 84 in ${mode}: of a route that names an unknown cluster the rest works, and it is no reason to wait at the start`, async (t) => {
    const mesh = await follow(t, { ...oneOfEach, route: named(['r', route('r', 'a', 'unknown')]) }, { mode });
    t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
    t.true(mesh.isReady());
  });

  test(`case 84 in ${mode}: where calls flow already, the move to an unknown cluster is held for 5 s`, async (t) => {
    const mesh = await follow(t, oneOfEach, { mode });
    mesh.steps();
    mesh.controlPlane.set('route', named(['r', route('r', 'unknown')]));
    await turns();
    mesh.clock.advance(4999);
    await turns();
    t.deepEqual(mesh.steps(), []);
    mesh.clock.advance(1);
    await turns();
    t.deepEqual(mesh.steps(), ['+route r']);
    // A later change that still names it has nothing new to wait for.
    mesh.controlPlane.set('route', named(['r', route('r', 'unknown', 'a')]));
    await turns();
    t.deepEqual(mesh.steps(), ['+route r']);
  });

  test(`case 86 in ${mode}: of weighted clusters one that has no endpoints fails its own calls only`, async (t) => {
    const server = await startEchoServer('a');
    const routes = [
      { match: { prefix: '/' }, route: { weighted_clusters: { clusters: [weighted('a'), weighted('b')] } } },
    ];
    const message = { name: 'r', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] };
    const snapshot = {
      listener: oneOfEach.listener,
      route: named(['r', pack('envoy.config.route.v3.RouteConfiguration', message)]),
      cluster: named(['a', cluster('a')], ['b', cluster('b')]),
    };
    const alive = named(['a', endpoints('a', server.port)], ['b', endpoints('b')]);
    const mesh = await follow(t, { ...snapshot, endpoints: alive }, { mode });
    t.true(mesh.isReady());
    const { clusters, endpoints: known, routes: configs, listeners } = mesh.dataPlane;
    const plane = startDataPlane([
      ...[...clusters.values()].map((value) => ({ type: 'cluster', value }) as const),
      ...[...known.values()].map((value) => ({ type: 'endpoints', value }) as const),
      ...[...configs.values()].map((value) => ({ type: 'route', value }) as const),
      ...[...listeners.values()].map((value) => ({ type: 'listener', value }) as const),
    ]);
    const client = new EchoClient(await plane.port('l'), 'any');
    const failures: string[] = [];
    let answers = 0;
    while (answers < 10 || failures.length < 10) {
      await client.unary(Buffer.from('x')).then(
        () => answers++,
        (error: Error) => failures.push(error.message),
      );
    }
    t.true(
      failures.every((text) => /^14 UNAVAILABLE: b: /.test(text)),
      failures[0],
    );
    client.close();
    plane.stop();
    await server.stop();
  });
}

test('control-planes.md 2.3: a cluster that is dropped before its routes is kept until they have gone, or for 15 s', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('cluster', {});
  await turns();
  mesh.controlPlane.set('endpoints', named(['a', endpoints('a', 8)]));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a'], 'it is in use, so its endpoints still count');
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['-cluster a', '-endpoints a']);
});

test('a cluster that comes back while it is kept stays', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.controlPlane.set('cluster', {});
  await turns();
  mesh.controlPlane.set('cluster', oneOfEach.cluster);
  await turns();
  mesh.clock.advance(60_000);
  await turns();
  t.deepEqual(mesh.dataPlane.ports('l'), [1]);
});
