// The filter chains of one version of a listener, each made ready to serve connections.
import type { FilterChain, Listener } from '../../xds/model/listener.ts';
import type { ConnectionEnvironment, ServerTls } from '../http2/index.ts';
import { type ConnectionFacts, chooseFilterChain, needsHello } from './filter-chain-index.ts';
import type { WebFront } from './web-front.ts';

/** What a connection needs of the chain that serves it. */
export interface ServingChain<Context> {
  readonly environment: ConnectionEnvironment;
  /** `null`: clear text. */
  readonly tls: ServerTls | null;
  readonly context: Context;
  /** Where its browsers are served; `null`: they are not. */
  readonly web: WebFront | null;
  /** It asks nothing of who connects: neither TLS nor a filter's leave. */
  readonly isOpen: boolean;
}

/** Why no chain serves a connection, where none is for it. */
export const NO_CHAIN = 'no filter chain is for it';

export class ChainSet<Context> {
  /** Whether a client's first bytes have to be seen before its chain can be chosen. */
  readonly needsHello: boolean;
  readonly #resource: Listener;
  readonly #serving: ReadonlyMap<FilterChain, ServingChain<Context>>;

  /** @throws Error where the certificates of a chain can't be read. */
  constructor(resource: Listener, prepare: (chain: FilterChain) => ServingChain<Context>) {
    const { filterChains, defaultFilterChain } = resource;
    const all = defaultFilterChain === null ? filterChains : [...filterChains, defaultFilterChain];
    this.#resource = resource;
    this.#serving = new Map(all.map((chain) => [chain, prepare(chain)]));
    this.needsHello = needsHello(resource) || all.some(({ http }) => http.grpcWeb !== undefined);
  }

  /** The chain for that connection, or why none serves it. */
  choose(facts: ConnectionFacts): ServingChain<Context> | string {
    const chosen = chooseFilterChain(this.#resource, facts);
    if (chosen === null) return NO_CHAIN;
    return 'http' in chosen ? this.#serving.get(chosen)! : chosen.reason;
  }
}
