// Clusters that come with the first call to a target, and go when nobody asks for it any more; time and names by hand.
import test from 'ava';
import { defaultLimits, Flusher, HeaderShapes } from '../../agent/http2/index.ts';
import { ClusterManager } from '../../agent/upstream/cluster-manager.ts';
import { TargetClusters } from '../../agent/upstream/target-clusters.ts';
import type { ResolvedHost } from '../../xds/dns-endpoints.ts';
import { VirtualClock } from '../xds/virtual-clock.ts';

function start(over: { readonly maxTargets?: number } = {}) {
  const clock = new VirtualClock();
  const flusher = new Flusher();
  const environment = {
    shapes: new HeaderShapes(),
    flusher,
    limits: defaultLimits('client'),
    now: clock.now,
    log: () => {},
  };
  const clusters = new ClusterManager({ environment, random: () => 0 });
  /** Answers of the resolver that are awaited, by name. */
  const asked = new Map<string, (answer: ResolvedHost) => void>();
  const targets = new TargetClusters({
    clusters,
    resolve: (host) =>
      new Promise((resolve) => {
        asked.set(host, resolve);
      }),
    setTimer: clock.setTimer,
    now: clock.now,
    log: () => {},
    maxTargets: over.maxTargets ?? 10,
    idleMs: 1000,
    maxCallsPerTarget: 5,
  });
  return { clock, clusters, targets, asked };
}

test('a target is one cluster as long as it is asked for, and goes when it was not for so long', (t) => {
  const { clock, clusters, targets } = start();
  const { cluster } = targets.use('127.0.0.1:1', false)!;
  for (let i = 0; i < 10; i++) {
    clock.advance(900);
    t.is(targets.use('127.0.0.1:1', false)!.cluster, cluster);
  }
  t.is(targets.size, 1);
  clock.advance(1300);
  t.is(targets.size, 0);
  t.is(clusters.get(cluster), undefined);
  t.deepEqual(clock.pending, []);
});

test('lists, TLS and certificates tell targets apart, and what they say joins them, whichever object says it', (t) => {
  const { targets } = start();
  const names = [
    targets.use('127.0.0.1:1', false),
    targets.use(['127.0.0.1:1', '127.0.0.1:2'], false),
    targets.use('127.0.0.1:1', true),
    targets.use('127.0.0.1:1', { serverName: 'a' }),
    targets.use('127.0.0.1:1', { serverName: 'b' }),
  ].map((used) => used!.cluster);
  t.deepEqual(names, [
    '127.0.0.1:1',
    '127.0.0.1:1,127.0.0.1:2',
    '127.0.0.1:1 (tls)',
    '127.0.0.1:1 (tls 1)',
    '127.0.0.1:1 (tls 2)',
  ]);
  t.is(targets.use('127.0.0.1:1', { serverName: 'a' })!.cluster, '127.0.0.1:1 (tls 1)');
  t.is(targets.size, 5);
});

test('a target whose name is being resolved is neither given up nor put aside, however long that takes', async (t) => {
  const { clock, targets, asked } = start({ maxTargets: 1 });
  const { ready } = targets.use('slow.test:1', false)!;
  t.not(ready, null);
  clock.advance(5000);
  t.is(targets.size, 1);
  t.is(targets.use('127.0.0.1:1', false), null);
  await Promise.resolve();
  asked.get('slow.test')!({ addresses: ['127.0.0.1'], ttlMs: null });
  await ready;
  t.is(targets.use('slow.test:1', false)!.ready, null);
  t.not(targets.use('127.0.0.1:1', false), null);
});

test('of a resolver that does not answer, calls hear in the end', async (t) => {
  const { clock, targets } = start();
  const { ready } = targets.use('silent.test:1', false)!;
  clock.advance(20_000);
  await ready;
  t.pass();
});

test('a declared cluster waits for its names too, and stays', async (t) => {
  const { clock, targets, asked, clusters } = start();
  targets.declare(
    'cart',
    { name: 'cart.test:1', addresses: [{ host: 'cart.test', port: 1 }], hasNames: true, tls: null },
    {
      kind: 'round-robin',
    },
  );
  const { ready } = targets.declared('cart')!;
  await Promise.resolve();
  asked.get('cart.test')!({ addresses: ['127.0.0.1', '127.0.0.2'], ttlMs: null });
  await ready;
  t.is(clusters.get('cart')!.endpoints.length, 2);
  clock.advance(100_000);
  t.not(clusters.get('cart'), undefined);
  t.is(targets.declared('other'), null);
  targets.stop();
  t.deepEqual(clock.pending, []);
});
