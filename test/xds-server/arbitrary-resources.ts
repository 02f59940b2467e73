// Any resource that the model can hold and a decoder accepts, for properties.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { SocketAddress } from '../../xds/model/address.ts';
import type { CallName, Cluster, DnsDiscovery, HashKey, SocketMatch } from '../../xds/model/cluster.ts';
import type { ConnectionLife, Keepalive } from '../../xds/model/connection-life.ts';
import type { ClusterEndpoints, Endpoint, LocalityEndpoints } from '../../xds/model/endpoints.ts';
import type { FilterChainMatch } from '../../xds/model/filter-chain-match.ts';
import type { HttpFilter } from '../../xds/model/http-filter.ts';
import type { FilterChain, HttpConnectionManager, Listener } from '../../xds/model/listener.ts';
import type { StringMatch } from '../../xds/model/matcher.ts';
import type { Resource } from '../../xds/model/resource.ts';
import type { CertificateSecret, Secret, ValidationSecret } from '../../xds/model/secret.ts';
import type { DownstreamTls, SecretReference, SubjectAltName, UpstreamTls } from '../../xds/model/tls.ts';
import { rbacRules, routeConfiguration } from './arbitrary-routes.ts';
import { ip, ms, name, orNull, pem, port, record, some, text, weight } from './arbitrary-values.ts';

const address = (host: fc.Arbitrary<string>): fc.Arbitrary<SocketAddress> => record<SocketAddress>({ host, port });

const ownCertificate = fc.oneof(
  fc.constant({ certificateChainPem: null, privateKeyPem: null }),
  fc.record({ certificateChainPem: name, privateKeyPem: name }),
);

const subjectAltName = record<SubjectAltName>({
  kind: fc.constantFrom('dns', 'uri', 'email', 'ip'),
  match: fc.oneof(
    record<Exclude<StringMatch, { kind: 'regex' }>>({
      kind: fc.constantFrom('exact', 'prefix', 'suffix', 'contains'),
      value: name,
      ignoreCase: fc.boolean(),
    }),
    fc.constant({ kind: 'regex', value: 'spiffe://.*' } as const),
  ),
});

const reference = record<SecretReference>({
  name,
  source: fc.oneof(
    fc.constant({ kind: 'ads' } as const),
    record<Exclude<SecretReference['source'], { kind: 'ads' }>>({
      kind: fc.constantFrom('cluster', 'target'),
      name,
      mode: fc.constantFrom('sotw', 'delta'),
    }),
  ),
});

/** As a decoder would have it: what says nothing is not there. */
const upstreamTls: fc.Arbitrary<UpstreamTls> = fc
  .record({
    own: ownCertificate,
    trustedCaPem: pem,
    sni: orNull(name),
    hostnameIsSni: fc.boolean(),
    alpn: fc.constantFrom([], ['istio'], ['istio-h2', 'istio']),
    checksSni: fc.boolean(),
    subjectAltNames: some(subjectAltName),
    certificate: orNull(reference),
    validation: orNull(reference),
  })
  .map(({ own, trustedCaPem, sni, hostnameIsSni, checksSni, subjectAltNames, alpn, ...named }): UpstreamTls => {
    const certificate = own.certificateChainPem === null ? named.certificate : null;
    const { validation } = named;
    const isChain = subjectAltNames.length === 0 && (trustedCaPem !== null || validation !== null);
    const nameCheck = checksSni && (hostnameIsSni || sni !== null) ? 'sni' : isChain ? 'chain' : null;
    return {
      ...own,
      trustedCaPem,
      sni,
      subjectAltNames,
      ...(alpn.length > 0 && { alpn }),
      ...(hostnameIsSni && { hostnameIsSni: true }),
      ...(nameCheck !== null && { nameCheck }),
      ...((certificate !== null || validation !== null) && { secrets: { certificate, validation } }),
    };
  });

const downstreamTls: fc.Arbitrary<DownstreamTls> = fc
  .tuple(
    record<Omit<DownstreamTls, 'subjectAltNames' | 'secrets'>>({
      certificateChainPem: name,
      privateKeyPem: name,
      trustedCaPem: name,
      requireClientCertificate: fc.boolean(),
    }),
    some(subjectAltName),
    reference,
  )
  .chain(([tls, subjectAltNames, secret]) =>
    fc.constantFrom<DownstreamTls[]>(
      subjectAltNames.length === 0 ? tls : { ...tls, subjectAltNames },
      { ...tls, trustedCaPem: null, requireClientCertificate: false },
      { ...tls, trustedCaPem: null, secrets: { certificate: null, validation: secret } },
      {
        ...tls,
        certificateChainPem: null,
        privateKeyPem: null,
        secrets: { certificate: secret, validation: null },
      },
    ),
  );

const fixture = (file: string) => readFileSync(new URL(`../http2/fixtures/${file}.pem`, import.meta.url), 'utf8');

const secret: fc.Arbitrary<Secret> = fc.oneof(
  fc.tuple(name, fc.constantFrom('server', 'client', 'nameless')).map(
    ([own, file]): CertificateSecret => ({
      kind: 'certificate',
      name: own,
      certificateChainPem: fixture(file),
      privateKeyPem: fixture(`${file}-key`),
    }),
  ),
  record<ValidationSecret>({
    kind: fc.constant('validation'),
    name,
    trustedCaPem: fc.constantFrom(null, fixture('ca')),
    subjectAltNames: some(subjectAltName),
  }),
);

const connectionLife: fc.Arbitrary<ConnectionLife> = record<ConnectionLife>({
  keepalive: orNull(record<Keepalive>({ intervalMs: ms, timeoutMs: ms })),
  idleTimeoutMs: orNull(fc.oneof(fc.constant(0), ms)),
  maxDurationMs: orNull(ms),
}).filter((life) => Object.values(life).some((value) => value !== null));

/** Absent, or there. */
function withLife<Value extends object>(arbitrary: fc.Arbitrary<Value>) {
  return fc
    .tuple(arbitrary, orNull(connectionLife))
    .map(([value, life]) => (life === null ? value : { ...value, connectionLife: life }));
}

const managerFields = record<
  Omit<HttpConnectionManager, 'connectionLife' | 'grpcWeb' | 'callRate' | 'isEdge' | 'ownServices'>
>({
  statPrefix: name,
  routes: fc.oneof(
    name.map((rds) => ({ kind: 'rds', name: rds }) as const),
    routeConfiguration.map((config) => ({ kind: 'inline', config }) as const),
  ),
  filters: fc.uniqueArray(record<HttpFilter>({ kind: fc.constant('rbac'), name, rules: orNull(rbacRules) }), {
    maxLength: 2,
    selector: (filter) => filter.name,
  }),
  maxStreamDurationMs: orNull(ms),
  maxConcurrentStreams: orNull(weight),
});
const manager = withLife<HttpConnectionManager>(managerFields);

const ranges = some(fc.constantFrom({ address: '10.0.0.0', bits: 8 }, { address: '::1', bits: 128 }));

const match = record<FilterChainMatch>({
  destinationPort: orNull(fc.integer({ min: 1, max: 65_535 })),
  destinationRanges: ranges,
  serverNames: some(fc.constantFrom('shop.example', '*.example')),
  transportProtocol: orNull(fc.constantFrom('tls', 'raw_buffer')),
  applicationProtocols: some(fc.constantFrom('h2', 'h2c')),
  directSourceRanges: ranges,
  sourceType: orNull(fc.constantFrom('local', 'external')),
  sourceRanges: ranges,
  sourcePorts: some(port),
});

const filterChain = record<FilterChain>({
  name: text,
  match: orNull(match),
  tls: orNull(downstreamTls),
  http: manager,
});

/** Which connections it takes, and how. */
const acceptance = fc.constantFrom<Partial<Listener>>(
  {},
  { capture: 'hand-on' },
  { capture: 'match', detection: { timeoutMs: null, servesSilent: true } },
  { bindsNoPort: true, detection: { timeoutMs: 1500, servesSilent: false } },
);

const plainListener = record<Omit<Listener, 'unsupported' | 'api' | 'capture' | 'bindsNoPort' | 'detection'>>({
  name,
  address: address(ip),
  direction: fc.constantFrom('inbound', 'outbound'),
  filterChains: fc.uniqueArray(filterChain, {
    minLength: 1,
    maxLength: 2,
    selector: ({ match: own }) => JSON.stringify(own),
  }),
  unusableChains: fc.constant([]),
  defaultFilterChain: orNull(filterChain),
});
const listener: fc.Arbitrary<Listener> = fc
  .tuple(plainListener, acceptance)
  .map(([value, own]) => ({ ...value, ...own }));

/** In the order of their names, each value JSON. */
const socketLabels = fc.constantFrom<Readonly<Record<string, string>>[]>(
  {},
  { tlsMode: '"istio"' },
  { a: '[1,{"x":null}]', b: 'true' },
);

function clusterEndpoints(own: string, host: fc.Arbitrary<string>): fc.Arbitrary<ClusterEndpoints> {
  const plainEndpoint = record<Omit<Endpoint, 'socketLabels' | 'localityLabels'>>({
    address: fc.oneof(address(host), fc.constant({ host: '/run/app.sock', port: 0 })),
    weight,
    health: fc.constantFrom('healthy', 'degraded', 'unhealthy'),
    hostname: text,
    hashKey: text,
  });
  const endpoint = fc
    .tuple(plainEndpoint, socketLabels)
    .map(([one, labels]): Endpoint => (Object.keys(labels).length === 0 ? one : { ...one, socketLabels: labels }));
  const locality = record<Omit<LocalityEndpoints, 'priority' | 'zone'>>({
    region: text,
    subZone: text,
    weight: fc.integer({ min: 0, max: 1_000 }),
    endpoints: fc.uniqueArray(endpoint, { maxLength: 3, selector: ({ address }) => `${address.host} ${address.port}` }),
  });
  const labelled = fc.tuple(locality, socketLabels).map(([one, labels]) => {
    if (Object.keys(labels).length === 0) return one;
    return { ...one, endpoints: one.endpoints.map((own) => ({ ...own, localityLabels: labels })) };
  });
  const drop = record<ClusterEndpoints['dropOverloads'][number]>({
    category: name,
    numerator: fc.integer({ min: 0, max: 100 }),
    denominator: fc.constantFrom(100, 10_000, 1_000_000),
  });
  return fc
    .tuple(some(labelled), some(drop), fc.integer({ min: 100, max: 500 }))
    .map(([localities, dropOverloads, overprovisioningPercent]) => ({
      name: own,
      // A priority each: contiguous, and no address twice in one.
      localities: localities.map((one, priority) => ({ ...one, priority, zone: `zone ${priority}` })),
      dropOverloads,
      overprovisioningPercent,
    }));
}

const hashKey = fc.constantFrom<HashKey[]>('address', 'hostname');

const lbPolicy: fc.Arbitrary<Cluster['lbPolicy']> = fc.oneof(
  fc.constantFrom({ kind: 'round-robin' } as const, { kind: 'random' } as const),
  record<Cluster['lbPolicy'] & { kind: 'least-request' }>({
    kind: fc.constant('least-request'),
    choices: fc.integer({ min: 2, max: 9 }),
  }),
  record<Cluster['lbPolicy'] & { kind: 'ring-hash' }>({
    kind: fc.constant('ring-hash'),
    minSize: fc.integer({ min: 1, max: 1_024 }),
    maxSize: fc.integer({ min: 1_024, max: 65_536 }),
    key: hashKey,
  }),
  record<Cluster['lbPolicy'] & { kind: 'maglev' }>({
    kind: fc.constant('maglev'),
    tableSize: fc.constantFrom(11, 65_537),
    key: hashKey,
  }),
);

const socketMatches = fc.uniqueArray(
  record<SocketMatch>({
    name,
    labels: socketLabels,
    socket: fc.oneof(
      fc.constant({ kind: 'clear' } as const),
      upstreamTls.map((tls) => ({ kind: 'tls', tls }) as const),
    ),
  }),
  { maxLength: 3, selector: (match) => match.name },
);

const dnsRules: fc.Arbitrary<Omit<DnsDiscovery, 'kind' | 'endpoints'>> = fc
  .record({
    refreshMs: fc.integer({ min: 2, max: 1e9 }),
    family: fc.constantFrom(undefined, 'v4', 'v6', 'v4-first'),
    respectTtl: fc.boolean(),
    base: orNull(fc.integer({ min: 2, max: 1e6 })),
  })
  .map(({ refreshMs, family, respectTtl, base }) => ({
    refreshMs,
    ...(family !== undefined && { family }),
    ...(respectTtl && { respectTtl: true }),
    ...(base !== null && { failureRefresh: { baseMs: base, maxMs: base * 3 } }),
  }));

function dnsDiscovery(own: string): fc.Arbitrary<DnsDiscovery> {
  const host = fc.constantFrom('shop.example', '127.0.0.1');
  return fc.tuple(clusterEndpoints(own, host), dnsRules).map(([endpoints, rules]) => {
    const count = endpoints.localities.reduce((sum, { endpoints: all }) => sum + all.length, 0);
    return { kind: count === 1 ? 'logical-dns' : 'strict-dns', endpoints, ...rules };
  });
}

const callName: fc.Arbitrary<CallName | null> = orNull(
  record<CallName>({
    header: orNull(fc.constantFrom(':authority', 'x-server')),
    isSni: fc.boolean(),
    isChecked: fc.boolean(),
  }).filter(({ isSni, isChecked }) => isSni || isChecked),
);

const cluster = name.chain((own) =>
  withMatches(
    withLife<Omit<Cluster, 'socketMatches'>>(
      record<Omit<Cluster, 'connectionLife' | 'socketMatches' | 'callName'>>({
        name: fc.constant(own),
        discovery: fc.oneof(
          name.map((serviceName) => ({ kind: 'eds', serviceName }) as const),
          clusterEndpoints(own, ip).map((endpoints) => ({ kind: 'static', endpoints }) as const),
          dnsDiscovery(own),
        ),
        lbPolicy,
        localityWeighted: fc.boolean(),
        panicPercent: fc.integer({ min: 0, max: 100 }),
        connectTimeoutMs: ms,
        maxRequests: orNull(fc.integer({ min: 0, max: 4_294_967_295 })),
        tls: orNull(upstreamTls),
      }).chain((value) => callName.map((named) => (named === null ? value : { ...value, callName: named }))),
    ),
  ),
);

function withMatches(arbitrary: fc.Arbitrary<Omit<Cluster, 'socketMatches'>>): fc.Arbitrary<Cluster> {
  return fc
    .tuple(arbitrary, socketMatches)
    .map(([value, matches]) => (matches.length === 0 ? value : { ...value, socketMatches: matches }));
}

export const resource: fc.Arbitrary<Resource> = fc.oneof(
  listener.map((value) => ({ type: 'listener', value }) as const),
  routeConfiguration.map((value) => ({ type: 'route', value }) as const),
  cluster.map((value) => ({ type: 'cluster', value }) as const),
  name.chain((own) => clusterEndpoints(own, ip)).map((value) => ({ type: 'endpoints', value }) as const),
  secret.map((value) => ({ type: 'secret', value }) as const),
);
