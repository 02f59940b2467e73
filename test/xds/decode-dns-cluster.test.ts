// Clusters whose type is the extension for DNS (envoy.extensions.clusters.dns.v3.DnsCluster).
import test from 'ava';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';
import { pack, socketAddress } from './messages.ts';

const dnsCluster = 'envoy.extensions.clusters.dns.v3.DnsCluster';
const endpoint = { endpoint: { address: socketAddress('shop.internal', 80) } };
const load_assignment = { cluster_name: 'c', endpoints: [{ lb_endpoints: [endpoint] }] };

function typed(fields: object, name = 'envoy.cluster.dns'): object {
  return { name: 'c', load_assignment, cluster_type: { name, typed_config: pack(dnsCluster, fields) } };
}

test('what it says is what the older types say by fields of the cluster', (t) => {
  const rules = {
    dns_refresh_rate: { seconds: 7 },
    dns_failure_refresh_rate: { base_interval: { seconds: 1 } },
    respect_dns_ttl: true,
    dns_lookup_family: 'V4_ONLY',
  };
  const [older, younger] = [
    modelOf('cluster', { name: 'c', type: 'STRICT_DNS', load_assignment, ...rules }),
    modelOf('cluster', typed({ ...rules, dns_discovery_type: 'STRICT' })),
  ];
  t.deepEqual(younger, older);
  t.like(younger.discovery, { kind: 'strict-dns', refreshMs: 7000, respectTtl: true, family: 'v4' });
  t.deepEqual(warningsOf('cluster', typed(rules)), []);
});

test('which of the two it is: by its field, or by the older names of the extension', (t) => {
  t.like(modelOf('cluster', typed({})).discovery, { kind: 'logical-dns', refreshMs: 5000 });
  t.like(modelOf('cluster', typed({ dns_discovery_type: 'STRICT' })).discovery, { kind: 'strict-dns' });
  t.like(modelOf('cluster', typed({}, 'envoy.cluster.strict_dns')).discovery, { kind: 'strict-dns' });
  const logical = typed({ dns_discovery_type: 'STRICT' }, 'envoy.cluster.logical_dns');
  t.like(modelOf('cluster', logical).discovery, { kind: 'logical-dns' });
});

test('problems stand at the field of the extension', (t) => {
  const at = 'cluster_type.typed_config';
  t.deepEqual(errorsOf('cluster', typed({ dns_refresh_rate: {} })), [`${at}.dns_refresh_rate: must be above 1 ms`]);
  const rate = { dns_failure_refresh_rate: { base_interval: { seconds: 2 }, max_interval: { seconds: 1 } } };
  t.deepEqual(errorsOf('cluster', typed(rate)), [
    `${at}.dns_failure_refresh_rate.max_interval: must not be below base_interval`,
  ]);
  const other = { name: 'c', cluster_type: { name: 'envoy.clusters.aggregate' } };
  const reason = 'cluster_type: cluster type "envoy.clusters.aggregate" is not supported';
  t.deepEqual(modelOf('cluster', other).discovery, { kind: 'unsupported', reason });
});
