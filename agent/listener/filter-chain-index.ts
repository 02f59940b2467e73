// Which filter chain serves a connection. As in Envoy and gRFC A36, the criteria are looked at in a fixed order, and at
// each only the chains stay that match it best: a chain is not given another try where a later criterion fails.
import type { AddressRange } from '../../xds/model/address.ts';
import type { FilterChainMatch } from '../../xds/model/filter-chain-match.ts';
import type { FilterChain, Listener, UnusableChain } from '../../xds/model/listener.ts';
import { compileAddressRange } from '../grpc/address-range.ts';

/** What is known of a connection when its chain is chosen. */
export interface ConnectionFacts {
  /** IP literals, without brackets. */
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
  /** What its first bytes said; `null` where nobody had to look at them. */
  readonly hello: Hello | null;
}

export interface Hello {
  readonly isTls: boolean;
  /** Lower case; empty without one. */
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
}

type Chains = Pick<Listener, 'filterChains' | 'unusableChains' | 'defaultFilterChain'>;

/** How well a chain matches by one criterion: the higher, the more specific; -1 not at all, 0 where it asks nothing. */
type Criterion = (match: FilterChainMatch, facts: ConnectionFacts) => number;

/** In the order of envoy.config.listener.v3.FilterChainMatch. */
const criteria: readonly Criterion[] = [
  ({ destinationPort }, { localPort }) => exactly(destinationPort, localPort),
  ({ destinationRanges }, { localHost }) => longestRange(destinationRanges, localHost),
  ({ serverNames }, { hello }) => longestName(serverNames, hello?.serverName ?? ''),
  ({ transportProtocol }, { hello }) => exactly(transportProtocol, hello?.isTls ? 'tls' : 'raw_buffer'),
  ({ applicationProtocols }, { hello }) => anyOf(applicationProtocols, hello?.applicationProtocols ?? []),
  ({ directSourceRanges }, { remoteHost }) => longestRange(directSourceRanges, remoteHost),
  ({ sourceType }, facts) => exactly(sourceType, isLocal(facts) ? 'local' : 'external'),
  ({ sourceRanges }, { remoteHost }) => longestRange(sourceRanges, remoteHost),
  ({ sourcePorts }, { remotePort }) => anyOf(sourcePorts, [remotePort]),
];

/** The chain for that connection; `null` where none is meant for it. */
export function chooseFilterChain(
  { filterChains, unusableChains, defaultFilterChain }: Chains,
  facts: ConnectionFacts,
): FilterChain | UnusableChain | null {
  let left: readonly (FilterChain | UnusableChain)[] = [...filterChains, ...unusableChains];
  for (const criterion of criteria) {
    if (left.length === 0) break;
    left = mostSpecific(left, ({ match }) => (match === null ? 0 : criterion(match, facts)));
  }
  return left[0] ?? defaultFilterChain;
}

/** Whether a client's first bytes decide which chain serves it, or whether TLS is to be ended at all. */
export function needsHello({ filterChains, unusableChains, defaultFilterChain }: Chains): boolean {
  const all = defaultFilterChain === null ? filterChains : [...filterChains, defaultFilterChain];
  const asks = [...filterChains, ...unusableChains].some(
    ({ match }) =>
      match !== null &&
      (match.serverNames.length > 0 || match.transportProtocol !== null || match.applicationProtocols.length > 0),
  );
  return asks || all.some(({ tls }) => (tls === null) !== (all[0]!.tls === null));
}

function mostSpecific<Chain>(chains: readonly Chain[], rankOf: (chain: Chain) => number): readonly Chain[] {
  const ranks = chains.map(rankOf);
  const best = Math.max(...ranks);
  return best === -1 ? [] : chains.filter((_, at) => ranks[at] === best);
}

function exactly<T>(wanted: T | null, actual: T): number {
  if (wanted === null) return 0;
  return wanted === actual ? 1 : -1;
}

function anyOf<T>(wanted: readonly T[], actual: readonly T[]): number {
  if (wanted.length === 0) return 0;
  return wanted.some((one) => actual.includes(one)) ? 1 : -1;
}

function longestRange(ranges: readonly AddressRange[], host: string): number {
  if (ranges.length === 0) return 0;
  return ranges.reduce((best, range) => (contains(range, host) ? Math.max(best, range.bits) : best), -1);
}

// A resource never changes, so its ranges are compiled once.
const compiledRanges = new WeakMap<AddressRange, (host: string) => boolean>();

function contains(range: AddressRange, host: string): boolean {
  let test = compiledRanges.get(range);
  if (test === undefined) {
    test = compileAddressRange(range);
    compiledRanges.set(range, test);
  }
  return test(host);
}

/** A name as it is, before what its ending matches, the longer the better. */
function longestName(names: readonly string[], asked: string): number {
  if (names.length === 0) return 0;
  let best = -1;
  for (const name of names) {
    if (name === asked) return Number.MAX_SAFE_INTEGER;
    if (name.startsWith('*.') && asked.endsWith(name.slice(1)) && asked.length >= name.length) {
      best = Math.max(best, name.length);
    }
  }
  return best;
}

function isLocal({ localHost, remoteHost }: ConnectionFacts): boolean {
  return remoteHost === localHost || remoteHost === '::1' || remoteHost.startsWith('127.');
}
