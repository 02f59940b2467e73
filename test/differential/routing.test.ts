// Envoy and the agent, given the same routes by one control plane: what reaches the endpoint, and what comes back, is the
// same for calls drawn at random. The numbers in brackets are those of reference envoy-behaviours.
import http2 from 'node:http2';
import test from 'ava';
import type { HeaderAddition, HeaderFormat, HeaderMutations } from '../../xds/model/header-mutations.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import {
  anyCall,
  type ForwardAction,
  forwardTo,
  type Route,
  type RouteConfiguration,
  type RouteMatch,
  unchanged,
} from '../../xds/model/route.ts';
import { call, startHttp2Endpoint } from '../support/http2-call.ts';
import { cluster, endpoints, listener } from '../support/resources.ts';
import { besideEnvoy } from './beside-envoy.ts';

function add(name: string, value: string | HeaderFormat, action: HeaderAddition['action'] = 'append'): HeaderAddition {
  return { name, value: typeof value === 'string' ? [value] : value, action, keepEmpty: false };
}

const field = (name: string, alternative: string | null = null, maxLength: number | null = null) =>
  ({ kind: 'request-field', name, alternative, maxLength }) as const;

function level(name: string, over: Partial<HeaderMutations> = {}): HeaderMutations {
  return {
    requestRemove: [`x-gone-${name}`],
    requestAdd: [
      add('x-order', name),
      add('x-over', name, 'overwrite'),
      add('x-absent', name, 'add-if-absent'),
      add('x-present', name, 'overwrite-if-present'),
      add(`x-format-${name}`, ['<', field('x-user', ':authority', 9), '> 100%']),
      add(`x-empty-${name}`, [field('x-none')]),
    ],
    responseRemove: ['x-internal'],
    responseAdd: [add('x-answer', name), add('x-answer-user', [field('x-over')], 'overwrite')],
    ...over,
  };
}

function forward(over: Parameters<typeof forwardTo>[1] = {}, mutations: HeaderMutations | null = null): ForwardAction {
  return {
    ...forwardTo([], over),
    clusters: [{ name: 'echo', weight: 1, ...unchanged, mutations, hostRewrite: null }],
  };
}

function route(match: Partial<RouteMatch>, action: Route['action'], mutations: HeaderMutations | null = null): Route {
  return { name: '', match: { ...anyCall, ...match }, action, ...unchanged, mutations };
}

const prefix = (value: string) => ({ path: { kind: 'prefix', value } }) as const;
const header = (name: string, match: RouteMatch['headers'][number]['match'], over: object = {}) => ({
  name,
  match,
  invert: false,
  treatMissingAsEmpty: false,
  ...over,
});

const redirect = {
  kind: 'redirect',
  status: 302,
  scheme: null,
  host: null,
  port: null,
  path: null,
  stripQuery: false,
} as const;

const routes: readonly Route[] = [
  route(
    { ...prefix('/all.'), headers: [header('x-user', { kind: 'range', start: 1, end: 5 })] },
    forward(),
    level('range'),
  ),
  route(
    { ...prefix('/all.'), headers: [header('x-user', { kind: 'suffix', value: 'A', ignoreCase: true })] },
    forward({}, level('weighted')),
    level('route'),
  ),
  route(
    {
      ...prefix('/all.'),
      headers: [header('x-user', { kind: 'exact', value: '', ignoreCase: false }, { treatMissingAsEmpty: true })],
    },
    forward(),
    level('absent'),
  ),
  route(
    { ...prefix('/all.'), queryParameters: [{ name: 'q', match: { kind: 'exact', value: '1', ignoreCase: false } }] },
    forward(),
    level('query'),
  ),
  route(prefix('/all.'), forward()),
  route(prefix('/prefix/'), forward({ pathRewrite: { kind: 'prefix', value: '/new.' } })),
  route(
    { path: { kind: 'separated-prefix', value: '/separated' } },
    forward({ pathRewrite: { kind: 'prefix', value: '/' } }),
  ),
  route(
    { path: { kind: 'regex', value: '/re/[^/]+/.*' } },
    forward({ pathRewrite: { kind: 'regex', regex: '/re/([^/]+)/', replacement: '/\\1/\\0' } }),
  ),
  route(
    { path: { kind: 'exact', value: '/Exact' }, caseSensitive: false },
    forward({ pathRewrite: { kind: 'prefix', value: '/inexact' } }),
  ),
  route(
    prefix('/literal'),
    forward({ hostRewrite: { kind: 'literal', value: 'other:81' }, appendForwardedHost: true }),
  ),
  route(prefix('/from-header'), forward({ hostRewrite: { kind: 'header', name: 'x-user' } })),
  route(
    prefix('/from-path'),
    forward({ hostRewrite: { kind: 'path-regex', regex: '^/from-path/(.+)/.*$', replacement: '\\1' } }),
  ),
  route(prefix('/redirect/host'), { ...redirect, host: 'elsewhere' }, level('redirect')),
  route(prefix('/redirect/https'), { ...redirect, scheme: 'https', status: 308, stripQuery: true }),
  route(prefix('/redirect/path'), { ...redirect, path: { kind: 'prefix', value: '/moved' }, port: 8080 }),
  route(prefix('/direct'), { kind: 'direct-response', status: 503, body: 'closed: 100 % of it' }, level('direct')),
  route(prefix('/unknown'), { ...forwardTo([], { clusterNotFoundStatus: 404 }), clusters: { field: 'x-user' } }),
];

function configuration(name: string, mostSpecificMutationsWin: boolean): RouteConfiguration {
  return {
    name,
    virtualHosts: [
      { name: 'exact', domains: ['shop.example', 'shop.example:*'], routes, ...unchanged, mutations: level('vhost') },
      { name: 'suffix', domains: ['*.example'], routes: [route({}, forward(), level('suffix'))], ...unchanged },
      { name: 'prefix', domains: ['shop.*'], routes: [route({}, forward(), level('prefix'))], ...unchanged },
    ],
    ignorePortInHostMatching: false,
    ...unchanged,
    mutations: level('config'),
    mostSpecificMutationsWin,
  };
}

/** What Envoy adds of its own (11.2), and what is another in each run. */
const ofEnvoy = new Set(['x-request-id', 'x-forwarded-proto', 'server', 'date', 'content-length']);

function linesOf(who: string, headers: Readonly<Record<string, unknown>>): string[] {
  const kept = Object.entries(headers).filter(([name]) => !ofEnvoy.has(name) && !name.startsWith('x-envoy-'));
  return kept.map(([name, value]) => `${who}: ${name}: ${value}`);
}

/** The lines of one that the other has not. */
function onlyIn(one: readonly string[], other: readonly string[]): string[] {
  return one.filter((line) => !other.includes(line));
}

/** A line for each thing that the endpoint saw of a call, where it came so far, and that the caller got. */
async function observe(port: number, calls: readonly http2.OutgoingHttpHeaders[]): Promise<string[][]> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const seen = await Promise.all(calls.map((headers) => call(session, headers)));
  session.destroy();
  return seen.map(({ headers: { 'x-seen': request, 'grpc-message': message, ...answer } }) => [
    ...(request === undefined
      ? []
      : linesOf('endpoint', JSON.parse(Buffer.from(String(request), 'base64').toString()))),
    ...linesOf('caller', answer),
    // Our own words are our own; those of a configuration are the same.
    ...(String(message).includes('closed') ? [String(message)] : []),
  ]);
}

function drawCalls(count: number): http2.OutgoingHttpHeaders[] {
  let state = 9;
  const draw = <T>(from: readonly T[]): T => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return from[(state >>> 8) % from.length]!;
  };
  const paths = [
    '/all.Orders/Place',
    '/all.Orders/Place?q=1',
    '/all.Orders/Place?q=2&q=1',
    '/all.Orders/Place?Q=1&q',
    '/prefix/Orders/Place?a=/prefix/',
    '/prefix/',
    '/separated',
    '/separated/x',
    '/separatedx',
    '/re/a/b',
    '/re/a/re/b/?re/a/',
    '/exact',
    '/EXACT?x',
    '/literal/x',
    '/from-header/x',
    '/from-path/tenant/x',
    '/redirect/host/a?q=1',
    '/redirect/https/a?q=1',
    '/redirect/path/a?q=1',
    '/direct',
    '/unknown',
    '/nowhere',
  ];
  const authorities = [
    'shop.example',
    'shop.example:80',
    'SHOP.example',
    'a.example',
    'shop.other',
    'shop.other:443',
    'none',
  ];
  const users = [undefined, '', 'ada', 'Eve', '3', '05', '7', ['2', 'ada'], ['x', 'bA'], 'a,b'];
  return Array.from({ length: count }, () => {
    const user = draw(users);
    const optional = {
      'x-absent': 'client',
      'x-present': 'client',
      'x-over': 'client',
      'x-order': 'client',
      'x-gone-vhost': 'client',
    };
    const chosen = Object.entries(optional).filter(() => draw([true, false]));
    return {
      ':path': draw(paths),
      ':authority': draw(authorities),
      ...(user === undefined ? {} : { 'x-user': user }),
      ...Object.fromEntries(chosen),
    };
  });
}

for (const [name, mostSpecificMutationsWin] of [
  ['levels', false],
  ['most-specific', true],
] as const) {
  test(`calls drawn at random look the same at the endpoint and at the caller behind Envoy and behind the agent: ${name}`, async (t) => {
    const server = await startHttp2Endpoint((stream, headers) => {
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc',
          'grpc-status': '0',
          'x-internal': 'secret',
          'x-answer': 'endpoint',
          'x-seen': Buffer.from(JSON.stringify(headers)).toString('base64'),
        },
        { endStream: true },
      );
    });
    const resources: ServingResource[] = [
      { type: 'cluster', value: cluster('echo') },
      { type: 'endpoints', value: endpoints('echo', [server.port]) },
      { type: 'route', value: configuration('mesh', mostSpecificMutationsWin) },
      { type: 'listener', value: listener('outbound', 'outbound', 'mesh') },
    ];
    t.teardown(() => server.stop());
    const sides = await besideEnvoy(t, resources);
    if (sides === null) return;

    const calls = drawCalls(600);
    const byEnvoy = await observe(sides.envoyPort('outbound'), calls);
    const byAgent = await observe(await sides.agentPort('outbound'), calls);
    const differences = calls.flatMap((of, at) => {
      const [envoyOnly, agentOnly] = [onlyIn(byEnvoy[at]!, byAgent[at]!), onlyIn(byAgent[at]!, byEnvoy[at]!)];
      return envoyOnly.length + agentOnly.length === 0 ? [] : [JSON.stringify({ of, envoyOnly, agentOnly })];
    });
    t.deepEqual(differences.slice(0, 3), [], `${differences.length} of ${calls.length} differ`);
  });
}
