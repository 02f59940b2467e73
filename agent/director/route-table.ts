// A route configuration compiled into a director. It never changes: a new configuration is a new table.
import type { RouteConfiguration } from '../../xds/model/route.ts';
import { quoteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { status } from '../grpc/status.ts';
import type { HeaderShapes } from '../http2/index.ts';
import type { VirtualHostPart } from '../link.ts';
import { CandidateCache } from './candidate-cache.ts';
import type { ActionDeps } from './compiled-action.ts';
import type { CompiledRoute } from './compiled-route.ts';
import { CompiledVirtualHost } from './compiled-virtual-host.ts';
import { isFixed } from './condition.ts';
import type { Decision, Director } from './decision.ts';
import { explainRoutes } from './explain-routes.ts';
import type { RewriteEdits } from './head-rewrite.ts';
import { MutationCompiler } from './header-mutation.ts';
import { splitPath } from './request-path.ts';
import { allHold, followPlan, planRoutes, type RoutePlans } from './route-plan.ts';
import { VirtualHostIndex } from './virtual-host-index.ts';

export interface RouteTableDeps {
  /** Uniform in [0, 1): for fractions and weighted clusters, drawn for each call by itself. */
  readonly random: () => number;
  /** The data plane's; a table adds its own to it. */
  readonly plans: RoutePlans;
  readonly shapes: HeaderShapes;
  readonly edits: RewriteEdits;
}

/** @param config sound, as the decoder hands it on: regexes compile, weights sum to 1 or more, domains are unique. */
export function compileRouteTable(config: RouteConfiguration, deps: RouteTableDeps): RouteTable {
  const table = new RouteTable(config, deps);
  table.add(config.virtualHosts.map((virtualHost, at) => ({ at, virtualHost })));
  return table;
}

export class RouteTable implements Director {
  readonly name: string;
  readonly #deps: ActionDeps;
  readonly #hosts: CompiledVirtualHost[] = [];
  readonly #byDomain: VirtualHostIndex<CompiledVirtualHost>;
  readonly #candidates = new CandidateCache();
  readonly #plans: RoutePlans;
  readonly #number: number;
  readonly #random: () => number;

  /** Of that configuration, without its virtual hosts: these are added before the first call. */
  constructor({ virtualHosts: _, ...config }: RouteConfiguration, { random, plans, shapes, edits }: RouteTableDeps) {
    this.#deps = { config, mutations: new MutationCompiler(shapes), edits };
    this.name = config.name;
    this.#byDomain = new VirtualHostIndex(config.ignorePortInHostMatching);
    this.#plans = plans;
    this.#number = plans.addTable();
    this.#random = random;
  }

  /** Parts come in order, so that a table of ten thousand routes can be compiled a few at a time. */
  add(parts: readonly VirtualHostPart[]): void {
    for (const { at, virtualHost } of parts) {
      let host = this.#hosts[at];
      if (host === undefined) {
        host = new CompiledVirtualHost(virtualHost, this.name, this.#deps);
        this.#hosts[at] = host;
        this.#byDomain.add(host);
      }
      host.add(virtualHost.routes);
    }
  }

  /** The first route that matches decides; none is UNIMPLEMENTED with flag NR (envoy-behaviours 2.5). */
  direct(head: CallHead): Decision {
    const plan = this.#plans.of(head.block.shape)?.get(this.#number);
    return plan === undefined ? this.#directUnplanned(head) : followPlan(plan, head, this.#random);
  }

  /** Line by line: which route takes the call, and why each one before it did not. */
  explain(head: CallHead): string[] {
    return [`route configuration ${this.name}`, ...explainRoutes(head, this.#byDomain.find(head.authority))];
  }

  #directUnplanned(head: CallHead): Decision {
    const { shape } = head.block;
    const plans = this.#plans.of(shape);
    // A plan is made at second sight: a shape that comes once, or that the codec does not keep, is not worth it.
    if (plans === undefined) {
      this.#plans.begin(shape);
      return this.#directEach(head);
    }
    if (!ROUTED_BY.every((name) => isFixed(shape, name))) return this.#directEach(head);
    const host = this.#byDomain.find(head.authority)?.owner ?? null;
    const candidates = host === null || head.path.includes('#') ? NO_ROUTES : host.candidates(splitPath(head.path));
    const plan = planRoutes(candidates, head, this.#unrouted(head, host));
    plans.set(this.#number, plan);
    return followPlan(plan, head, this.#random);
  }

  #directEach(head: CallHead): Decision {
    const host = this.#byDomain.find(head.authority)?.owner ?? null;
    if (host !== null && !head.path.includes('#')) {
      for (const route of this.#candidates.candidates(host, head.path)) {
        if (allHold(route.conditions, head) && route.isDrawn(this.#random)) return route.decide(head, this.#random);
      }
    }
    return this.#unrouted(head, host);
  }

  #unrouted({ authority, path }: CallHead, host: CompiledVirtualHost | null): Decision {
    const of = `${quoteText(path)} of authority ${quoteText(authority)}`;
    if (path.includes('#')) {
      // HTTP 400 in Envoy, before any routing (2.2).
      const message = `the path ${of} has a fragment`;
      return { kind: 'reject', status: status.INTERNAL, message, flag: 'DPE', route: null, http: null };
    }
    const message =
      host === null
        ? `no route for ${of}: route configuration ${this.name} has no virtual host for this authority`
        : `no route for ${of}: none matches in virtual host ${host.name} of route configuration ${this.name}`;
    return { kind: 'reject', status: status.UNIMPLEMENTED, message, flag: 'NR', route: null, http: null };
  }
}

const NO_ROUTES: readonly CompiledRoute[] = [];
/** What decides which routes come into question. */
const ROUTED_BY = [':path', ':authority', 'host'];
