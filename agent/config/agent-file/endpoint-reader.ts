// `endpoints` and `localities` of a backend.
import type { SocketAddress } from '../../../xds/model/address.ts';
import type { Endpoint, LocalityEndpoints } from '../../../xds/model/endpoints.ts';
import { parseAddress, type YamlEntry, type YamlPlace, type YamlReader } from '../yaml-reader.ts';

/** So that no sum of them leaves 32 bits, as Envoy demands. */
const mostWeight = 1_000_000;
/** As in envoy.config.endpoint.v3.LocalityLbEndpoints. */
const mostPriority = 128;

interface ReadEndpoint {
  readonly endpoint: Endpoint;
  readonly priority: number;
}

/** Exactly one of the two is there. After a problem was noted the result does not matter. */
export function readLocalities(
  reader: YamlReader,
  backend: YamlEntry,
  endpoints: YamlEntry | undefined,
  localities: YamlEntry | undefined,
): LocalityEndpoints[] {
  if ((endpoints === undefined) === (localities === undefined)) {
    reader.problem(backend.keyPlace, `"${backend.key}" needs "endpoints", or "localities" instead`);
    return [];
  }
  const problemsBefore = reader.problems.length;
  const found =
    localities === undefined
      ? byPriority(readEndpoints(reader, endpoints ?? backend, true))
      : reader.items(localities).map((item) => readLocality(reader, item));
  const place = endpoints ?? localities ?? backend;
  if (reader.problems.length > problemsBefore) return found;
  if (found.every((locality) => locality.endpoints.length === 0)) reader.problem(place, 'there is no endpoint');
  const priorities = new Set(found.map(({ priority }) => priority));
  for (let level = 0; level < priorities.size; level++) {
    if (priorities.has(level)) continue;
    reader.problem(place, `priorities begin at 0 and leave none out: there is no ${level}`);
    break;
  }
  return found;
}

function byPriority(endpoints: readonly ReadEndpoint[]): LocalityEndpoints[] {
  const levels = Map.groupBy(endpoints, ({ priority }) => priority);
  return [...levels].map(([priority, members]) => ({
    region: '',
    zone: '',
    subZone: '',
    priority,
    weight: 0,
    endpoints: members.map(({ endpoint }) => endpoint),
  }));
}

function readLocality(reader: YamlReader, place: YamlPlace): LocalityEndpoints {
  const fields = reader.fields(place, ['region', 'zone', 'sub_zone', 'priority', 'weight', 'endpoints']);
  if (fields.endpoints === undefined) reader.problem(place, 'needs "endpoints"');
  const text = (entry: YamlEntry | undefined) => (entry === undefined ? '' : (reader.text(entry) ?? ''));
  const endpoints = fields.endpoints === undefined ? [] : readEndpoints(reader, fields.endpoints, false);
  return {
    region: text(fields.region),
    zone: text(fields.zone),
    subZone: text(fields.sub_zone),
    priority: fields.priority === undefined ? 0 : (reader.integer(fields.priority, 0, mostPriority) ?? 0),
    weight: fields.weight === undefined ? 0 : (reader.integer(fields.weight, 1, mostWeight) ?? 0),
    endpoints: endpoints.map(({ endpoint }) => endpoint),
  };
}

function readEndpoints(reader: YamlReader, list: YamlPlace, withPriority: boolean): ReadEndpoint[] {
  return reader.items(list).flatMap((item) => {
    if (!reader.isMap(item)) {
      const address = readTarget(reader, item);
      return address === null ? [] : { endpoint: endpointAt(address, 1), priority: 0 };
    }
    const fields: Partial<Record<'address' | 'weight' | 'priority', YamlEntry>> = reader.fields(
      item,
      withPriority ? ['address', 'weight', 'priority'] : ['address', 'weight'],
    );
    if (fields.address === undefined) reader.problem(item, 'needs "address"');
    const address = fields.address === undefined ? null : readTarget(reader, fields.address);
    const weight = fields.weight === undefined ? 1 : (reader.integer(fields.weight, 1, mostWeight) ?? 1);
    const priority = fields.priority === undefined ? 0 : (reader.integer(fields.priority, 0, mostPriority) ?? 0);
    return address === null ? [] : { endpoint: endpointAt(address, weight), priority };
  });
}

function endpointAt(address: SocketAddress, weight: number): Endpoint {
  return { address, weight, health: 'healthy', hostname: '', hashKey: '' };
}

/** `host:port`, `dns:///host:port` as gRPC writes it, or `unix:/path`. */
function readTarget(reader: YamlReader, place: YamlPlace): SocketAddress | null {
  const text = reader.text(place);
  if (text === null) return null;
  const socketFile = /^unix:(?:\/\/)?(\/[^/].*)$/.exec(text)?.[1];
  if (socketFile !== undefined) return { host: socketFile, port: 0 };
  const address = parseAddress(text.replace(/^dns:(?:\/\/\/)?/, ''));
  if (address !== null && address.port > 0) return address;
  const example = 'host:port, dns:///host:port or unix:/path';
  reader.problem(place, `"${text}" is no endpoint; write ${example}, for example 127.0.0.1:50051`);
  return null;
}
