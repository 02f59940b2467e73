// `backends`: names to clusters.
import { isIP } from 'node:net';
import { isSocketFile, type SocketAddress } from '../../../xds/model/address.ts';
import { type Cluster, type ClusterDiscovery, defaultPanicPercent, type LbPolicy } from '../../../xds/model/cluster.ts';
import { type ClusterEndpoints, defaultOverprovisioningPercent } from '../../../xds/model/endpoints.ts';
import type { HashPolicy } from '../../../xds/model/route.ts';
import type { YamlEntry, YamlPlace, YamlReader } from '../yaml-reader.ts';
import { readBackendTls } from './certificates.ts';
import { lifeKeys, readLife } from './connection-life.ts';
import { readLocalities } from './endpoint-reader.ts';
import type { FileContext } from './file-context.ts';

export interface Backend {
  readonly place: YamlEntry;
  readonly cluster: Cluster;
  /** What of a call says which endpoint takes it; `null`: nothing does. */
  readonly hashPolicy: HashPolicy | null;
}

const keys = [
  'endpoints',
  'localities',
  'tls',
  'balance',
  'hash_by',
  'connect_timeout',
  'max_requests',
  'panic_threshold',
  'dns_refresh',
  ...lifeKeys,
] as const;

/** As Envoy's defaults (`connect_timeout`, `dns_refresh_rate`). */
const connectTimeoutMs = 5000;
const dnsRefreshMs = 5000;

/** After a problem was noted the result does not matter. */
export function readBackend(context: FileContext, entry: YamlEntry): Backend {
  const { reader } = context;
  const fields = reader.fields(entry, keys);
  const localities = readLocalities(reader, entry, fields.endpoints, fields.localities);
  const addresses = localities.flatMap(({ endpoints }) => endpoints.map(({ address }) => address));
  const isNamed = (address: SocketAddress) => isIP(address.host) === 0 && !isSocketFile(address);
  const hosts = new Set(addresses.map((address) => (isNamed(address) ? address.host : null)));
  const endpoints: ClusterEndpoints = {
    name: entry.key,
    localities,
    dropOverloads: [],
    overprovisioningPercent: defaultOverprovisioningPercent,
  };
  const refreshMs = fields.dns_refresh === undefined ? dnsRefreshMs : (reader.durationMs(fields.dns_refresh) ?? 1);
  const discovery: ClusterDiscovery = addresses.some(isNamed)
    ? { kind: 'strict-dns', endpoints, refreshMs }
    : { kind: 'static', endpoints };
  const lbPolicy = fields.balance === undefined ? roundRobin : readBalance(reader, fields.balance);
  const hashPolicy = fields.hash_by === undefined ? null : readHashBy(reader, fields.hash_by);
  const byHash = lbPolicy.kind === 'ring-hash' || lbPolicy.kind === 'maglev';
  if (byHash !== (fields.hash_by !== undefined)) {
    reader.problem(
      fields.hash_by ?? fields.balance ?? entry,
      byHash ? 'needs "hash_by" beside it: what of a call is hashed' : 'only ring_hash and maglev go by a hash',
    );
  }
  return {
    place: entry,
    hashPolicy,
    cluster: {
      name: entry.key,
      discovery,
      lbPolicy,
      localityWeighted: localities.some(({ weight }) => weight > 0),
      panicPercent:
        fields.panic_threshold === undefined
          ? defaultPanicPercent
          : (reader.integer(fields.panic_threshold, 0, 100) ?? defaultPanicPercent),
      connectTimeoutMs:
        fields.connect_timeout === undefined ? connectTimeoutMs : (reader.durationMs(fields.connect_timeout) ?? 1),
      maxRequests: fields.max_requests === undefined ? null : reader.integer(fields.max_requests, 1, 1_000_000),
      tls: fields.tls === undefined ? null : readBackendTls(context, fields.tls, hosts),
      ...readLife(reader, fields),
    },
  };
}

const roundRobin: LbPolicy = { kind: 'round-robin' };

/** With what Envoy takes where nothing else is said. */
const policies = {
  round_robin: roundRobin,
  random: { kind: 'random' },
  least_request: { kind: 'least-request', choices: 2 },
  ring_hash: { kind: 'ring-hash', minSize: 1024, maxSize: 8_388_608, key: 'address' },
  maglev: { kind: 'maglev', tableSize: 65_537, key: 'address' },
} as const satisfies Readonly<Record<string, LbPolicy>>;

const policyNames = ['round_robin', 'random', 'least_request', 'ring_hash', 'maglev'] as const;

function readBalance(reader: YamlReader, place: YamlPlace): LbPolicy {
  const name = reader.word(place, 'policy', policyNames);
  return name === null ? roundRobin : policies[name];
}

const hashSources = ['source_ip', 'connection'] as const;

/** `source_ip`, `connection`, `{ header: NAME }` or `{ cookie: NAME }`. */
function readHashBy(reader: YamlReader, place: YamlPlace): HashPolicy | null {
  if (!reader.isMap(place)) {
    const word = reader.word(place, 'source', hashSources);
    return word === null ? null : { kind: word === 'source_ip' ? 'source-ip' : 'connection', terminal: false };
  }
  const { header, cookie } = reader.fields(place, ['header', 'cookie']);
  const one = header ?? cookie;
  if (one === undefined || (header !== undefined && cookie !== undefined)) {
    reader.problem(place, 'a hash is made of one thing: source_ip, connection, { header: NAME } or { cookie: NAME }');
    return null;
  }
  const name = reader.text(one);
  if (name === null) return null;
  return header === undefined
    ? { kind: 'cookie', name, terminal: false }
    : { kind: 'header', name: name.toLowerCase(), rewrite: null, terminal: false };
}
