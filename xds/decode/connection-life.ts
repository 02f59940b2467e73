// HttpProtocolOptions and Http2ProtocolOptions -> how long connections live.
import type { ConnectionLife, Keepalive } from '../model/connection-life.ts';
import type { CommonOptionsMessage, Http2OptionsMessage, KeepaliveMessage } from './core-messages.ts';
import { decodeDuration } from './scalars.ts';
import type { Scope } from './validation.ts';

/** `null` where nothing is said of it. `common` and `http2` are at `commonScope` and `http2Scope`. */
export function decodeConnectionLife(
  common: CommonOptionsMessage | null,
  commonScope: Scope,
  http2: Http2OptionsMessage | null,
  http2Scope: Scope,
): ConnectionLife | null {
  const idleTimeoutMs = decodeDuration(common?.idle_timeout ?? null, commonScope.at('idle_timeout'));
  const maxDuration = common?.max_connection_duration ?? null;
  // Nobody can mean connections that end at once.
  const maxDurationMs = decodeDuration(maxDuration, commonScope.at('max_connection_duration')) || null;
  const message = http2?.connection_keepalive ?? null;
  const keepalive = message === null ? null : decodeKeepalive(message, http2Scope.at('connection_keepalive'));
  if (idleTimeoutMs === null && maxDurationMs === null && keepalive === null) return null;
  return { keepalive, idleTimeoutMs, maxDurationMs };
}

/** An interval that is absent or 0 asks for none, as in Envoy. */
function decodeKeepalive(message: KeepaliveMessage, scope: Scope): Keepalive | null {
  const intervalMs = decodeDuration(message.interval, scope.at('interval')) ?? 0;
  const timeoutMs = decodeDuration(message.timeout, scope.at('timeout')) ?? 0;
  if (timeoutMs === 0) scope.at('timeout').fail('required, and must be above 0');
  if (message.interval_jitter !== null) {
    scope.at('interval_jitter').unsupported('pings are spread by the traffic before them, not by chance');
  }
  if (message.connection_idle_interval !== null) {
    scope.at('connection_idle_interval').unsupported('no ping is sent ahead of a call');
  }
  return intervalMs === 0 ? null : { intervalMs, timeoutMs };
}
