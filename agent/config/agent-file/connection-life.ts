// How long connections live, of a frontend's clients or to a backend's endpoints.
import type { ConnectionLife, Keepalive } from '../../../xds/model/connection-life.ts';
import type { YamlEntry, YamlPlace, YamlReader } from '../yaml-reader.ts';

export const lifeKeys = ['idle_timeout', 'max_connection_age', 'keepalive'] as const;

type LifeFields = Partial<Record<(typeof lifeKeys)[number], YamlEntry>>;

/** An empty object where nothing is said of it. */
export function readLife(reader: YamlReader, fields: LifeFields): { readonly connectionLife?: ConnectionLife } {
  if (lifeKeys.every((key) => fields[key] === undefined)) return {};
  const duration = (place: YamlEntry | undefined) => (place === undefined ? null : reader.durationMs(place));
  return {
    connectionLife: {
      keepalive: fields.keepalive === undefined ? null : readKeepalive(reader, fields.keepalive),
      idleTimeoutMs: duration(fields.idle_timeout),
      maxDurationMs: duration(fields.max_connection_age),
    },
  };
}

function readKeepalive(reader: YamlReader, place: YamlPlace): Keepalive | null {
  const { interval, timeout } = reader.fields(place, ['interval', 'timeout']);
  if (interval === undefined)
    reader.problem(place, 'needs "interval", how long a peer may be silent before it is asked');
  const intervalMs = interval === undefined ? null : reader.durationMs(interval);
  const timeoutMs = timeout === undefined ? 20_000 : reader.durationMs(timeout);
  return intervalMs === null || timeoutMs === null ? null : { intervalMs, timeoutMs };
}
