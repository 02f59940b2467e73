// HttpConnectionManager -> the part of it that we act on.
import type { HttpConnectionManager, RouteSource } from '../model/listener.ts';
import { decodeConnectionLife } from './connection-life.ts';
import type { AnyMessage, DurationMessage } from './core-messages.ts';
import { type DecodeContext, readAny } from './decode-context.ts';
import { decodeHttpFilters } from './http-filters.ts';
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
  const filters = decodeHttpFilters(context, message, scope);
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
      filters,
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
