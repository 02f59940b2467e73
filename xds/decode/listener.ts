// envoy.config.listener.v3.Listener -> Listener.
import type { SocketAddress } from '../model/address.ts';
import type { FilterChain, Listener, TrafficDirection } from '../model/listener.ts';
import type { FilterMessage } from './core-messages.ts';
import { configTypeOf, type DecodeContext } from './decode-context.ts';
import { type ChainConnections, holdsForEach } from './filter-chain-match.ts';
import { isHarmlessFilter } from './filters.ts';
import { connectionManagerType, decodeConnectionManager } from './http-connection-manager.ts';
import type { FilterChainMessage, ListenerMessage } from './listener-messages.ts';
import { decodeAddress } from './scalars.ts';
import { decodeDownstreamSocket } from './tls.ts';
import type { Scope } from './validation.ts';

const nowhere: SocketAddress = { host: '', port: 0 };

export function decodeListener(context: DecodeContext, message: ListenerMessage, scope: Scope): Listener {
  if (message.name === '') scope.at('name').fail('must not be empty');
  const place = decodePlace(message, scope);
  const { address } = place;
  const filterChains: FilterChain[] = [];
  const matches = new Set<string>();
  for (const [index, chain] of message.filter_chains.entries()) {
    const at = scope.item('filter_chains', index);
    const key = JSON.stringify(chain.filter_chain_match);
    if (matches.has(key)) at.at('filter_chain_match').fail('another filter chain has the same match');
    matches.add(key);
    const decoded = decodeFilterChain(context, chain, address.port, at);
    if (decoded !== null) filterChains.push(decoded);
  }
  const last = message.default_filter_chain;
  const defaultFilterChain =
    last === null ? null : decodeFilterChain(context, last, address.port, scope.at('default_filter_chain'));
  reportUnsupported(context, message, scope);
  const direction: TrafficDirection = message.traffic_direction === 'INBOUND' ? 'inbound' : 'outbound';
  let { unsupported } = place;
  if (message.api_listener === null && message.internal_listener === undefined && unsupported === undefined) {
    if (message.filter_chains.length === 0 && last === null) scope.at('filter_chains').fail('there is no filter chain');
    else if (filterChains.length === 0 && defaultFilterChain === null) {
      unsupported = `${scope.at('filter_chains').path}: none of the filter chains can be used`;
    }
  }
  if (unsupported === undefined) return { name: message.name, address, direction, filterChains, defaultFilterChain };
  return { name: message.name, address, direction, filterChains: [], defaultFilterChain: null, unsupported };
}

interface Place {
  readonly address: SocketAddress;
  readonly unsupported?: string;
}

/** Where to bind, or why not to. */
function decodePlace(message: ListenerMessage, scope: Scope): Place {
  if (message.api_listener !== null) {
    // Sent to gRPC clients without a proxy; it may come without an address.
    const unsupported = scope.at('api_listener').unsupported('there is no address to listen on');
    return { address: nowhere, unsupported };
  }
  if (message.internal_listener !== undefined) {
    const unsupported = scope.at('internal_listener').unsupported('internal listeners are not supported');
    return { address: nowhere, unsupported };
  }
  const decoded = decodeAddress(message.address, 'ip', scope.at('address'));
  if (decoded.kind === 'invalid') return { address: nowhere };
  if (decoded.kind === 'unsupported') return { address: nowhere, unsupported: decoded.reason };
  const { address } = decoded;
  const original = 'the listener is not opened: redirected connections are not supported';
  if (message.bind_to_port?.value === false) {
    return { address, unsupported: scope.at('bind_to_port').unsupported(original) };
  }
  if (message.use_original_dst?.value) {
    return { address, unsupported: scope.at('use_original_dst').unsupported(original) };
  }
  return { address };
}

/** `null` where the chain is left out, or has a problem. */
function decodeFilterChain(
  context: DecodeContext,
  message: FilterChainMessage,
  port: number,
  scope: Scope,
): FilterChain | null {
  const socket = decodeDownstreamSocket(context, message.transport_socket, scope.at('transport_socket'));
  const connections: ChainConnections = { port, isTls: socket.kind === 'tls' };
  const isMatched = holdsForEach(message.filter_chain_match, connections, scope.at('filter_chain_match'));
  const last = message.filters.at(-1);
  if (last === undefined) {
    scope.at('filters').unsupported('the filter chain is left out: it has no filters');
    return null;
  }
  for (const [index, filter] of message.filters.slice(0, -1).entries()) {
    reportNetworkFilter(context, filter, scope.item('filters', index));
  }
  const lastScope = scope.item('filters', message.filters.length - 1);
  const type = configTypeOf(context, last.typed_config);
  if (type !== connectionManagerType || !last.typed_config) {
    lastScope.unsupported(`the filter chain is left out: "${last.name}" (${type}) is no HTTP connection manager`);
    return null;
  }
  const manager = decodeConnectionManager(context, last.typed_config, lastScope.at('typed_config'));
  if (!isMatched || socket.kind === 'unsupported' || manager.kind !== 'decoded') return null;
  return { name: message.name, tls: socket.kind === 'tls' ? socket.tls : null, http: manager.http };
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
