// ConnectionLife to the fields of HttpProtocolOptions and Http2ProtocolOptions; the mirror of decode/connection-life.ts.
import type { ConnectionLife } from '../model/connection-life.ts';
import { encodeDuration, encodeOptionalDuration } from './values.ts';

/** Fields of `envoy.config.core.v3.HttpProtocolOptions`. */
export function encodeCommonOptions(life: ConnectionLife | undefined): object {
  if (life === undefined) return {};
  return {
    idle_timeout: encodeOptionalDuration(life.idleTimeoutMs),
    max_connection_duration: encodeOptionalDuration(life.maxDurationMs),
  };
}

/** Fields of `envoy.config.core.v3.Http2ProtocolOptions`. */
export function encodeHttp2Options(life: ConnectionLife | undefined): object {
  const keepalive = life?.keepalive ?? null;
  if (keepalive === null) return {};
  const { intervalMs, timeoutMs } = keepalive;
  return { connection_keepalive: { interval: encodeDuration(intervalMs), timeout: encodeDuration(timeoutMs) } };
}
