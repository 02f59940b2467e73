// What configuration says of the life of connections, as limits of the codec.
import type { ConnectionLife } from '../../xds/model/connection-life.ts';
import type { Http2Limits } from './limits.ts';

export function limitsOfLife(limits: Http2Limits, life: ConnectionLife): Http2Limits {
  const { keepalive, idleTimeoutMs, maxDurationMs } = life;
  return {
    ...limits,
    ...(keepalive !== null && {
      keepaliveTimeMs: keepalive.intervalMs,
      keepaliveTimeoutMs: keepalive.timeoutMs,
      // Whoever asks for it by this name expects it of idle connections too, as from Envoy.
      keepaliveWithoutCalls: true,
    }),
    ...(idleTimeoutMs !== null && { idleTimeoutMs: idleTimeoutMs === 0 ? Number.POSITIVE_INFINITY : idleTimeoutMs }),
    ...(maxDurationMs !== null && { maxConnectionAgeMs: maxDurationMs }),
  };
}
