// What is emitted, and when: nothing before what it names, nothing gone while it is named (xds.md section 3,
// "Ordering, warming, flow"; gRFC A74).
//
// Each test: a control plane holds a few resources; a client and a manager follow it; a model of the data plane applies
// each update and is asked where calls go.
import test, { type ExecutionContext } from 'ava';
import { DependencyManager, type ResolveHost, XdsClient } from '../../xds/index.ts';
import type { AnyMessage } from '../../xds/protos.ts';
import { bootstrapFor } from './client-harness.ts';
import { DataPlaneModel } from './data-plane-model.ts';
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
import { type Snapshot, SnapshotTransport } from './snapshot-transport.ts';
import { VirtualClock } from './virtual-clock.ts';

const empty: Snapshot = { listener: {}, route: {}, cluster: {}, endpoints: {} };

interface Mesh {
  readonly controlPlane: SnapshotTransport;
  readonly dataPlane: DataPlaneModel;
  readonly clock: VirtualClock;
  readonly manager: DependencyManager;
  isReady(): boolean;
  /** Called for each state on the way. */
  check: () => void;
  /** What was applied since the last call of it. */
  steps(): string[];
}

async function follow(t: ExecutionContext, snapshot: Partial<Snapshot>, resolve?: ResolveHost): Promise<Mesh> {
  const controlPlane = new SnapshotTransport({ ...empty, ...snapshot });
  const clock = new VirtualClock();
  const dataPlane = new DataPlaneModel();
  let readyCount = 0;
  let seen = 0;
  const log = () => {};
  const client = new XdsClient({
    bootstrap: bootstrapFor('nowhere'),
    transport: () => controlPlane,
    log,
    now: clock.now,
    random: () => 0.5,
    setTimer: clock.setTimer,
  });
  const mesh: Mesh = {
    controlPlane,
    dataPlane,
    clock,
    manager: new DependencyManager({
      client,
      resolve: resolve ?? (async () => []),
      onUpdate: (update) => dataPlane.apply(structuredClone(update), () => mesh.check()),
      onReady: () => {
        readyCount += 1;
      },
      log,
      setTimer: clock.setTimer,
    }),
    isReady: () => {
      t.true(readyCount <= 1, 'ready is said once');
      return readyCount === 1;
    },
    check: () => {},
    steps: () => {
      const steps = dataPlane.steps.slice(seen);
      seen = dataPlane.steps.length;
      return steps;
    },
  };
  t.teardown(() => {
    mesh.manager.stop();
    client.stop();
  });
  client.start();
  mesh.manager.start();
  await turns();
  return mesh;
}

/** All that follows from what has just happened: the control plane and the client answer each other in microtasks. */
async function turns(): Promise<void> {
  await new Promise(setImmediate);
}

function named(...resources: readonly (readonly [string, AnyMessage])[]): Record<string, AnyMessage> {
  return Object.fromEntries(resources);
}

const oneOfEach = {
  listener: named(['l', listener('l', 'r')]),
  route: named(['r', route('r', 'a')]),
  cluster: named(['a', cluster('a')]),
  endpoints: named(['a', endpoints('a', 1)]),
};

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

for (const [what, [before, after]] of Object.entries(moves)) {
  test(`case 83: ${what}: calls go to one cluster or the other, in whatever order the server speaks`, async (t) => {
    const goal: Snapshot = {
      ...empty,
      ...after,
      cluster: named(['b', cluster('b')]),
      endpoints: named(['b', endpoints('b', 2)]),
    };
    for (const order of permutations(['listener', 'route', 'cluster', 'endpoints'] as const)) {
      const mesh = await follow(t, before);
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

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

test('case 84: of a route that names an unknown cluster the rest works, and it is no reason to wait at the start', async (t) => {
  const mesh = await follow(t, { ...oneOfEach, route: named(['r', route('r', 'a', 'unknown')]) });
  t.deepEqual(mesh.steps(), ['+endpoints a', '+cluster a', '+route r', '+listener l']);
  t.true(mesh.isReady());
});

test('case 84: where calls flow already, the move to an unknown cluster is held for 5 s', async (t) => {
  const mesh = await follow(t, oneOfEach);
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
  const unbound = listener('l', 'r', { bind_to_port: { value: false } });
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
  const answers: Readonly<Record<string, () => Promise<string[]>>> = {
    'two.internal': async () => ['10.0.0.2', '10.0.0.1'],
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
    (host) => answers[host]?.() ?? Promise.reject(new Error('unknown')),
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
