// A data plane is handed its configuration as it takes it: in small slices, two at a time, whole and in order.
import test from 'ava';
import { ConfigFeed } from '../agent/config-feed.ts';
import { DataPlane } from '../agent/data-plane.ts';
import { type DataPlaneSettings, type Down, type LinkUpdate, pack, unpack } from '../agent/link.ts';
import type { ConfigUpdate, ServingResource } from '../xds/model/resource.ts';
import type { Route, RouteConfiguration } from '../xds/model/route.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from './support/resources.ts';

/** A feed whose data plane answers when it is told to. */
function feedOf(): { feed: ConfigFeed; sent: LinkUpdate[]; answerAll(): (number | null)[] } {
  const sent: LinkUpdate[] = [];
  const feed = new ConfigFeed((down) => {
    if (down.kind === 'config') sent.push(down.update);
  });
  const answerAll = (): (number | null)[] => {
    const versions: (number | null)[] = [];
    for (let answered = 0; answered < sent.length; answered++) versions.push(feed.applied());
    return versions;
  };
  return { feed, sent, answerAll };
}

function upserts(...upsert: ServingResource[]): ConfigUpdate {
  return { upsert, remove: [] };
}

const manyClusters = Array.from(
  { length: 6000 },
  (_, at): ServingResource => ({ type: 'cluster', value: cluster(`c${at}`) }),
);

function namesOf(updates: readonly LinkUpdate[]): string[] {
  return updates.flatMap(({ upsert }) =>
    upsert.map((resource) => ('name' in resource ? resource.name : resource.value.name)),
  );
}

test('two slices are under way at a time, and the next one follows an answer', (t) => {
  const { feed, sent, answerAll } = feedOf();
  feed.push(upserts(...manyClusters), 1);
  t.is(sent.length, 2);
  feed.applied();
  t.is(sent.length, 3);
  answerAll();
  t.deepEqual(
    namesOf(sent),
    manyClusters.map(({ value }) => value.name),
  );
  t.true(
    sent.every(({ upsert }) => upsert.length <= 25),
    'a slice is small',
  );
});

test('a version is announced with the last slice of its step', (t) => {
  const { feed, sent, answerAll } = feedOf();
  feed.push(upserts(...manyClusters), 7);
  feed.push({ upsert: [], remove: [{ type: 'cluster', name: 'c0' }] }, 8);
  const versions = answerAll();
  t.is(versions.length, sent.length);
  t.deepEqual(versions.slice(-2), [7, 8]);
  t.true(versions.slice(0, -2).every((version) => version === null));
});

test('what is upserted behind a removal waits for the slice behind it', (t) => {
  const { feed, sent, answerAll } = feedOf();
  feed.push(upserts(...manyClusters), 1);
  feed.push({ upsert: [], remove: [{ type: 'cluster', name: 'c1' }] }, 2);
  feed.push(upserts({ type: 'cluster', value: cluster('c1') }), 3);
  answerAll();
  const removed = sent.findIndex(({ remove }) => remove.length > 0);
  const added = sent.findLastIndex(({ upsert }) => namesOf([{ upsert, remove: [] }]).includes('c1'));
  t.true(removed < added);
});

test('endpoints that change while they wait are sent once, as they are last', (t) => {
  const { feed, sent, answerAll } = feedOf();
  feed.push(upserts(...manyClusters), 1);
  for (const port of [1, 2, 3]) feed.push(upserts({ type: 'endpoints', value: endpoints('e', [port]) }), 1 + port);
  answerAll();
  const packed = sent.flatMap(({ upsert }) => upsert).filter(({ type }) => type === 'packed-endpoints');
  t.deepEqual(packed, [{ type: 'packed-endpoints', name: 'e', json: pack(endpoints('e', [3])) }]);
});

test('endpoints that were removed meanwhile come back behind their removal', (t) => {
  const { feed, sent, answerAll } = feedOf();
  feed.push(upserts(...manyClusters), 1);
  feed.push(upserts({ type: 'endpoints', value: endpoints('e', [1]) }), 2);
  feed.push({ upsert: [], remove: [{ type: 'endpoints', name: 'e' }] }, 3);
  feed.push(upserts({ type: 'endpoints', value: endpoints('e', [2]) }), 4);
  answerAll();
  const steps = sent.flatMap(({ upsert, remove }) => [
    ...upsert.flatMap((resource) => (resource.type === 'packed-endpoints' ? [resource.json] : [])),
    ...remove.map(() => 'removed'),
  ]);
  t.deepEqual(steps, [pack(endpoints('e', [1])), 'removed', pack(endpoints('e', [2]))]);
});

test('what is packed comes out as it went in', (t) => {
  const value = { ...cluster('c'), connectionLife: { maxAgeMs: 1 } };
  t.deepEqual(unpack(pack(value)), value);
  t.is(unpack(value), value);
});

const settings = (): DataPlaneSettings => ({
  worker: 0,
  reusePort: false,
  stats: new SharedArrayBuffer(1024 * 1024),
  logLevel: 'error',
  sampling: { enabled: false, parentBased: true, ratio: 0 },
});

/** A data plane on this thread, behind a feed. */
function startFed(t: { teardown(end: () => void): void }): {
  feed: ConfigFeed;
  explain(path: string): string[];
  slices(): number;
} {
  const applied: (() => void)[] = [];
  let lines: readonly string[] = [];
  let slices = 0;
  const plane = new DataPlane(settings(), (up) => {
    if (up.kind === 'applied') applied.push(() => feed.applied());
    if (up.kind === 'explained' && 'lines' in up.explanation) lines = up.explanation.lines;
  });
  const feed = new ConfigFeed((down: Down) => {
    slices++;
    plane.receive(down);
  });
  t.teardown(() => plane.stop());
  return {
    feed,
    slices: () => slices,
    explain: (path) => {
      for (let answer = applied.shift(); answer !== undefined; answer = applied.shift()) answer();
      const headers = [
        [':path', path],
        [':authority', 'a'],
        [':method', 'POST'],
      ] as const;
      plane.receive({ kind: 'explain', id: 0, listener: 'l', headers });
      return [...lines];
    },
  };
}

const routesTo = (prefix: string, count: number): Route[] =>
  Array.from({ length: count }, (_, at) => route(forward(`${prefix}${at}`), { kind: 'exact', value: `/s/${at}` }));

const tables: Readonly<Record<string, RouteConfiguration>> = {
  'one virtual host of 1,000 routes': routeConfiguration('r', { b: [], a: routesTo('c', 1000) }),
  '1,000 virtual hosts': routeConfiguration('r', {
    ...Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`host-${at}`, routesTo('other', 1)])),
    a: routesTo('c', 1000),
  }),
};

for (const [what, config] of Object.entries(tables)) {
  test(`a route configuration of ${what} is applied in parts, and routes as one`, (t) => {
    const { feed, explain, slices } = startFed(t);
    feed.push(upserts({ type: 'listener', value: listener('l', 'outbound', 'r') }), 1);
    t.regex(explain('/s/0').join(), /has not arrived/);
    feed.push(upserts({ type: 'route', value: config }), 2);
    for (const at of [0, 165, 166, 167, 999]) {
      t.is(explain(`/s/${at}`).at(-1), `route ${at + 1}: taken, forwarded to cluster c${at}`);
    }
    t.true(slices() >= 7);
  });
}

test('while a new route configuration arrives in parts the old one serves', (t) => {
  const sent: Down[] = [];
  const lines: string[] = [];
  const plane = new DataPlane(settings(), (up) => {
    if (up.kind === 'explained' && 'lines' in up.explanation) lines.push(up.explanation.lines.at(-1) ?? '');
  });
  t.teardown(() => plane.stop());
  const old = routeConfiguration('r', { a: [route(forward('old'))] });
  const next = routeConfiguration('r', { a: routesTo('new', 1000) });
  const feed = new ConfigFeed((down) => sent.push(down));
  feed.push(upserts({ type: 'route', value: old }, { type: 'listener', value: listener('l', 'outbound', 'r') }), 1);
  feed.push(upserts({ type: 'route', value: next }), 2);
  for (let answered = 0; answered < sent.length; answered++) feed.applied();
  const headers = [
    [':path', '/s/0'],
    [':authority', 'a'],
    [':method', 'POST'],
  ] as const;
  for (const down of sent) {
    plane.receive(down);
    plane.receive({ kind: 'explain', id: 0, listener: 'l', headers });
  }
  t.deepEqual(
    [...new Set(lines)],
    ['route 1: taken, forwarded to cluster old', 'route 1: taken, forwarded to cluster new0'],
  );
  t.is(lines.filter((line) => line.endsWith('new0')).length, 1, 'it counts with its last part');
});
