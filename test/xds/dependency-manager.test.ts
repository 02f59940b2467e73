// What is emitted, and when: what waits for what, and what is given up (xds.md section 3, "Ordering, warming, flow";
// gRFC A74). make-before-break.test.ts moves traffic.
//
// Each test: a control plane holds a few resources; a client and a manager follow it; a model of the data plane applies
// each update and is asked where calls go.
import test from 'ava';
import type { ResolvedHost } from '../../xds/index.ts';
import { follow, named, oneOfEach, turns } from './mesh-harness.ts';
import {
  badCluster,
  cluster,
  connectionManager,
  endpoints,
  listener,
  listenerMessage,
  pack,
  route,
  routeMessage,
  socketAddress,
} from './messages.ts';

test('the first configuration comes endpoints, cluster, route, listener, and then it is ready', async (t) => {
  const mesh = await follow(t, oneOfEach);
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
  t.deepEqual(mesh.dataPlane.ports('l'), [1]);
  t.true(mesh.isReady());
});

test('nothing at all is ready too', async (t) => {
  const mesh = await follow(t, {});
  t.true(mesh.isReady());
  t.deepEqual(mesh.steps(), []);
});

test('a listener waits for its routes, and a cluster for its endpoints, until they are known not to exist', async (t) => {
  const mesh = await follow(t, { ...oneOfEach, route: {}, endpoints: {} });
  t.deepEqual(mesh.steps(), []);
  t.false(mesh.isReady());
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+listener l']);
  t.true(mesh.isReady());
  t.throws(() => mesh.dataPlane.ports('l'), { message: 'l has no routes' });
  // Late arrivals count.
  mesh.controlPlane.set('route', oneOfEach.route);
  mesh.controlPlane.set('endpoints', oneOfEach.endpoints);
  await turns();
  t.deepEqual(mesh.dataPlane.ports('l'), [1]);
});

test('a listener waits for the clusters of its routes, wherever the routes are', async (t) => {
  const inline = connectionManager({ route_config: routeMessage('inline', ['a']) });
  const mesh = await follow(t, {
    ...oneOfEach,
    listener: named(
      ['l', listener('l', 'r')],
      ['inline', pack('envoy.config.listener.v3.Listener', listenerMessage('inline', inline))],
    ),
    endpoints: {},
  });
  t.deepEqual(mesh.steps(), []);
  mesh.controlPlane.set('endpoints', oneOfEach.endpoints);
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l', '+listener inline']);
  t.deepEqual(mesh.dataPlane.ports('inline'), [1]);
});

test('a first version that is refused holds nothing up', async (t) => {
  const bad = pack('envoy.config.route.v3.RouteConfiguration', { name: 'r', virtual_hosts: [{}] });
  const mesh = await follow(t, { ...oneOfEach, route: named(['r', bad]) });
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+listener l']);
  t.true(mesh.isReady());
});

test('case 80: a cluster that changes goes out at once with the endpoints that are known', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('cluster', named(['a', cluster('a', { connect_timeout: { seconds: 9 } })]));
  await turns();
  t.deepEqual(mesh.steps(), ['+cluster a']);
  t.is(mesh.dataPlane.clusters.get('a')?.connectTimeoutMs, 9000);
});

test('case 81: two clusters share one EDS name; the second warms from what is known', async (t) => {
  const shared = (name: string) =>
    cluster(name, { eds_cluster_config: { eds_config: { ads: {} }, service_name: 'shared' } });
  const mesh = await follow(t, {
    ...oneOfEach,
    cluster: named(['a', shared('a')]),
    endpoints: named(['shared', endpoints('shared', 7)]),
  });
  t.deepEqual(mesh.steps(), ['+endpoints shared', '+cluster a', '+route r', '+listener l']);
  mesh.controlPlane.set('cluster', named(['a', shared('a')], ['b', shared('b')]));
  await turns();
  t.deepEqual(mesh.steps(), ['+cluster b']);
  // The endpoints stay while one cluster uses them.
  mesh.controlPlane.set('cluster', named(['a', shared('a')]));
  await turns();
  t.deepEqual(mesh.steps(), ['-cluster b']);
  t.deepEqual(mesh.dataPlane.ports('l'), [7]);
});

test('new endpoints of a cluster in use go out at once', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('endpoints', named(['a', endpoints('a', 1, 2)]));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a']);
  t.deepEqual(mesh.dataPlane.ports('l'), [1, 2]);
});

test('a cluster that moves to another EDS name keeps its old endpoints until the new ones are there', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  const moved = cluster('a', { eds_cluster_config: { eds_config: { ads: {} }, service_name: 'a2' } });
  mesh.controlPlane.set('cluster', named(['a', moved]));
  await turns();
  mesh.controlPlane.set('endpoints', named(['a', endpoints('a', 3)]));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a'], 'what is in use still gets its updates');
  mesh.check = () => t.notThrows(() => mesh.dataPlane.ports('l'));
  mesh.controlPlane.set('endpoints', named(['a2', endpoints('a2', 4)]));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a2', '+cluster a', '-endpoints a']);
  t.deepEqual(mesh.dataPlane.ports('l'), [4]);
});

test('case 82: a listener with new RDS keeps serving by the old until the new is there', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('listener', named(['l', listener('l', 'r2')]));
  await turns();
  t.deepEqual(mesh.steps(), []);
  mesh.controlPlane.set('route', named(['r2', route('r2', 'a')]));
  await turns();
  t.deepEqual(mesh.steps(), ['+route r2', '+listener l', '-route r']);
});

test('case 82: or until it is known not to exist', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('listener', named(['l', listener('l', 'r2')]));
  await turns();
  mesh.clock.advance(15_000);
  await turns();
  t.deepEqual(mesh.steps(), ['+listener l', '-route r']);
});

test('case 85: endpoints that become none go out at once', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('endpoints', named(['a', endpoints('a')]));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints a']);
  t.throws(() => mesh.dataPlane.ports('l'), { message: 'cluster a has no endpoints' });
});

test('case 87: what nothing names any more is given up', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('listener', {});
  mesh.controlPlane.set('cluster', {});
  await turns();
  t.deepEqual(mesh.steps(), ['-listener l', '-route r', '-cluster a', '-endpoints a']);
  const last = (typeName: string) =>
    mesh.controlPlane.requests.filter(({ type_url }) => type_url?.endsWith(typeName)).at(-1)?.resource_names;
  t.deepEqual([last('RouteConfiguration'), last('ClusterLoadAssignment')], [[], []]);
});

test('a bad version of what is in use changes nothing', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.steps();
  mesh.controlPlane.set('cluster', named(['a', badCluster('a')]));
  await turns();
  mesh.clock.advance(60_000);
  await turns();
  t.deepEqual(mesh.steps(), []);
});

test('a listener that cannot be opened goes out never, and holds nothing up; one that becomes so is removed', async (t) => {
  const unbound = listener('l', 'r', { internal_listener: {} });
  const mesh = await follow(t, { listener: named(['l', unbound]) });
  t.true(mesh.isReady());
  t.deepEqual(mesh.steps(), []);
  const other = await follow(t, oneOfEach);
  other.steps();
  other.controlPlane.set('listener', named(['l', unbound]));
  await turns();
  t.deepEqual(other.steps(), ['-listener l', '-route r']);
});

test('clusters of other kinds: endpoints inside, none, or by DNS under the name of the cluster', async (t) => {
  const at = (host: string, port: number) => ({
    load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }] },
    eds_cluster_config: null,
  });
  let fail = (_: Error) => {};
  const answers: Readonly<Record<string, () => Promise<ResolvedHost>>> = {
    'two.internal': async () => ({ addresses: ['10.0.0.2', '10.0.0.1'], ttlMs: null }),
    'slow.internal': () =>
      new Promise((_, reject) => {
        fail = reject;
      }),
  };
  const mesh = await follow(
    t,
    {
      cluster: named(
        ['fixed', cluster('fixed', { type: 'STATIC', ...at('127.0.0.1', 1) })],
        ['two', cluster('two', { type: 'STRICT_DNS', ...at('two.internal', 2) })],
        ['slow', cluster('slow', { type: 'STRICT_DNS', ...at('slow.internal', 3) })],
        ['odd', cluster('odd', { type: 'ORIGINAL_DST', eds_cluster_config: null })],
      ),
    },
    { resolve: (host) => answers[host]?.() ?? Promise.reject(new Error('unknown')) },
  );
  t.deepEqual(mesh.steps(), ['+cluster fixed', '+cluster odd', '+endpoints two', '+cluster two']);
  t.false(mesh.isReady());
  fail(new Error('SERVFAIL'));
  await turns();
  t.deepEqual(mesh.steps(), ['+endpoints slow', '+cluster slow']);
  t.true(mesh.isReady());
  t.deepEqual(
    mesh.dataPlane.endpoints.get('two')?.localities[0]?.endpoints.map(({ address, hostname }) => [address, hostname]),
    [
      [{ host: '10.0.0.1', port: 2 }, 'two.internal'],
      [{ host: '10.0.0.2', port: 2 }, 'two.internal'],
    ],
  );
  mesh.controlPlane.set('cluster', {});
  await turns();
  t.deepEqual(mesh.steps().sort(), [
    '-cluster fixed',
    '-cluster odd',
    '-cluster slow',
    '-cluster two',
    '-endpoints slow',
    '-endpoints two',
  ]);
});

test('after stop nothing goes out and no timer is left', async (t) => {
  const mesh = await follow(t, oneOfEach);
  mesh.controlPlane.set('cluster', {});
  await turns();
  mesh.steps();
  mesh.manager.stop();
  mesh.controlPlane.set('endpoints', named(['a', endpoints('a', 9)]));
  await turns();
  t.deepEqual(mesh.steps(), []);
});
