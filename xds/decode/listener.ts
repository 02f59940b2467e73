// envoy.config.listener.v3.Listener -> Listener.
import type { SocketAddress } from '../model/address.ts';
import type {
  FilterChain,
  HttpConnectionManager,
  Listener,
  TrafficDirection,
  UnusableChain,
} from '../model/listener.ts';
import type { FilterMessage } from './core-messages.ts';
import { configTypeOf, type DecodeContext } from './decode-context.ts';
import { decodeFilterChainMatch } from './filter-chain-match.ts';
import { isHarmlessFilter } from './filters.ts';
import { connectionManagerType, decodeConnectionManager } from './http-connection-manager.ts';
import type { FilterChainMessage, ListenerMessage } from './listener-messages.ts';
import { decodeAddress, decodeDuration } from './scalars.ts';
import { decodeDownstreamSocket } from './tls.ts';
import type { Scope } from './validation.ts';

/** What Gloo has for nodes that it does not know: a listener that answers everything by 500. */
const strangersListener = 'listener-for-invalid-envoy';
const originalDstType = 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst';
/** Envoy's default. */
const defaultDetectionMs = 15_000;
const nowhere: SocketAddress = { host: '', port: 0 };

export function decodeListener(context: DecodeContext, message: ListenerMessage, scope: Scope): Listener {
  if (message.name === '') scope.at('name').fail('must not be empty');
  if (message.name === strangersListener) {
    scope.at('name').unsupported("Gloo sends this listener to a node whose metadata's role it does not know");
  }
  const place = decodePlace(context, message, scope);
  const { address } = place;
  const filterChains: FilterChain[] = [];
  const unusableChains: UnusableChain[] = [];
  const matches = new Set<string>();
  for (const [index, chain] of message.filter_chains.entries()) {
    const at = scope.item('filter_chains', index);
    const key = JSON.stringify(chain.filter_chain_match);
    if (matches.has(key)) at.at('filter_chain_match').fail('another filter chain has the same match');
    matches.add(key);
    const decoded = decodeFilterChain(context, chain, at);
    if ('http' in decoded) filterChains.push(decoded);
    else unusableChains.push(decoded);
  }
  const last = message.default_filter_chain;
  const lastDecoded = last === null ? null : decodeFilterChain(context, last, scope.at('default_filter_chain'));
  const defaultFilterChain = lastDecoded !== null && 'http' in lastDecoded ? lastDecoded : null;
  reportUnsupported(context, message, scope);
  const direction: TrafficDirection = message.traffic_direction === 'INBOUND' ? 'inbound' : 'outbound';
  let { unsupported } = place;
  if (message.api_listener === null && message.internal_listener === undefined && unsupported === undefined) {
    if (message.filter_chains.length === 0 && last === null) scope.at('filter_chains').fail('there is no filter chain');
    else if (filterChains.length === 0 && defaultFilterChain === null) {
      unsupported = `${scope.at('filter_chains').path}: none of the filter chains can be used`;
    }
  }
  const { name } = message;
  const { api } = place;
  if (api !== undefined) {
    return { name, address, direction, filterChains: [], unusableChains: [], defaultFilterChain: null, api };
  }
  const acceptance = decodeAcceptance(context, message, scope);
  if (unsupported === undefined) {
    return { name, address, direction, filterChains, unusableChains, defaultFilterChain, ...acceptance };
  }
  return { name, address, direction, filterChains: [], unusableChains: [], defaultFilterChain: null, unsupported };
}

interface Place {
  readonly address: SocketAddress;
  readonly api?: HttpConnectionManager;
  readonly unsupported?: string;
}

/** Where to bind, or how it is found without a port, or why not to bind. */
function decodePlace(context: DecodeContext, message: ListenerMessage, scope: Scope): Place {
  // It goes before all else, and may come with an address that is not meant (gRFC A27).
  if (message.api_listener !== null) return decodeApi(context, message.api_listener, scope.at('api_listener'));
  if (message.internal_listener !== undefined) {
    const unsupported = scope.at('internal_listener').unsupported('internal listeners are not supported');
    return { address: nowhere, unsupported };
  }
  const decoded = decodeAddress(message.address, 'ip', scope.at('address'));
  if (decoded.kind === 'invalid') return { address: nowhere };
  if (decoded.kind === 'unsupported') return { address: nowhere, unsupported: decoded.reason };
  const { address } = decoded;
  return { address };
}

/** Which connections it takes besides those that were meant for it, and how long it waits to know them. */
function decodeAcceptance(
  context: DecodeContext,
  message: ListenerMessage,
  scope: Scope,
): Pick<Listener, 'capture' | 'bindsNoPort' | 'detection'> {
  const restores = message.listener_filters.some(
    ({ typed_config: any }) => configTypeOf(context, any) === originalDstType,
  );
  const capture = message.use_original_dst?.value ? 'hand-on' : restores ? 'match' : null;
  const timeoutMs = decodeDuration(message.listener_filters_timeout, scope.at('listener_filters_timeout'));
  const servesSilent = message.continue_on_listener_filters_timeout;
  const detection =
    timeoutMs === null && !servesSilent
      ? null
      : { timeoutMs: timeoutMs === 0 ? null : (timeoutMs ?? defaultDetectionMs), servesSilent };
  return {
    ...(capture !== null && { capture }),
    ...(message.bind_to_port?.value === false && { bindsNoPort: true }),
    ...(detection !== null && { detection }),
  };
}

function decodeApi(
  context: DecodeContext,
  { api_listener: any }: NonNullable<ListenerMessage['api_listener']>,
  scope: Scope,
): Place {
  const at = scope.at('api_listener');
  const type = configTypeOf(context, any);
  if (any === null || type !== connectionManagerType) {
    at.fail(`must be an HTTP connection manager, and is ${type === '' ? 'absent' : type}`);
    return { address: nowhere };
  }
  const manager = decodeConnectionManager(context, any, at);
  switch (manager.kind) {
    case 'decoded':
      return { address: nowhere, api: manager.http };
    case 'unsupported':
      return { address: nowhere, unsupported: manager.reason };
    case 'invalid':
      return { address: nowhere };
  }
}

/** A chain that can't be carried out is not left out: what is meant for it must not reach another. */
function decodeFilterChain(
  context: DecodeContext,
  message: FilterChainMessage,
  scope: Scope,
): FilterChain | UnusableChain {
  const { name } = message;
  const socket = decodeDownstreamSocket(context, message.transport_socket, scope.at('transport_socket'));
  const match = decodeFilterChainMatch(message.filter_chain_match, scope.at('filter_chain_match'));
  const last = message.filters.at(-1);
  if (last === undefined) {
    return { name, match, reason: scope.at('filters').unsupported('a chain without filters serves no connection') };
  }
  for (const [index, filter] of message.filters.slice(0, -1).entries()) {
    reportNetworkFilter(context, filter, scope.item('filters', index));
  }
  const lastScope = scope.item('filters', message.filters.length - 1);
  const type = configTypeOf(context, last.typed_config);
  if (type !== connectionManagerType || !last.typed_config) {
    const text = `"${last.name}" (${type}) is no HTTP connection manager: the chain serves no connection`;
    return { name, match, reason: lastScope.unsupported(text) };
  }
  const manager = decodeConnectionManager(context, last.typed_config, lastScope.at('typed_config'));
  if (socket.kind === 'unsupported') return { name, match, reason: socket.reason };
  // After a problem was noted the resource is refused, whatever this is.
  if (manager.kind !== 'decoded') return { name, match, reason: manager.kind === 'invalid' ? '' : manager.reason };
  return { name, match, tls: socket.kind === 'tls' ? socket.tls : null, http: manager.http };
}

function reportNetworkFilter(context: DecodeContext, filter: FilterMessage, scope: Scope): void {
  const type = configTypeOf(context, filter.typed_config);
  if (type === connectionManagerType) scope.fail('the HTTP connection manager must be the last filter');
  else if (!isHarmlessFilter(type)) scope.unsupported(`the filter "${filter.name}" (${type}) is not carried out`);
}

function reportUnsupported(context: DecodeContext, message: ListenerMessage, scope: Scope): void {
  if (message.additional_addresses.length > 0) {
    scope.at('additional_addresses').unsupported('only the first address is opened');
  }
  for (const [index, filter] of message.listener_filters.entries()) {
    const type = configTypeOf(context, filter.typed_config);
    if (isHarmlessFilter(type)) continue;
    scope.item('listener_filters', index).unsupported(`the filter "${filter.name}" (${type}) is not carried out`);
  }
}
