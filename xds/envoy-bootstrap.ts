// The dynamic half of an Envoy bootstrap (`envoy.config.bootstrap.v3.Bootstrap`): node, where the control plane is, and
// the admin address. What is static beside the cluster of the control plane is not carried out, and told by field path.
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
  const servers = parseServers(reader, root, sources);
  const secretServers = parseStaticServers(staticClusters(reader, root), sources);
  warnOfOthers(reader, root, '', ['node', 'dynamic_resources', 'static_resources', 'admin']);
  const node = parseNode(reader, root['node']);
  if (reader.problems.length > 0) return { problems: reader.problems };
  const named = Object.keys(secretServers).length === 0 ? {} : { secretServers };
  return { bootstrap: { servers, node, ...named }, admin, warnings: reader.warnings };
}

function staticClusters(reader: JsonReader, root: Json): readonly unknown[] {
  const statics = reader.optionalObject(fieldOf(root, 'static_resources'), 'static_resources');
  return reader.list(statics['clusters'], 'static_resources.clusters');
}

function parseServers(reader: JsonReader, root: Json, sources: EnvoySources): ServerConfig[] {
  const path = 'dynamic_resources';
  const dynamic = reader.optionalObject(fieldOf(root, path), path);
  const ads = fieldOf(dynamic, 'ads_config');
  const lds = parseSource(reader, dynamic, 'lds_config');
  const cds = parseSource(reader, dynamic, 'cds_config');
  warnOfOthers(reader, dynamic, `${path}.`, ['ads_config', 'lds_config', 'cds_config']);
  const statics = reader.optionalObject(fieldOf(root, 'static_resources'), 'static_resources');
  const clusters = reader.list(statics['clusters'], 'static_resources.clusters');
  const source = isAbsent(ads) ? (lds ?? cds) : { json: ads, path: `${path}.ads_config` };
  if (source === null) {
    reader.problem(`${path}.ads_config`, 'required: the agent takes its configuration from a control plane');
    return [];
  }
  const config = reader.optionalObject(source.json, source.path);
  const mode = parseMode(reader, config, source.path);
  const { servers, used } = parseEnvoyServers(reader, config, source.path, clusters, sources);
  warnOfStatics(reader, statics, clusters, used);
  return servers.map((server) => ({ ...server, mode }));
}

/** Where listeners or clusters come from, if not from ADS: the server is asked for them over ADS all the same. */
function parseSource(reader: JsonReader, dynamic: Json, key: string): { json: unknown; path: string } | null {
  const path = `dynamic_resources.${key}`;
  const source = fieldOf(dynamic, key);
  if (isAbsent(source)) return null;
  const config = reader.object(source, path);
  if (config === null) return null;
  const api = fieldOf(config, 'api_config_source');
  for (const name of Object.keys(config)) {
    const known = ['ads', 'api_config_source', 'resource_api_version', 'initial_fetch_timeout'];
    if (!known.includes(snakeCase(name))) reader.warn(`${path}.${name}`, 'not supported, only ADS is');
  }
  if (isAbsent(api)) return null;
  reader.warn(`${path}.api_config_source`, 'is asked over ADS, on one stream for everything');
  return { json: api, path: `${path}.api_config_source` };
}

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

function warnOfStatics(
  reader: JsonReader,
  statics: Json,
  clusters: readonly unknown[],
  used: ReadonlySet<string>,
): void {
  for (const [index, cluster] of clusters.entries()) {
    const name = isObject(cluster) ? cluster['name'] : undefined;
    if (typeof name === 'string' && used.has(name)) continue;
    reader.warn(
      `static_resources.clusters[${index}]`,
      `static clusters serve secrets (SDS) at the most (${JSON.stringify(name ?? '')})`,
    );
  }
  for (const key of ['listeners', 'secrets']) {
    const count = reader.list(statics[key], `static_resources.${key}`).length;
    for (let index = 0; index < count; index++) {
      reader.warn(`static_resources.${key}[${index}]`, `static ${key} are not supported`);
    }
  }
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
