// Clusters come to life with their first call, whatever order their resources come in.
import test from 'ava';
import { defaultLimits, Flusher, HeaderShapes } from '../../agent/http2/index.ts';
import { pack } from '../../agent/link.ts';
import { ClusterManager } from '../../agent/upstream/cluster-manager.ts';
import type { Cluster } from '../../xds/model/cluster.ts';
import { cluster, endpoints } from '../support/resources.ts';

function createManager(): {
  manager: ClusterManager;
  unusable: string[];
  addressesOf(name: string): string[] | undefined;
} {
  const unusable: string[] = [];
  const manager = new ClusterManager({
    environment: {
      shapes: new HeaderShapes(),
      flusher: new Flusher(),
      limits: defaultLimits('client'),
      now: () => 0,
      random: () => 0,
      log: () => {},
      onLimitHit: () => {},
    },
    random: () => 0,
    onUnusable: (name, error) => unusable.push(`${name}: ${error instanceof Error ? error.message : error}`),
  });
  return { manager, unusable, addressesOf: (name) => manager.get(name)?.endpoints.map(({ address }) => address) };
}

/** Its certificate is none. */
const broken: Cluster = {
  ...cluster('a'),
  tls: { certificateChainPem: 'none', privateKeyPem: 'none', trustedCaPem: null, sni: null, subjectAltNames: [] },
};

test('a cluster that arrives packed is there for its first call, with the endpoints that arrived before or after it', (t) => {
  const { manager, addressesOf } = createManager();
  t.is(manager.get('a'), undefined);
  manager.upsertPackedEndpoints('a', pack(endpoints('a', [1, 2])));
  manager.upsertPackedCluster('a', pack(cluster('a')));
  manager.upsertPackedCluster('b', pack(cluster('b')));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:1', '127.0.0.1:2']);
  t.deepEqual(addressesOf('b'), []);
  manager.upsertPackedEndpoints('b', pack(endpoints('b', [3])));
  t.deepEqual(addressesOf('b'), ['127.0.0.1:3']);
  t.is(manager.get('b'), manager.get('b'));
});

test('a live cluster follows its endpoints, also to another name, and is gone when it is removed', (t) => {
  const { manager, addressesOf } = createManager();
  manager.upsertCluster(cluster('a'));
  manager.upsertEndpoints(endpoints('a', [1]));
  const live = manager.get('a');
  manager.upsertPackedEndpoints('a', pack(endpoints('a', [1, 2])));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:1', '127.0.0.1:2']);
  manager.upsertPackedEndpoints('other', pack(endpoints('other', [3])));
  manager.upsertPackedCluster('a', pack({ ...cluster('a'), discovery: { kind: 'eds', serviceName: 'other' } }));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:3']);
  manager.upsertEndpoints(endpoints('a', [4]));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:3'], 'the old name is nothing to it');
  manager.upsertEndpoints(endpoints('other', [5]));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:5']);
  t.is(manager.get('a'), live);
  manager.removeEndpoints('other');
  t.deepEqual(addressesOf('a'), []);
  manager.removeCluster('a');
  t.is(manager.get('a'), undefined);
});

test('a cluster that cannot be carried out is told with its first call, once, and its next version serves', (t) => {
  const { manager, unusable, addressesOf } = createManager();
  manager.upsertEndpoints(endpoints('a', [1]));
  manager.upsertPackedCluster('a', pack(broken));
  t.deepEqual(unusable, []);
  t.is(manager.get('a'), undefined);
  t.is(manager.get('a'), undefined);
  t.is(unusable.length, 1);
  t.regex(unusable[0] ?? '', /^a: .*PEM/);
  manager.upsertPackedCluster('a', pack(cluster('a')));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:1']);
});

test('a live cluster whose next version cannot be carried out goes on with its endpoints', (t) => {
  const { manager, addressesOf } = createManager();
  manager.upsertEndpoints(endpoints('a', [1]));
  manager.upsertCluster(cluster('a'));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:1']);
  t.throws(() => manager.upsertPackedCluster('a', pack(broken)), { message: /PEM/ });
  t.deepEqual(addressesOf('a'), ['127.0.0.1:1']);
  manager.upsertCluster(cluster('a'));
  manager.upsertEndpoints(endpoints('a', [2]));
  t.deepEqual(addressesOf('a'), ['127.0.0.1:2']);
});
