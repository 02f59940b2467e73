// Any route configuration that the model can hold and a decoder accepts, for properties.
import fc from 'fast-check';
import type { FactOfCall, FormatCommand, HeaderAddition, HeaderMutations } from '../../xds/model/header-mutations.ts';
import type { CallRule, FilterOverrides, RbacPolicy, RbacRules } from '../../xds/model/http-filter.ts';
import type { HeaderMatcher, StringMatch } from '../../xds/model/matcher.ts';
import { type RetryPolicy, unansweredCauses } from '../../xds/model/retry-policy.ts';
import type {
  ClusterField,
  HashPolicy,
  HostRewrite,
  PathMatch,
  PathRewrite,
  QueryParameterMatcher,
  RedirectAction,
  Route,
  RouteAction,
  RouteConfiguration,
  RouteMatch,
  Substitution,
  WeightedCluster,
} from '../../xds/model/route.ts';
import { ms, name, orNull, record, regex, some, text, weight } from './arbitrary-values.ts';

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
const commonRule: fc.Arbitrary<CallRule> = fc.oneof(
  fc.constant({ kind: 'any' } as const),
  headerMatcher.map((matcher) => ({ kind: 'header', matcher }) as const),
  stringMatch.map((match) => ({ kind: 'path', match }) as const),
);

const range = fc.constantFrom({ address: '10.0.0.0', bits: 8 }, { address: '2001:db8::', bits: 32 });

const permission: fc.Arbitrary<CallRule> = fc.oneof(
  commonRule,
  range.map((one) => ({ kind: 'destination-ip', range: one }) as const),
  fc.integer({ min: 0, max: 65_535 }).map((first) => ({ kind: 'destination-port', first, end: 65_536 }) as const),
  stringMatch.map((match) => ({ kind: 'server-name', match }) as const),
);

const principal: fc.Arbitrary<CallRule> = fc.oneof(
  commonRule,
  range.map((one) => ({ kind: 'source-ip', range: one }) as const),
  orNull(stringMatch).map((match) => ({ kind: 'authenticated', match }) as const),
);

/** Rules in rules, as lists of alternatives hold them. */
function alternatives(rule: fc.Arbitrary<CallRule>): fc.Arbitrary<CallRule> {
  const nested = fc.oneof(
    rule,
    rule.map((one) => ({ kind: 'not', rule: one }) as const),
    some(rule, 1).map((rules) => ({ kind: 'all-of', rules }) as const),
  );
  return some(nested, 1).map((rules) => ({ kind: 'any-of', rules }) as const);
}

export const rbacRules = record<RbacRules>({
  action: fc.constantFrom('allow', 'deny'),
  policies: fc.uniqueArray(
    record<RbacPolicy>({
      name: name.map((one) => `policy ${one}`),
      permission: alternatives(permission),
      principal: alternatives(principal),
    }),
    { maxLength: 2, selector: (policy) => policy.name },
  ),
});

const filterOverrides: fc.Arbitrary<FilterOverrides | null> = orNull(
  fc.dictionary(name, orNull(rbacRules), { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
);

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

/** Its first cause makes sure that there is something to retry. */
const retryPolicy: fc.Arbitrary<RetryPolicy> = fc
  .record({
    maxAttempts: fc.integer({ min: 2, max: 9 }),
    initialBackoffMs: fc.integer({ min: 1, max: 1000 }),
    over: fc.integer({ min: 0, max: 1000 }),
    statuses: fc.subarray([1, 4, 8, 13, 14], { minLength: 1 }),
    httpStatuses: fc.subarray([409, 502, 503]),
    unanswered: fc.constantFrom(['unconnected'], ['refused'], ['unconnected', 'refused'], unansweredCauses, []),
  })
  .map(({ over, ...policy }) => {
    return { ...policy, maxBackoffMs: policy.initialBackoffMs + over, backoffMultiplier: 2 } as RetryPolicy;
  });

const action: fc.Arbitrary<RouteAction> = fc.oneof(
  record<RouteAction & { kind: 'forward' }>({
    kind: fc.constant('forward'),
    clusters: fc.oneof(
      some(record<WeightedCluster>({ name, weight, mutations, filterOverrides, hostRewrite: orNull(authority) }), 1),
      record<ClusterField>({ field: fc.constant('x-cluster') }),
    ),
    timeoutMs: orNull(ms),
    maxStreamDurationMs: orNull(fc.oneof(ms, fc.constant(0))),
    grpcTimeoutMaxMs: orNull(ms),
    retry: orNull(retryPolicy),
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

export const routeConfiguration = fc
  .tuple(
    name,
    some(
      fc.tuple(
        some(record<Route>({ name: text, match: routeMatch, action, mutations, filterOverrides })),
        mutations,
        filterOverrides,
      ),
    ),
    record<Omit<RouteConfiguration, 'name' | 'virtualHosts'>>({
      ignorePortInHostMatching: fc.boolean(),
      mutations,
      filterOverrides,
      mostSpecificMutationsWin: fc.boolean(),
    }),
  )
  .map(([name, hosts, rest]): RouteConfiguration => {
    // Domains are unique within a configuration.
    const virtualHosts = hosts.map(([routes, own, overrides], index) => ({
      name: `vh${index}`,
      domains: [`h${index}.example`],
      routes,
      mutations: own,
      filterOverrides: overrides,
    }));
    return { name, virtualHosts, ...rest };
  });
