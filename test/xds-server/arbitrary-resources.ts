// Any resource that the model can hold and a decoder accepts, for properties.
import fc from 'fast-check';
import type { DownstreamTls, SocketAddress, UpstreamTls } from '../../xds/model/address.ts';
import type { Cluster, HashKey } from '../../xds/model/cluster.ts';
import type { ConnectionLife, Keepalive } from '../../xds/model/connection-life.ts';
import type { ClusterEndpoints, Endpoint, LocalityEndpoints } from '../../xds/model/endpoints.ts';
import type { FactOfCall, FormatCommand, HeaderAddition, HeaderMutations } from '../../xds/model/header-mutations.ts';
import type { FilterChain, HttpConnectionManager, Listener } from '../../xds/model/listener.ts';
import type { Resource } from '../../xds/model/resource.ts';
import type {
  ClusterField,
  HashPolicy,
  HeaderMatcher,
  HostRewrite,
  PathMatch,
  PathRewrite,
  QueryParameterMatcher,
  RedirectAction,
  Route,
  RouteAction,
  RouteConfiguration,
  RouteMatch,
  StringMatch,
  Substitution,
  WeightedCluster,
} from '../../xds/model/route.ts';

const name = fc.string({ minLength: 1, maxLength: 12 });
const text = fc.string({ maxLength: 12 });
const weight = fc.integer({ min: 1, max: 1_000_000 });
const ms = fc.integer({ min: 1, max: 1e12 });
const port = fc.integer({ min: 0, max: 65_535 });
const ip = fc.oneof(fc.ipV4(), fc.constantFrom('::', '::1', '2001:db8::7'));
const regex = fc.constantFrom('a+', '/demo\\.Shop/.*', '[a-z]{2,5}', '(?i)x|y');
const pem = fc.option(name, { nil: null });

/** Like `fc.record`, typed by what it makes, so that a field added to the model is missed here by the compiler. */
function record<Made>(model: { readonly [Key in keyof Made]-?: fc.Arbitrary<Made[Key]> }): fc.Arbitrary<Made> {
  return fc.record(model) as unknown as fc.Arbitrary<Made>;
}

function some<Made>(one: fc.Arbitrary<Made>, minLength = 0): fc.Arbitrary<Made[]> {
  return fc.array(one, { minLength, maxLength: 3 });
}

function orNull<Made>(one: fc.Arbitrary<Made>): fc.Arbitrary<Made | null> {
  return fc.option(one, { nil: null });
}

const address = (host: fc.Arbitrary<string>): fc.Arbitrary<SocketAddress> => record<SocketAddress>({ host, port });

const ownCertificate = fc.oneof(
  fc.constant({ certificateChainPem: null, privateKeyPem: null }),
  fc.record({ certificateChainPem: name, privateKeyPem: name }),
);

const upstreamTls: fc.Arbitrary<UpstreamTls> = fc
  .tuple(ownCertificate, pem, orNull(name), some(fc.constantFrom('spiffe://mesh/shop', 'shop.example')))
  .map(([own, trustedCaPem, sni, subjectAltNames]) => ({ ...own, trustedCaPem, sni, subjectAltNames }));

const downstreamTls: fc.Arbitrary<DownstreamTls> = fc
  .record({
    certificateChainPem: name,
    privateKeyPem: name,
    trustedCaPem: name,
    requireClientCertificate: fc.boolean(),
  })
  .chain((tls) => fc.constantFrom(tls, { ...tls, trustedCaPem: null, requireClientCertificate: false }));

const stringMatch: fc.Arbitrary<StringMatch> = fc.oneof(
  record<Exclude<StringMatch, { kind: 'regex' }>>({
    kind: fc.constantFrom('exact', 'prefix', 'suffix', 'contains'),
    value: name,
    ignoreCase: fc.boolean(),
  }),
  regex.map((value) => ({ kind: 'regex', value }) as const),
);

const presence = fc.boolean().map((value) => ({ kind: 'present', value }) as const);

const headerMatcher = record<HeaderMatcher>({
  name: fc.constantFrom('x-user', ':authority', ':path', 'content-type'),
  match: fc.oneof(
    stringMatch,
    presence,
    fc
      .tuple(fc.integer({ min: -1e15, max: 1e15 }), fc.integer({ min: 1, max: 1e15 }))
      .map(([start, length]) => ({ kind: 'range', start, end: start + length }) as const),
  ),
  invert: fc.boolean(),
  treatMissingAsEmpty: fc.boolean(),
});

const path: fc.Arbitrary<PathMatch> = fc.oneof(
  record<PathMatch>({ kind: fc.constantFrom('prefix', 'exact'), value: text.map((value) => `/${value}`) }),
  regex.map((value) => ({ kind: 'regex', value }) as const),
  fc.constantFrom('/demo', '/demo.Shop').map((value) => ({ kind: 'separated-prefix', value }) as const),
);

const routeMatch = record<RouteMatch>({
  path,
  caseSensitive: fc.boolean(),
  headers: some(headerMatcher),
  queryParameters: some(record<QueryParameterMatcher>({ name, match: fc.oneof(stringMatch, presence) })),
  grpcOnly: fc.boolean(),
  runtimeFraction: orNull(
    fc.constantFrom(100, 10_000, 1_000_000).chain((denominator) => {
      return record<{ numerator: number; denominator: number }>({
        numerator: fc.integer({ min: 0, max: denominator }),
        denominator: fc.constant(denominator),
      });
    }),
  ),
});

const header = fc.constantFrom('x-a', 'x-b', 'grpc-tags');

const command: fc.Arbitrary<FormatCommand> = fc.oneof(
  fc
    .constantFrom<FactOfCall[]>('downstream-address', 'downstream-ip', 'downstream-uri-san', 'downstream-dns-san')
    .map((kind) => ({ kind })),
  fc
    .constantFrom<FactOfCall[]>('upstream-address', 'cluster', 'route', 'protocol', 'response-code')
    .map((kind) => ({ kind })),
  record<Exclude<FormatCommand, { kind: FactOfCall }>>({
    kind: fc.constantFrom('request-field', 'response-field'),
    name: fc.constantFrom('x-user', ':path'),
    alternative: orNull(fc.constantFrom('x-other', ':authority')),
    maxLength: orNull(fc.integer({ min: 0, max: 99 })),
  }),
);

const addition = record<HeaderAddition>({
  name: header,
  // Text beside text would be one text when it is read again.
  value: fc.oneof(
    fc.constantFrom([], ['100 % of it']),
    command.map((one) => ['[', one, ']']),
    fc.tuple(command, command).map((both) => [...both]),
  ),
  action: fc.constantFrom('append', 'add-if-absent', 'overwrite', 'overwrite-if-present'),
  keepEmpty: fc.boolean(),
});

const mutations: fc.Arbitrary<HeaderMutations | null> = orNull(
  record<HeaderMutations>({
    requestRemove: some(header),
    requestAdd: some(addition),
    responseRemove: some(header),
    responseAdd: some(addition, 1),
  }),
);

const substitution = { regex: fc.constant('(a)(b)'), replacement: fc.constantFrom('', '\\2\\1') };
const terminal = fc.boolean();

const hashPolicy: fc.Arbitrary<HashPolicy> = fc.oneof(
  record<HashPolicy & { kind: 'header' }>({
    kind: fc.constant('header'),
    name: fc.constantFrom('x-user', ':authority'),
    rewrite: orNull(record<Substitution>(substitution)),
    terminal,
  }),
  record<HashPolicy & { kind: 'cookie' | 'query-parameter' }>({
    kind: fc.constantFrom('cookie', 'query-parameter'),
    name,
    terminal,
  }),
  record<HashPolicy & { kind: 'source-ip' }>({ kind: fc.constant('source-ip'), terminal }),
  record<HashPolicy & { kind: 'connection' }>({ kind: fc.constant('connection'), terminal }),
);

const authority = fc.constantFrom('shop.example', 'shop:80');

const pathRewrite: fc.Arbitrary<PathRewrite> = fc.oneof(
  record<PathRewrite & { kind: 'prefix' }>({ kind: fc.constant('prefix'), value: fc.constantFrom('/', '/v2') }),
  record<PathRewrite & { kind: 'regex' }>({ kind: fc.constant('regex'), ...substitution }),
);

const hostRewrite: fc.Arbitrary<HostRewrite> = fc.oneof(
  record<HostRewrite & { kind: 'literal' }>({ kind: fc.constant('literal'), value: authority }),
  record<HostRewrite & { kind: 'header' }>({ kind: fc.constant('header'), name: fc.constant('x-host') }),
  record<HostRewrite & { kind: 'path-regex' }>({ kind: fc.constant('path-regex'), ...substitution }),
  fc.constant({ kind: 'endpoint' } as const),
);

const action: fc.Arbitrary<RouteAction> = fc.oneof(
  record<RouteAction & { kind: 'forward' }>({
    kind: fc.constant('forward'),
    clusters: fc.oneof(
      some(record<WeightedCluster>({ name, weight, mutations, hostRewrite: orNull(authority) }), 1),
      record<ClusterField>({ field: fc.constant('x-cluster') }),
    ),
    timeoutMs: orNull(ms),
    maxStreamDurationMs: orNull(fc.oneof(ms, fc.constant(0))),
    grpcTimeoutMaxMs: orNull(ms),
    hostRewrite: orNull(hostRewrite),
    appendForwardedHost: fc.boolean(),
    pathRewrite: orNull(pathRewrite),
    clusterNotFoundStatus: fc.constantFrom(404, 500, 503),
    hashPolicies: some(hashPolicy),
  }),
  record<RedirectAction>({
    kind: fc.constant('redirect'),
    status: fc.constantFrom(301, 302, 303, 307, 308),
    scheme: orNull(fc.constantFrom('http', 'https')),
    host: orNull(authority),
    port: orNull(fc.integer({ min: 1, max: 65_535 })),
    path: orNull(
      fc.oneof(
        pathRewrite,
        record<{ kind: 'whole'; value: string }>({ kind: fc.constant('whole'), value: fc.constant('/new') }),
      ),
    ),
    stripQuery: fc.boolean(),
  }),
  record<RouteAction & { kind: 'direct-response' }>({
    kind: fc.constant('direct-response'),
    status: fc.integer({ min: 200, max: 599 }),
    body: text,
  }),
  fc.constant({ kind: 'non-forwarding' } as const),
);

const routeConfiguration = fc
  .tuple(
    name,
    some(fc.tuple(some(record<Route>({ name: text, match: routeMatch, action, mutations })), mutations)),
    record<Omit<RouteConfiguration, 'name' | 'virtualHosts'>>({
      ignorePortInHostMatching: fc.boolean(),
      mutations,
      mostSpecificMutationsWin: fc.boolean(),
    }),
  )
  .map(([name, hosts, rest]): RouteConfiguration => {
    // Domains are unique within a configuration.
    const virtualHosts = hosts.map(([routes, own], index) => ({
      name: `vh${index}`,
      domains: [`h${index}.example`],
      routes,
      mutations: own,
    }));
    return { name, virtualHosts, ...rest };
  });

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

const managerFields = record<Omit<HttpConnectionManager, 'connectionLife'>>({
  statPrefix: name,
  routes: fc.oneof(
    name.map((rds) => ({ kind: 'rds', name: rds }) as const),
    routeConfiguration.map((config) => ({ kind: 'inline', config }) as const),
  ),
  maxStreamDurationMs: orNull(ms),
  maxConcurrentStreams: orNull(weight),
});
const manager = withLife<HttpConnectionManager>(managerFields);

const filterChain = record<FilterChain>({ name: text, tls: orNull(downstreamTls), http: manager });

const listener = record<Omit<Listener, 'unsupported'>>({
  name,
  address: address(ip),
  direction: fc.constantFrom('inbound', 'outbound'),
  // One, since the model has no match by which a decoder could tell two apart.
  filterChains: fc.array(filterChain, { minLength: 1, maxLength: 1 }),
  defaultFilterChain: orNull(filterChain),
});

function clusterEndpoints(own: string, host: fc.Arbitrary<string>): fc.Arbitrary<ClusterEndpoints> {
  const endpoint = record<Endpoint>({
    address: address(host),
    weight,
    health: fc.constantFrom('healthy', 'degraded', 'unhealthy'),
    hostname: text,
    hashKey: text,
  });
  const locality = record<Omit<LocalityEndpoints, 'priority' | 'zone'>>({
    region: text,
    subZone: text,
    weight: fc.integer({ min: 0, max: 1_000 }),
    endpoints: fc.uniqueArray(endpoint, { maxLength: 3, selector: ({ address }) => `${address.host} ${address.port}` }),
  });
  const drop = record<ClusterEndpoints['dropOverloads'][number]>({
    category: name,
    numerator: fc.integer({ min: 0, max: 100 }),
    denominator: fc.constantFrom(100, 10_000, 1_000_000),
  });
  return fc
    .tuple(some(locality), some(drop), fc.integer({ min: 100, max: 500 }))
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

const cluster = name.chain((own) =>
  withLife<Cluster>(
    record<Omit<Cluster, 'connectionLife'>>({
      name: fc.constant(own),
      discovery: fc.oneof(
        name.map((serviceName) => ({ kind: 'eds', serviceName }) as const),
        clusterEndpoints(own, ip).map((endpoints) => ({ kind: 'static', endpoints }) as const),
        fc
          .tuple(clusterEndpoints(own, fc.constantFrom('shop.example', '127.0.0.1')), fc.integer({ min: 2, max: 1e9 }))
          .map(([endpoints, refreshMs]) => ({ kind: 'strict-dns', endpoints, refreshMs }) as const),
      ),
      lbPolicy,
      localityWeighted: fc.boolean(),
      panicPercent: fc.integer({ min: 0, max: 100 }),
      connectTimeoutMs: ms,
      maxRequests: orNull(fc.integer({ min: 0, max: 4_294_967_295 })),
      tls: orNull(upstreamTls),
    }),
  ),
);

export const resource: fc.Arbitrary<Resource> = fc.oneof(
  listener.map((value) => ({ type: 'listener', value }) as const),
  routeConfiguration.map((value) => ({ type: 'route', value }) as const),
  cluster.map((value) => ({ type: 'cluster', value }) as const),
  name.chain((own) => clusterEndpoints(own, ip)).map((value) => ({ type: 'endpoints', value }) as const),
);
