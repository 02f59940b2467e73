// What is refused in a RouteConfiguration, and the path of the field that is named (xds.md section 1.4).
import test from 'ava';
import { errorsOf } from './decoding.ts';

function withHosts(...virtualHosts: object[]): object {
  return { name: 'r', virtual_hosts: virtualHosts };
}

function withRoute(route: object): object {
  return withHosts({ name: 'v', domains: ['*'], routes: [route] });
}

const match = { prefix: '/' };
const action = { cluster: 'c' };

const max = 4_294_967_295;

const problems: readonly (readonly [what: string, message: object, errors: readonly (string | RegExp)[]])[] = [
  ['no name', { virtual_hosts: [] }, ['name: must not be empty']],
  [
    'a virtual host without a name or domains',
    withHosts({}),
    ['virtual_hosts[0].name: must not be empty', 'virtual_hosts[0].domains: must not be empty'],
  ],
  [
    'a domain that two virtual hosts have, in another case',
    withHosts({ name: 'one', domains: ['a.b', '*.c'] }, { name: 'two', domains: ['x', 'A.B'] }),
    ['virtual_hosts[1].domains[1]: "A.B" is already a domain of virtual host "one"'],
  ],
  [
    'empty domains and stars in the middle',
    withHosts({ name: 'v', domains: ['', 'a*b', '*.*'] }),
    [
      'virtual_hosts[0].domains[0]: must not be empty',
      'virtual_hosts[0].domains[1]: "a*b" may have one * only, at its beginning or its end',
      'virtual_hosts[0].domains[2]: "*.*" may have one * only, at its beginning or its end',
    ],
  ],
  [
    'a route without match and action',
    withRoute({}),
    ['virtual_hosts[0].routes[0].match: required', 'virtual_hosts[0].routes[0]: no action is set'],
  ],
  [
    'a match without a path',
    withRoute({ match: {}, route: action }),
    ['virtual_hosts[0].routes[0].match: no path specifier that we know is set'],
  ],
  [
    'a regex that RE2 does not take',
    withRoute({ match: { safe_regex: { regex: '(?=a)' } }, route: action }),
    [/^virtual_hosts\[0\]\.routes\[0\]\.match\.safe_regex\.regex: not a valid RE2 expression: /],
  ],
  [
    'a separated prefix that ends in a slash',
    withRoute({ match: { path_separated_prefix: '/a/' }, route: action }),
    [/match\.path_separated_prefix: must be longer than one character, not end in \/ and hold no \? or #$/],
  ],
  [
    'bad header matchers',
    withRoute({
      match: {
        ...match,
        headers: [
          { name: 'a b', exact_match: 'x' },
          { name: 'a', range_match: { start: 3, end: 3 } },
          { name: 'a', string_match: {} },
          { name: 'a', string_match: { safe_regex: { regex: '[' } } },
          { name: 'a', prefix_match: '' },
        ],
      },
      route: action,
    }),
    [
      /match\.headers\[0\]\.name: "a b" is not a header name$/,
      /match\.headers\[1\]\.range_match: the end, 3, is not above the start, 3$/,
      /match\.headers\[2\]\.string_match: no match pattern that we know is set$/,
      /match\.headers\[3\]\.string_match\.safe_regex\.regex: not a valid RE2 expression/,
      /match\.headers\[4\]\.prefix_match: must not be empty$/,
    ],
  ],
  [
    'a query parameter without a name',
    withRoute({ match: { ...match, query_parameters: [{}] }, route: action }),
    [/match\.query_parameters\[0\]\.name: must not be empty$/],
  ],
  [
    'a fraction without a value',
    withRoute({ match: { ...match, runtime_fraction: {} }, route: action }),
    [/match\.runtime_fraction\.default_value: required$/],
  ],
  [
    'a fraction of an unknown kind',
    withRoute({
      match: { ...match, runtime_fraction: { default_value: { denominator: 9 } } },
      route: action,
    }),
    [/match\.runtime_fraction\.default_value\.denominator: unknown value 9$/],
  ],
  [
    'an action without a cluster',
    withRoute({ match, route: {} }),
    ['virtual_hosts[0].routes[0].route: no cluster specifier that we know is set'],
  ],
  ['an empty cluster name', withRoute({ match, route: { cluster: '' } }), [/route\.cluster: must not be empty$/]],
  [
    'no weighted clusters',
    withRoute({ match, route: { weighted_clusters: {} } }),
    [/route\.weighted_clusters\.clusters: must not be empty$/],
  ],
  [
    'weights that sum to 0',
    withRoute({ match, route: { weighted_clusters: { clusters: [{ name: 'a' }] } } }),
    [/route\.weighted_clusters\.clusters: the weights sum to 0$/],
  ],
  [
    'weights that do not fit 32 bits',
    withRoute({
      match,
      route: {
        weighted_clusters: {
          clusters: [
            { name: 'a', weight: { value: max } },
            { name: 'b', weight: { value: 1 } },
          ],
        },
      },
    }),
    [/weighted_clusters\.clusters: the weights sum to 4294967296, above 4294967295$/],
  ],
  [
    'a weighted cluster without a name',
    withRoute({
      match,
      route: { weighted_clusters: { clusters: [{ weight: { value: 1 } }] } },
    }),
    [/weighted_clusters\.clusters\[0\]\.name: must not be empty$/],
  ],
  [
    'a negative timeout and one out of range',
    withRoute({
      match,
      route: {
        ...action,
        timeout: { seconds: -1 },
        max_stream_duration: { max_stream_duration: { seconds: 400_000_000_000 } },
      },
    }),
    [/route\.timeout: must not be negative$/, /max_stream_duration\.max_stream_duration: not a valid duration$/],
  ],
  [
    'a direct response with an odd status',
    withRoute({ match, direct_response: { status: 99 } }),
    [/direct_response\.status: 99 is not a final HTTP status$/],
  ],
];

for (const [what, message, expected] of problems) {
  test(`${what}: refused, naming the field`, (t) => {
    const errors = errorsOf('route', message);
    t.is(errors.length, expected.length, errors.join('\n'));
    for (const [index, pattern] of expected.entries()) {
      if (typeof pattern === 'string') t.is(errors[index], pattern);
      else t.regex(errors[index] ?? '', pattern);
    }
  });
}

test('more than 20 problems are counted, not listed', (t) => {
  const errors = errorsOf('route', withHosts(...Array.from({ length: 30 }, () => ({ name: 'v' }))));
  t.is(errors.length, 21);
  t.is(errors.at(-1), 'and 10 more');
});
