// Listener and ApiListener to envoy.config.listener.v3.Listener; the mirror of decode/listener.ts.
import type { ApiListener } from '../model/api-listener.ts';
import type { FilterChain, HttpConnectionManager, Listener, RouteSource } from '../model/listener.ts';
import { encodeCommonOptions, encodeHttp2Options } from './connection-life.ts';
import { encodeFilterChainMatch } from './filter-chain-match.ts';
import { encodeHttpFilters } from './http-filters.ts';
import type { AnyMessage, Pack } from './pack.ts';
import { encodeRouteConfiguration } from './route.ts';
import { encodeDownstreamTls } from './tls.ts';
import { encodeAddress, encodeDuration, encodeOptionalDuration, encodeWrapper, sameStream } from './values.ts';

const managerType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const originalDstType = 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst';

/** Throws on a listener that is `unsupported`: that is what a decoder makes of something it cannot express; and on one of the agent's own. */
export function encodeListener(listener: Listener, pack: Pack): object {
  if (listener.unsupported !== undefined) {
    throw new TypeError(`listener ${listener.name} cannot be encoded: ${listener.unsupported}`);
  }
  if (listener.api !== undefined) return encodeApiListener({ name: listener.name, http: listener.api }, pack);
  const { defaultFilterChain, unusableChains } = listener;
  if (unusableChains.length > 0) {
    throw new TypeError(`listener ${listener.name} cannot be encoded: ${unusableChains[0]!.reason}`);
  }
  return {
    name: listener.name,
    address: encodeAddress(listener.address),
    traffic_direction: listener.direction === 'inbound' ? 'INBOUND' : 'OUTBOUND',
    filter_chains: listener.filterChains.map((chain) => encodeFilterChain(chain, pack)),
    default_filter_chain: defaultFilterChain === null ? null : encodeFilterChain(defaultFilterChain, pack),
    ...encodeAcceptance(listener),
  };
}

function encodeAcceptance({ capture, bindsNoPort, detection }: Listener): object {
  const type_url = `type.googleapis.com/${originalDstType}`;
  return {
    ...(capture === 'hand-on' && { use_original_dst: { value: true } }),
    ...(capture === 'match' && {
      listener_filters: [
        { name: 'envoy.filters.listener.original_dst', typed_config: { type_url, value: new Uint8Array() } },
      ],
    }),
    ...(bindsNoPort === true && { bind_to_port: { value: false } }),
    ...(detection !== undefined && {
      listener_filters_timeout: encodeDuration(detection.timeoutMs ?? 0),
      continue_on_listener_filters_timeout: detection.servesSilent,
    }),
  };
}

/** Without an address: for proxyless gRPC, which asks for it by name (gRFC A27). */
export function encodeApiListener({ name, http }: ApiListener, pack: Pack): object {
  return { name, api_listener: { api_listener: encodeManager(http, pack) } };
}

function encodeFilterChain({ name, match, tls, http }: FilterChain, pack: Pack): object {
  return {
    name,
    filter_chain_match: match === null ? null : encodeFilterChainMatch(match),
    filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: encodeManager(http, pack) }],
    transport_socket: tls === null ? null : encodeDownstreamTls(tls, pack),
  };
}

function encodeManager(http: HttpConnectionManager, pack: Pack): AnyMessage {
  return pack(managerType, {
    stat_prefix: http.statPrefix,
    ...encodeRouteSource(http.routes, pack),
    common_http_protocol_options: {
      ...encodeCommonOptions(http.connectionLife),
      max_stream_duration: encodeOptionalDuration(http.maxStreamDurationMs),
    },
    http2_protocol_options: {
      ...encodeHttp2Options(http.connectionLife),
      max_concurrent_streams: encodeWrapper(http.maxConcurrentStreams),
    },
    http_filters: encodeHttpFilters(http.filters, pack),
  });
}

function encodeRouteSource(source: RouteSource, pack: Pack): object {
  switch (source.kind) {
    case 'rds':
      return { rds: { config_source: sameStream, route_config_name: source.name } };
    case 'inline':
      return { route_config: encodeRouteConfiguration(source.config, pack) };
    case 'by-authority':
      throw new TypeError("a listener whose calls each name another one is the agent's own, and cannot be encoded");
  }
}
