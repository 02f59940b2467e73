// Route configurations and calls in short, for the tests of this folder.
import { createRewriteEdits } from '../../agent/director/head-rewrite.ts';
import { RoutePlans } from '../../agent/director/route-plan.ts';
import { compileRouteTable, type RouteTable } from '../../agent/director/route-table.ts';
import { type CallHead, createCallHeadMemo, readCallHead } from '../../agent/grpc/call-head.ts';
import { HeaderShapes } from '../../agent/http2/index.ts';
import type { HeaderMatcher } from '../../xds/model/matcher.ts';
import {
  anyCall,
  type ForwardAction,
  forwardTo,
  type Route,
  type RouteConfiguration,
  type RouteMatch,
  unchanged,
  type VirtualHost,
} from '../../xds/model/route.ts';

export const shapes = new HeaderShapes({ seed: 1 });
const headMemo = createCallHeadMemo(shapes);
export const deps = { plans: new RoutePlans(shapes), shapes, edits: createRewriteEdits(shapes) };

export function forward(...clusters: (string | [name: string, weight: number])[]): ForwardAction {
  return forwardTo(
    clusters.map((cluster) =>
      typeof cluster === 'string' ? { name: cluster, weight: 1 } : { name: cluster[0], weight: cluster[1] },
    ),
  );
}

/** A route to that cluster; whatever is not said asks nothing. */
export function route(cluster: string, match: Partial<RouteMatch> = {}, over: Partial<Route> = {}): Route {
  return {
    name: '',
    match: { ...anyCall, ...match },
    action: forward(cluster),
    ...unchanged,
    ...over,
  };
}

export function header(name: string, match: HeaderMatcher['match'], over: Partial<HeaderMatcher> = {}): HeaderMatcher {
  return { name, match, invert: false, treatMissingAsEmpty: false, ...over };
}

export const exact = (value: string, ignoreCase = false) => ({ kind: 'exact', value, ignoreCase }) as const;
export const regex = (value: string) => ({ kind: 'regex', value }) as const;

export function virtualHost(name: string, domains: string[], routes: Route[] = [route(name)]): VirtualHost {
  return { name, domains, routes, ...unchanged };
}

export function table(
  virtualHosts: VirtualHost[],
  { random = () => 0, ignorePort = false }: { random?: () => number; ignorePort?: boolean } = {},
): RouteTable {
  const config: RouteConfiguration = {
    name: 'shop-routes',
    virtualHosts,
    ignorePortInHostMatching: ignorePort,
    ...unchanged,
    mostSpecificMutationsWin: false,
  };
  return compileRouteTable(config, { random, ...deps });
}

/** One virtual host for every authority. */
export function tableOf(routes: Route[], random: () => number = () => 0): RouteTable {
  return table([virtualHost('all', ['*'], routes)], { random });
}

interface CallOptions {
  readonly path?: string;
  readonly authority?: string;
  /** `null`: none. */
  readonly contentType?: string | null;
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** Fields that are to be holes of the shape. Each is in the block once. */
  readonly holes?: readonly string[];
}

export function call({
  path = '/shop.Orders/Place',
  authority = 'orders',
  contentType = 'application/grpc',
  fields = [],
  holes = [],
}: CallOptions = {}): CallHead {
  const all: PlainFields = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', authority],
    ...(contentType === null ? [] : [['content-type', contentType] as const]),
    ...fields,
  ];
  return callsOfShape(all, holes)(all);
}

type PlainFields = readonly (readonly [name: string, value: string])[];

/** Makes calls of one shape: of each call's fields only the holes are looked at, the others are those given here. */
export function callsOfShape(fields: PlainFields, holes: readonly string[]): (fields: PlainFields) => CallHead {
  const block = shapes.block(fields);
  const edit = shapes.edit({ set: holes.map((name) => ({ name })) });
  return (of) => {
    if (holes.length === 0) return readCallHead(block, headMemo);
    const values = holes.map((name) => Buffer.from(of.find(([each]) => each === name)![1], 'latin1'));
    return readCallHead(block.edit(edit, values), headMemo);
  };
}

/** The cluster a call is forwarded to, or what it meets instead, asked until the table's plan for its shape is used. */
export function clusterOf(of: RouteTable, head: CallHead): string {
  const [first, ...others] = [0, 1, 2].map(() => {
    const decision = of.direct(head);
    return decision.kind === 'forward' ? decision.cluster : decision.kind;
  });
  if (others.some((other) => other !== first)) throw new Error(`${first}, then ${others}`);
  return first!;
}
