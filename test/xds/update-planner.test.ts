// The planner looks only at what has changed. Whatever comes in whatever order, each of its steps must be the one that
// looking at everything leads to; and a change must cost the same in a large mesh as in a small one.
import test from 'ava';
import fc from 'fast-check';
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import type { Listener } from '../../xds/model/listener.ts';
import type { ConfigUpdate, ResourceName, ServingResource } from '../../xds/model/resource.ts';
import type { RouteConfiguration } from '../../xds/model/route.ts';
import { routesNamedBy } from '../../xds/references.ts';
import { type Found, UpdatePlanner } from '../../xds/update-planner.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';
import { type Emitted, planUpdate } from './whole-plan.ts';

type Change =
  | { readonly kind: 'clusters'; readonly changed: readonly Cluster[]; readonly removed: readonly string[] }
  | { readonly kind: 'listeners'; readonly changed: readonly Listener[]; readonly removed: readonly string[] }
  | { readonly kind: 'route'; readonly name: string; readonly value: Found<RouteConfiguration> }
  | { readonly kind: 'endpoints'; readonly name: string }
  /** Whatever waits has waited long enough. */
  | { readonly kind: 'patience ends' };

const names = ['a', 'b', 'c'] as const;
const clusterNamed = fc.constantFrom(...names);
const routeNamed = fc.constantFrom('r', 's');
const configOf = (name: string) =>
  fc
    .subarray([...names], { minLength: 1 })
    .map((to) => routeConfiguration(name, { '*': [route(forward(...to)), route(forward('a'))] }));

const someCluster = fc
  .tuple(clusterNamed, fc.constantFrom('a', 'b', 'shared', null))
  .map(([name, service]): Cluster => {
    const plain = cluster(name);
    const own = endpoints(name, [1]);
    return {
      ...plain,
      discovery: service === null ? { kind: 'static', endpoints: own } : { kind: 'eds', serviceName: service },
    };
  });

const someListener = fc
  .tuple(
    fc.constantFrom('l', 'm'),
    routeNamed,
    configOf('inline'),
    fc.constantFrom('rds', 'rds', 'inline', 'both', 'unsupported'),
  )
  .map(([name, routeName, config, kind]): Listener => {
    const rds = listener(name, 'outbound', routeName);
    const [chain] = rds.filterChains;
    if (chain === undefined || kind === 'rds') return rds;
    if (kind === 'unsupported') return { ...rds, filterChains: [], unsupported: 'address: is a pipe' };
    const inline = { ...chain, http: { ...chain.http, routes: { kind: 'inline', config } as const } };
    return { ...rds, filterChains: kind === 'both' ? [chain, inline] : [inline] };
  });

const someChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant('clusters' as const),
    changed: fc.uniqueArray(someCluster, { maxLength: 3, selector: ({ name }) => name }),
    removed: fc.uniqueArray(clusterNamed, { maxLength: 1 }),
  }),
  fc.record({
    kind: fc.constant('listeners' as const),
    changed: fc.uniqueArray(someListener, { maxLength: 2, selector: ({ name }) => name }),
    removed: fc.uniqueArray(fc.constantFrom('l', 'm'), { maxLength: 1 }),
  }),
  routeNamed.chain((name) =>
    fc.record({ kind: fc.constant('route' as const), name: fc.constant(name), value: fc.option(configOf(name)) }),
  ),
  fc.record({ kind: fc.constant('endpoints' as const), name: fc.constantFrom('a', 'b', 'shared') }),
  fc.constant({ kind: 'patience ends' as const }),
);

/** What both planners are told, and the state that the slow one keeps. */
class World {
  readonly #planner: UpdatePlanner;
  #listeners: Map<string, Listener> | undefined;
  #clusters: Map<string, Cluster> | undefined;
  readonly #routes = new Map<string, Found<RouteConfiguration>>();
  readonly #endpoints = new Map<string, ClusterEndpoints>();
  readonly #waits = new Map<string, { readonly resource: ServingResource; isOver: boolean }>();
  #emitted: Emitted = { listeners: new Map(), routes: new Map(), clusters: new Map(), endpoints: new Map() };
  readonly named = { route: new Set<string>(), endpoints: new Set<string>() };

  constructor() {
    this.#planner = new UpdatePlanner(
      {
        route: (name) => this.#routes.get(name),
        endpoints: (value) => this.#endpointsOf(value),
        hasWaited: (resource) => this.#hasWaited(resource),
        waitsNot: (name) => this.#waits.delete(keyOf(name)),
      },
      (type, name) => this.named[type].add(name),
    );
  }

  change(change: Change): void {
    switch (change.kind) {
      case 'clusters':
        this.#clusters = changed(this.#clusters, change.changed, change.removed);
        this.#planner.wantClusters(change.changed, change.removed);
        return;
      case 'listeners':
        this.#listeners = changed(this.#listeners, change.changed, change.removed);
        this.#planner.wantListeners(change.changed, change.removed);
        return;
      case 'route':
        this.#routes.set(change.name, change.value);
        this.#planner.touch({ type: 'route', name: change.name });
        return;
      case 'endpoints':
        this.#endpoints.set(change.name, endpoints(change.name, [1]));
        this.#planner.touch({ type: 'endpoints', name: change.name });
        return;
      case 'patience ends':
        for (const wait of this.#waits.values()) {
          wait.isOver = true;
          this.#planner.touch({ type: wait.resource.type, name: wait.resource.value.name });
        }
    }
  }

  /** The next step of both, in words. */
  steps(): { readonly whole: unknown; readonly planned: unknown } {
    const whole = planUpdate(
      {
        listeners: this.#listeners,
        clusters: this.#clusters,
        route: (name) => this.#routes.get(name),
        endpoints: (value) => this.#endpointsOf(value),
        isPatienceOver: (resource) => {
          const wait = this.#waits.get(keyOf({ type: resource.type, name: resource.value.name }));
          return wait?.resource.value === resource.value && wait.isOver;
        },
      },
      this.#emitted,
    );
    this.#emitted = whole.emitted;
    const planned = this.#planner.next();
    const waiting = new Set(whole.waiting.map(({ type, value }) => keyOf({ type, name: value.name })));
    return {
      whole: { ...inWords(whole.update), isSettled: whole.isSettled, waiting: [...waiting].sort() },
      planned: { ...inWords(planned.update), isSettled: planned.isSettled, waiting: [...this.#waits.keys()].sort() },
    };
  }

  /** Whether each route that a listener names was told of. */
  knowsNames(): boolean {
    const listeners = [...(this.#listeners?.values() ?? [])];
    return listeners.flatMap(routesNamedBy).every((name) => this.named.route.has(name));
  }

  #endpointsOf({ name, discovery }: Cluster): ClusterEndpoints | undefined {
    return this.#endpoints.get(discovery.kind === 'eds' ? discovery.serviceName : name);
  }

  #hasWaited(resource: ServingResource): boolean {
    const key = keyOf({ type: resource.type, name: resource.value.name });
    const known = this.#waits.get(key);
    if (known?.resource.value === resource.value) return known.isOver;
    this.#waits.set(key, { resource, isOver: false });
    return false;
  }
}

function changed<T extends { readonly name: string }>(
  before: Map<string, T> | undefined,
  values: readonly T[],
  removed: readonly string[],
): Map<string, T> {
  const after = new Map(before);
  for (const value of values) after.set(value.name, value);
  for (const name of removed) after.delete(name);
  return after;
}

function keyOf({ type, name }: ResourceName): string {
  return `${type} ${name}`;
}

/** Types in order; within a type the order is free. */
function inWords({ upsert, remove }: ConfigUpdate): {
  readonly types: string[];
  readonly upsert: string[];
  readonly remove: string[];
} {
  const types = [...upsert.map(({ type }) => `+${type}`), ...remove.map(({ type }) => `-${type}`)];
  return {
    types: types.filter((type, at) => type !== types[at - 1]),
    upsert: upsert.map(({ type, value }) => `${type} ${JSON.stringify(value)}`).sort(),
    remove: remove.map(keyOf).sort(),
  };
}

test('each step is the one that looking at everything leads to', (t) => {
  const turns = fc.array(fc.array(someChange, { minLength: 1, maxLength: 3 }), { maxLength: 30 });
  const property = fc.property(turns, (sequence) => {
    const world = new World();
    for (const changes of sequence) {
      for (const change of changes) world.change(change);
      const { whole, planned } = world.steps();
      t.deepEqual(planned, whole);
      if (!world.knowsNames()) return false;
    }
    return true;
  });
  fc.assert(property, { seed: 20261125, numRuns: 20_000, interruptAfterTimeLimit: 2000 });
  t.pass();
});

test('a change costs what it touches: of a thousand clusters, one is asked about', (t) => {
  const clusters = Array.from({ length: 1000 }, (_, at) => cluster(`cluster-${at}`));
  const config = routeConfiguration('r', { '*': clusters.map(({ name }) => route(forward(name))) });
  let found = new Map(clusters.map(({ name }) => [name, endpoints(name, [1])]));
  const asked: string[] = [];
  const planner = new UpdatePlanner(
    {
      route: (name) => {
        asked.push(name);
        return config;
      },
      endpoints: ({ name }) => {
        asked.push(name);
        return found.get(name);
      },
      hasWaited: () => false,
      waitsNot: () => {},
    },
    () => {},
  );
  planner.wantClusters(clusters, []);
  planner.wantListeners([listener('l', 'outbound', 'r')], []);
  t.is(planner.next().update.upsert.length, 2002);
  asked.length = 0;

  const next = endpoints('cluster-500', [2]);
  found = new Map([...found, ['cluster-500', next]]);
  planner.touch({ type: 'endpoints', name: 'cluster-500' });
  t.deepEqual(planner.next(), {
    update: { upsert: [{ type: 'endpoints', value: next }], remove: [] },
    isSettled: true,
  });
  t.deepEqual(asked, ['cluster-500']);
});
