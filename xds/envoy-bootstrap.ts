// The dynamic half of an Envoy bootstrap (`envoy.config.bootstrap.v3.Bootstrap`): node, where the control plane is and what
// it is asked for, and the admin address. What is static is xds/envoy-static.ts's.
import { parseNode } from './bootstrap.ts';
import { parseEnvoyServers, parseStaticServers } from './envoy-servers.ts';
import type { EnvoySources } from './envoy-tls.ts';
import { fieldOf, isAbsent, isObject, type Json, JsonReader, snakeCase } from './json-reader.ts';
import type { SocketAddress } from './model/address.ts';
import type { AdsMode, Bootstrap, ServerConfig } from './model/bootstrap.ts';

export type ParsedEnvoyBootstrap =
  | {
      readonly bootstrap: Bootstrap;
      /** Where the file wants the admin server; `null`: it does not say. */
      readonly admin: SocketAddress | null;
      /** Names of the static clusters that lead to the control plane. */
      readonly leading: ReadonlySet<string>;
      /** What has no effect here, `field path: text` each. */
      readonly warnings: readonly string[];
    }
  | { readonly problems: readonly string[] };

/** Whether plain data (of JSON or YAML) looks like an Envoy bootstrap. */
export function isEnvoyBootstrap(json: unknown): boolean {
  if (!isObject(json)) return false;
  return ['dynamic_resources', 'static_resources'].some((name) => isObject(fieldOf(json, name)));
}

/** `json`: the file as plain data. All problems at once. */
export function parseEnvoyBootstrap(json: unknown, sources: EnvoySources): ParsedEnvoyBootstrap {
  const reader = new JsonReader();
  const root = reader.object(json, 'the bootstrap') ?? {};
  const admin = parseAdmin(reader, root);
  const { servers, leading, asksForAll } = parseServers(reader, root, sources);
  const secretServers = parseStaticServers(staticClusters(reader, root), sources);
  warnOfOthers(reader, root, '', ['node', 'dynamic_resources', 'static_resources', 'admin']);
  const node = parseNode(reader, root['node']);
  if (reader.problems.length > 0) return { problems: reader.problems };
  const named = Object.keys(secretServers).length === 0 ? {} : { secretServers };
  return { bootstrap: { servers, node, ...named, asksForAll }, admin, leading, warnings: reader.warnings };
}

function staticClusters(reader: JsonReader, root: Json): readonly unknown[] {
  const statics = reader.optionalObject(fieldOf(root, 'static_resources'), 'static_resources');
  return reader.list(statics['clusters'], 'static_resources.clusters');
}

interface DynamicResources {
  readonly servers: readonly ServerConfig[];
  readonly leading: ReadonlySet<string>;
  readonly asksForAll: NonNullable<Bootstrap['asksForAll']>;
}

function parseServers(reader: JsonReader, root: Json, sources: EnvoySources): DynamicResources {
  const path = 'dynamic_resources';
  const dynamic = reader.optionalObject(fieldOf(root, path), path);
  const ads = fieldOf(dynamic, 'ads_config');
  const lds = parseSource(reader, dynamic, 'lds_config');
  const cds = parseSource(reader, dynamic, 'cds_config');
  warnOfOthers(reader, dynamic, `${path}.`, ['ads_config', 'lds_config', 'cds_config']);
  const asksForAll = [
    ...(lds.kind === 'server' ? (['listener'] as const) : []),
    ...(cds.kind === 'server' ? (['cluster'] as const) : []),
  ];
  const own = [lds, cds].find((source) => source.kind === 'server' && source.api !== null);
  const source = isAbsent(ads) ? (own?.kind === 'server' ? own.api : null) : { json: ads, path: `${path}.ads_config` };
  if (source === null) {
    reader.problem(`${path}.ads_config`, 'required: the agent takes its configuration from a control plane');
    return { servers: [], leading: new Set(), asksForAll };
  }
  const config = reader.optionalObject(source.json, source.path);
  const mode = parseMode(reader, config, source.path);
  const { servers, used } = parseEnvoyServers(reader, config, source.path, staticClusters(reader, root), sources);
  return { servers: servers.map((server) => ({ ...server, mode })), leading: used, asksForAll };
}

/** Where listeners or clusters come from. */
type DynamicSource =
  | { readonly kind: 'none' }
  /** A file, which the static half reads. */
  | { readonly kind: 'file' }
  /** `api`: a server that is not that of ADS; it is asked over ADS all the same. */
  | { readonly kind: 'server'; readonly api: { readonly json: unknown; readonly path: string } | null };

function parseSource(reader: JsonReader, dynamic: Json, key: string): DynamicSource {
  const path = `dynamic_resources.${key}`;
  const source = fieldOf(dynamic, key);
  if (isAbsent(source)) return { kind: 'none' };
  const config = reader.object(source, path);
  if (config === null) return { kind: 'none' };
  for (const name of Object.keys(config)) {
    if (!sourceKeys.includes(snakeCase(name))) reader.warn(`${path}.${name}`, 'not supported, only ADS and files are');
  }
  if (['path', 'path_config_source'].some((name) => !isAbsent(fieldOf(config, name)))) return { kind: 'file' };
  const api = fieldOf(config, 'api_config_source');
  if (isAbsent(api)) return { kind: 'server', api: null };
  reader.warn(`${path}.api_config_source`, 'is asked over ADS, on one stream for everything');
  return { kind: 'server', api: { json: api, path: `${path}.api_config_source` } };
}

const sourceKeys = [
  'ads',
  'api_config_source',
  'path',
  'path_config_source',
  'resource_api_version',
  'initial_fetch_timeout',
];

function parseMode(reader: JsonReader, config: Json, path: string): AdsMode {
  const version = fieldOf(config, 'transport_api_version');
  if (version === 'V2') reader.problem(`${path}.transport_api_version`, 'V2 is not supported, only V3 is');
  const type = fieldOf(config, 'api_type');
  if (type === 'DELTA_GRPC' || type === 'AGGREGATED_DELTA_GRPC') return 'delta';
  if (type !== 'GRPC' && type !== 'AGGREGATED_GRPC') {
    reader.problem(`${path}.api_type`, `must be GRPC or DELTA_GRPC, not ${JSON.stringify(type ?? null)}`);
  }
  return 'sotw';
}

export function parseAdmin(reader: JsonReader, root: Json): SocketAddress | null {
  const admin = reader.optionalObject(root['admin'], 'admin');
  if (isAbsent(admin['address'])) return null;
  const path = 'admin.address';
  const address = reader.optionalObject(admin['address'], path);
  const socket = fieldOf(address, 'socket_address');
  if (isAbsent(socket)) {
    reader.warn(path, 'only a socket_address is supported');
    return null;
  }
  return parseSocketAddress(reader, socket, `${path}.socket_address`);
}

function parseSocketAddress(reader: JsonReader, json: unknown, path: string): SocketAddress | null {
  const address = reader.optionalObject(json, path);
  const host = reader.requiredString(address['address'], `${path}.address`);
  const port = fieldOf(address, 'port_value');
  if (Number.isInteger(port) && Number(port) >= 0 && Number(port) <= 65_535) return { host, port: Number(port) };
  reader.problem(`${path}.port_value`, 'must be a port');
  return null;
}

function warnOfOthers(reader: JsonReader, json: Json, prefix: string, known: readonly string[]): void {
  for (const name of Object.keys(json)) {
    if (!known.includes(snakeCase(name))) reader.warn(`${prefix}${name}`, 'not supported');
  }
}
