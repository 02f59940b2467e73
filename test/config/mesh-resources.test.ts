// What each agent of a small mesh is told: the shop's agent takes calls for the shop and sends the shop's own calls to
// the agents beside the catalogue; the catalogue's agent only takes calls.
import test from 'ava';
import { parseMeshConfig } from '../../agent/config/mesh-config.ts';
import { meshResources, proxylessResources } from '../../agent/config/mesh-resources.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { RouteAction } from '../../xds/model/route.ts';

const parsed = parseMeshConfig(`services:
  shop:
    instances:
      shop-1: { app: 127.0.0.1:50051, agent: shop-agent, inbound: 127.0.0.1:15051 }
  catalogue:
    split: { v1: 90, v2: 0 }
    routes:
      - { method: demo.Catalogue/Watch, headers: { x-user: ann }, to: { v1: 1, v2: 3 } }
    instances:
      catalogue-1: { version: v1, weight: 2, app: 127.0.0.1:50061, agent: catalogue-agent, inbound: 127.0.0.1:15061 }
      catalogue-2: { version: v1, app: 127.0.0.1:50062, agent: catalogue-agent, inbound: 127.0.0.1:15062 }
      catalogue-3: { version: v2, app: 127.0.0.1:50063 }
  far:
    instances:
      far-1: { app: 127.0.0.1:50071, agent: catalogue-agent, inbound: far.example:15071 }
agents:
  shop-agent: { outbound: 127.0.0.1:15001 }
  catalogue-agent: {}
`);
if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
const { mesh } = parsed;

function resourcesOf(nodeId: string): ServingResource[] {
  return meshResources(mesh, nodeId) ?? [];
}

type Values = { [One in ServingResource as One['type']]: One['value'] };

/** The value of the one resource with that type and name. */
function resourceNamed<Type extends keyof Values>(
  resources: readonly ServingResource[],
  type: Type,
  name: string,
): Values[Type] {
  const found = resources.filter((resource) => resource.type === type && resource.value.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources of type ${type} named ${name}`);
  return found[0]?.value as Values[Type];
}

function namesOf(resources: readonly ServingResource[]): string[] {
  return resources.map(({ type, value }) => `${type} ${value.name}`).sort();
}

test('an agent hears of its own inbound listeners, and of the services only where it has an outbound address', (t) => {
  t.deepEqual(namesOf(resourcesOf('catalogue-agent')), [
    'cluster app/catalogue-1',
    'cluster app/catalogue-2',
    'cluster app/far-1',
    'listener inbound/catalogue-1',
    'listener inbound/catalogue-2',
    'listener inbound/far-1',
  ]);
  t.deepEqual(namesOf(resourcesOf('shop-agent')), [
    'cluster app/shop-1',
    'cluster catalogue/v1',
    'cluster catalogue/v2',
    'cluster far',
    'cluster shop',
    'endpoints catalogue/v1',
    'endpoints catalogue/v2',
    'endpoints shop',
    'listener inbound/shop-1',
    'listener outbound',
    'route mesh',
  ]);
});

test('a node that is none of the agents is not known', (t) => {
  t.is(meshResources(mesh, 'stranger'), null);
});

test('the endpoints of a service are the addresses of the agents beside it, or of the program without one', (t) => {
  const resources = resourcesOf('shop-agent');
  const v1 = resourceNamed(resources, 'endpoints', 'catalogue/v1').localities.flatMap(({ endpoints }) => endpoints);
  t.deepEqual(
    v1.map(({ address, weight }) => [address.port, weight]),
    [
      [15061, 2],
      [15062, 1],
    ],
  );
  const v2 = resourceNamed(resources, 'endpoints', 'catalogue/v2').localities.flatMap(({ endpoints }) => endpoints);
  t.deepEqual(
    v2.map(({ address }) => address),
    [{ host: '127.0.0.1', port: 50063 }],
  );
});

test('an instance that is down is an unhealthy endpoint, and stays one of its cluster', (t) => {
  const resources = meshResources(mesh, 'shop-agent', new Set(['catalogue-1'])) ?? [];
  const endpoints = resourceNamed(resources, 'endpoints', 'catalogue/v1').localities.flatMap((one) => one.endpoints);
  t.deepEqual(
    endpoints.map(({ address, health }) => [address.port, health]),
    [
      [15061, 'unhealthy'],
      [15062, 'healthy'],
    ],
  );
});

test('an endpoint given by a name makes its cluster a STRICT_DNS one, and the agent beside it binds every address', (t) => {
  const { discovery } = resourceNamed(resourcesOf('shop-agent'), 'cluster', 'far');
  t.is(discovery.kind, 'strict-dns');
  t.deepEqual(resourceNamed(resourcesOf('catalogue-agent'), 'listener', 'inbound/far-1').address, {
    host: '0.0.0.0',
    port: 15071,
  });
});

function sharesOf(action: RouteAction): unknown {
  if (action.kind !== 'forward' || 'field' in action.clusters) return action;
  return action.clusters.map(({ name, weight }) => ({ name, weight }));
}

test('calls follow the first route that matches, then the split, where a share of 0 is no cluster at all', (t) => {
  const { virtualHosts, ignorePortInHostMatching } = resourceNamed(resourcesOf('shop-agent'), 'route', 'mesh');
  t.true(ignorePortInHostMatching);
  const catalogue = virtualHosts.find(({ domains }) => domains.includes('catalogue'));
  t.deepEqual(
    catalogue?.routes.map(({ match, action }) => [match.path, match.headers.map(({ name }) => name), sharesOf(action)]),
    [
      [
        { kind: 'exact', value: '/demo.Catalogue/Watch' },
        ['x-user'],
        [
          { name: 'catalogue/v1', weight: 1 },
          { name: 'catalogue/v2', weight: 3 },
        ],
      ],
      [{ kind: 'prefix', value: '/' }, [], [{ name: 'catalogue/v1', weight: 90 }]],
    ],
  );
});

test('an inbound listener sends every call to the program it stands before, whatever the authority', (t) => {
  const { direction, filterChains } = resourceNamed(resourcesOf('shop-agent'), 'listener', 'inbound/shop-1');
  t.is(direction, 'inbound');
  const routes = filterChains[0]?.http.routes;
  if (routes?.kind !== 'inline') throw new Error('the routes should be inside the listener');
  const [host] = routes.config.virtualHosts;
  t.deepEqual(host?.domains, ['*']);
  const action = host?.routes[0]?.action;
  t.deepEqual(action && sharesOf(action), [{ name: 'app/shop-1', weight: 1 }]);
  const { discovery } = resourceNamed(resourcesOf('shop-agent'), 'cluster', 'app/shop-1');
  t.is(discovery.kind, 'static');
});

test('a proxyless client finds each service by its name (gRFC A27)', (t) => {
  const { resources, apiListeners } = proxylessResources(mesh);
  t.deepEqual(
    apiListeners.map(({ name }) => name),
    ['shop', 'catalogue', 'far'],
  );
  t.true(apiListeners.every(({ http }) => http.routes.kind === 'rds' && http.routes.name === 'mesh'));
  t.false(resources.some(({ type }) => type === 'listener'));
});
