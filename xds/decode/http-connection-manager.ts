// HttpConnectionManager -> the part of it that we act on.
import type { HttpConnectionManager, RouteSource } from '../model/listener.ts';
import { decodeConnectionLife } from './connection-life.ts';
import type { AnyMessage, DurationMessage } from './core-messages.ts';
import { configTypeOf, type DecodeContext, readAny } from './decode-context.ts';
import { isHarmlessHttpFilter, routerType } from './filters.ts';
import type { HttpConnectionManagerMessage } from './listener-messages.ts';
import { decodeRouteConfiguration } from './route.ts';
import { decodeDuration } from './scalars.ts';
import type { Scope } from './validation.ts';

export const connectionManagerType =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** The largest number of streams HTTP/2 can name (RFC 9113 section 5.1.1). */
const maxStreams = 2 ** 31 - 1;

export type DecodedConnectionManager =
  | { readonly kind: 'decoded'; readonly http: HttpConnectionManager }
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'invalid' };

export function decodeConnectionManager(
  context: DecodeContext,
  any: AnyMessage,
  scope: Scope,
): DecodedConnectionManager {
  const message = readAny(context, connectionManagerType, any, scope);
  if (message === null) return { kind: 'invalid' };
  checkHttpFilters(context, message, scope);
  reportUnsupported(message, scope);
  const options = scope.at('common_http_protocol_options');
  const maxStreamDurationMs = decodeDuration(
    message.common_http_protocol_options?.max_stream_duration ?? null,
    options.at('max_stream_duration'),
  );
  const maxConcurrentStreams = message.http2_protocol_options?.max_concurrent_streams?.value ?? null;
  if (maxConcurrentStreams === 0 || (maxConcurrentStreams ?? 0) > maxStreams) {
    scope.at('http2_protocol_options.max_concurrent_streams').fail(`must be from 1 to ${maxStreams}`);
  }
  const connectionLife = decodeConnectionLife(
    message.common_http_protocol_options,
    options,
    message.http2_protocol_options,
    scope.at('http2_protocol_options'),
  );
  if (message.codec_type === 'HTTP3') {
    return { kind: 'unsupported', reason: scope.at('codec_type').unsupported('HTTP/3 is not supported') };
  }
  const source = decodeRouteSource(context, message, scope);
  if (source.kind === 'unsupported' || source.kind === 'invalid') return source;
  return {
    kind: 'decoded',
    http: {
      statPrefix: message.stat_prefix,
      routes: source.routes,
      maxStreamDurationMs: maxStreamDurationMs === 0 ? null : maxStreamDurationMs,
      maxConcurrentStreams,
      ...(connectionLife !== null && { connectionLife }),
    },
  };
}

type DecodedRouteSource =
  | { readonly kind: 'routes'; readonly routes: RouteSource }
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'invalid' };

function decodeRouteSource(
  context: DecodeContext,
  message: HttpConnectionManagerMessage,
  scope: Scope,
): DecodedRouteSource {
  if (message.route_config !== undefined) {
    const config = decodeRouteConfiguration(context, message.route_config, scope.at('route_config'));
    return { kind: 'routes', routes: { kind: 'inline', config } };
  }
  if (message.rds !== undefined) {
    const at = scope.at('rds');
    const source = message.rds.config_source;
    const name = message.rds.route_config_name;
    if (name === '') at.at('route_config_name').fail('must not be empty');
    if (source === null) at.at('config_source').fail('required');
    if (source !== null && source.ads === undefined && source.self === undefined) {
      return { kind: 'unsupported', reason: at.at('config_source').unsupported('only ads and self are supported') };
    }
    return { kind: 'routes', routes: { kind: 'rds', name } };
  }
  if (message.scoped_routes !== undefined) {
    return { kind: 'unsupported', reason: scope.at('scoped_routes').unsupported('scoped routes are not supported') };
  }
  scope.fail('no route specifier that we know is set');
  return { kind: 'invalid' };
}

/** The router comes last and once (gRFC A39); names are unique; what is neither optional nor harmless is reported. */
function checkHttpFilters(context: DecodeContext, message: HttpConnectionManagerMessage, scope: Scope): void {
  const filters = message.http_filters;
  const names = new Set<string>();
  for (const [index, filter] of filters.entries()) {
    const at = scope.item('http_filters', index);
    if (filter.name === '') at.at('name').fail('must not be empty');
    else if (names.has(filter.name)) at.at('name').fail(`another filter has the name "${filter.name}" too`);
    names.add(filter.name);
    const type = configTypeOf(context, filter.typed_config);
    const isLast = index === filters.length - 1;
    if (type === routerType && !isLast) at.fail('the router must be the last filter');
    if (type !== routerType && isLast) at.fail('the last filter must be the router');
    if (filter.is_optional || filter.disabled) continue;
    if (filter.config_discovery !== undefined) {
      at.at('config_discovery').unsupported('extension discovery (ECDS) is not supported, the filter is skipped');
    } else if (!isHarmlessHttpFilter(type, filter.typed_config?.value.length ?? 0)) {
      const what = type === '' ? 'without a configuration' : `(${type})`;
      at.unsupported(`the filter "${filter.name}" ${what} is not carried out`);
    }
  }
  if (filters.length === 0) scope.at('http_filters').fail('must not be empty: the router is missing');
}

function reportUnsupported(message: HttpConnectionManagerMessage, scope: Scope): void {
  if (message.codec_type === 'HTTP1') scope.at('codec_type').unsupported('only HTTP/2 is spoken');
  if (message.strip_matching_host_port) scope.at('strip_matching_host_port').unsupported('the port stays');
  if (message.strip_any_host_port) scope.at('strip_any_host_port').unsupported('the port stays');
  for (const field of ['stream_idle_timeout', 'request_timeout'] as const) {
    if (isPositive(message[field])) scope.at(field).unsupported('this timeout is not carried out');
  }
  const common = message.common_http_protocol_options;
  if (common === null) return;
  const at = scope.at('common_http_protocol_options');
  if (common.headers_with_underscores_action !== 'ALLOW') {
    at.at('headers_with_underscores_action').unsupported('headers with underscores pass');
  }
}

function isPositive(duration: DurationMessage | null): boolean {
  return duration !== null && (duration.seconds > 0 || duration.nanos > 0);
}
