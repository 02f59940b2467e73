// What routing and balancing cost a call, in ns: reading the head, directing it, picking an endpoint.
// Run: node bench/director.ts [seconds per row]
// Rows: a table of 1,000 exact routes and a last one for all; the call's shape is warm, its path is a hole, or a matcher
// reads a hole. Medians of five rounds that take turns.

import { createBalancer } from '../agent/balancer/create-balancer.ts';
import { createRewriteEdits } from '../agent/director/head-rewrite.ts';
import { RoutePlans } from '../agent/director/route-plan.ts';
import { compileRouteTable } from '../agent/director/route-table.ts';
import { createCallHeadMemo, readCallHead } from '../agent/grpc/call-head.ts';
import { type HeaderBlock, HeaderShapes } from '../agent/http2/index.ts';
import type { Endpoint } from '../xds/model/endpoints.ts';
import type { HeaderMatcher } from '../xds/model/matcher.ts';
import { anyCall, forwardTo, type PathMatch, type Route, unchanged, type WeightedCluster } from '../xds/model/route.ts';

const seconds = Number(process.argv[2] ?? 0.2);
const rounds = 5;

const shapes = new HeaderShapes();
const headMemo = createCallHeadMemo(shapes);

type Share = Pick<WeightedCluster, 'name' | 'weight'>;

function route(path: PathMatch, clusters: readonly Share[], headers: HeaderMatcher[] = []): Route {
  return {
    name: '',
    match: { ...anyCall, path, headers },
    action: forwardTo(clusters),
    ...unchanged,
  };
}

const exact = (value: string): PathMatch => ({ kind: 'exact', value });
const one = (name: string): readonly Share[] => [{ name, weight: 1 }];
const canary: HeaderMatcher = {
  name: 'x-request-id',
  match: { kind: 'prefix', value: 'canary', ignoreCase: false },
  invert: false,
  treatMissingAsEmpty: false,
};

const table = compileRouteTable(
  {
    name: 'bench',
    ignorePortInHostMatching: false,
    ...unchanged,
    mostSpecificMutationsWin: false,
    virtualHosts: [
      {
        name: 'all',
        domains: ['*'],
        ...unchanged,
        routes: [
          ...Array.from({ length: 1_000 }, (_, at) => route(exact(`/shop.Orders/Method${at}`), one(`c${at}`))),
          route(exact('/shop.Orders/Split'), [...one('a'), { name: 'b', weight: 9 }]),
          route(exact('/shop.Orders/Canary'), one('canary'), [canary]),
          route({ kind: 'prefix', value: '/' }, one('rest')),
        ],
      },
    ],
  },
  { random: Math.random, plans: new RoutePlans(shapes), shapes, edits: createRewriteEdits(shapes) },
);

function request(path: string): HeaderBlock {
  return shapes.block([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'orders.shop.svc.cluster.local:8080'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-go/1.80.0'],
    ['te', 'trailers'],
    ['x-request-id', '0a1b2c3d'],
  ]);
}

const pathHole = shapes.edit({ set: [{ name: ':path' }] });
const somePaths = Array.from({ length: 64 }, (_, at) =>
  request('/').edit(pathHole, [Buffer.from(`/shop.Orders/Method${at}`)]),
);

function balancer(weightOf: (at: number) => number) {
  const endpoints = Array.from(
    { length: 1_000 },
    (_, at): Endpoint => ({
      address: { host: '127.0.0.1', port: 1 + at },
      weight: weightOf(at),
      health: 'healthy',
      hostname: '',
      hashKey: '',
    }),
  );
  const locality = { region: '', zone: '', subZone: '', priority: 0, weight: 0, endpoints };
  return createBalancer(
    { lbPolicy: { kind: 'round-robin' }, localityWeighted: false, panicPercent: 50 },
    { name: 'bench', localities: [locality], dropOverloads: [], overprovisioningPercent: 140 },
    { random: Math.random, activeOf: () => 0 },
  );
}

const usable = (): boolean => true;
const even = balancer(() => 1);
const weighted = balancer((at) => 1 + (at % 10));

/** Keeps results from being optimised away. */
let sink = 0;

function directing(blocks: readonly HeaderBlock[]): (calls: number) => void {
  const heads = blocks.map((block) => readCallHead(block, headMemo));
  return (calls) => {
    for (let i = 0; i < calls; i++) sink += table.direct(heads[i % heads.length]!).kind.length;
  };
}

const rows: Record<string, (calls: number) => void> = {
  'read the head, warm shape': (() => {
    const block = request('/shop.Orders/Method7');
    return (calls) => {
      for (let i = 0; i < calls; i++) sink += readCallHead(block, headMemo).path.length;
    };
  })(),
  'direct, warm shape': directing([request('/shop.Orders/Method777')]),
  'direct, 64 warm shapes': directing(Array.from({ length: 64 }, (_, at) => request(`/shop.Orders/Method${at}`))),
  'direct, weighted clusters': directing([request('/shop.Orders/Split')]),
  'direct, matcher on a hole': directing([request('/shop.Orders/Canary')]),
  'direct, path is a hole': directing(somePaths),
  'pick of 1,000, equal': (calls) => {
    for (let i = 0; i < calls; i++) sink += even.pick(usable, null);
  },
  'pick of 1,000, weighted': (calls) => {
    for (let i = 0; i < calls; i++) sink += weighted.pick(usable, null);
  },
};

const results = new Map<string, number[]>();
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of Object.entries(rows)) {
    const batch = 1_000;
    let calls = 0;
    const begin = performance.now();
    const end = begin + (seconds * 1_000) / rounds;
    while (performance.now() < end) {
      run(batch);
      calls += batch;
    }
    const ns = ((performance.now() - begin) * 1e6) / calls;
    // The first round warms up.
    if (round > 0) results.set(name, [...(results.get(name) ?? []), ns]);
  }
}
for (const [name, times] of results) {
  const median = times.toSorted((a, b) => a - b)[times.length >> 1]!;
  console.log(`${name.padEnd(32)} ${median.toFixed(1).padStart(8)} ns`);
}
if (sink === 0) throw new Error('nothing was measured');
