// The `grpc_services` of an Envoy bootstrap, and the static clusters that they name -> servers of ours. Only what says how
// to reach the control plane is read; how a cluster balances, measures or retries has no meaning for one stream.
import { isMetadataValue, metadataKeyProblem } from './bootstrap-credentials.ts';
import { type EnvoySources, parseDataSource, parseEnvoySocket } from './envoy-tls.ts';
import { fieldOf, isAbsent, isObject, type Json, JsonReader } from './json-reader.ts';
import type { MetadataSource, ServerConfig, ServerCredentials } from './model/bootstrap.ts';

export interface EnvoyServers {
  /** In order of preference: services in their order, of each its endpoints in theirs. */
  readonly servers: readonly ServerConfig[];
  /** Names of the clusters that were read. */
  readonly used: ReadonlySet<string>;
}

/** `config`: an `ApiConfigSource` at `path`. */
export function parseEnvoyServers(
  reader: JsonReader,
  config: Json,
  path: string,
  clusters: readonly unknown[],
  sources: EnvoySources,
): EnvoyServers {
  const used = new Set<string>();
  const services = reader.list(fieldOf(config, 'grpc_services'), `${path}.grpc_services`);
  if (services.length === 0) reader.problem(`${path}.grpc_services`, 'must be a list of one service at least');
  const servers = services.flatMap((entry: unknown, index) => {
    const at = `${path}.grpc_services[${index}]`;
    const service = reader.object(entry, at);
    if (service === null) return [];
    const metadata = parseInitialMetadata(reader, service, at);
    const envoy = fieldOf(service, 'envoy_grpc');
    const google = fieldOf(service, 'google_grpc');
    if (!isAbsent(envoy)) return parseEnvoyGrpc(reader, envoy, `${at}.envoy_grpc`, clusters, used, metadata, sources);
    if (!isAbsent(google)) return [parseGoogleGrpc(reader, google, `${at}.google_grpc`, metadata, sources)];
    reader.problem(at, 'needs an envoy_grpc or a google_grpc');
    return [];
  });
  return { servers, used };
}

/**
 * Static clusters that secrets could be asked of, by name: of each its first endpoint. A cluster that is none, for it says
 * something that we cannot follow, is left out in silence.
 */
export function parseStaticServers(clusters: readonly unknown[], sources: EnvoySources): Record<string, ServerConfig> {
  const servers: Record<string, ServerConfig> = Object.create(null);
  for (const cluster of clusters) {
    const name = isObject(cluster) ? cluster['name'] : undefined;
    if (typeof name !== 'string' || name === '') continue;
    const reader = new JsonReader();
    const [first] = parseEnvoyGrpc(reader, { cluster_name: name }, '', clusters, new Set(), [], sources);
    if (first !== undefined && reader.problems.length === 0) servers[name] = first;
  }
  return servers;
}

function parseEnvoyGrpc(
  reader: JsonReader,
  json: unknown,
  path: string,
  clusters: readonly unknown[],
  used: Set<string>,
  metadata: readonly MetadataSource[],
  sources: EnvoySources,
): ServerConfig[] {
  const name = reader.requiredString(
    fieldOf(reader.optionalObject(json, path), 'cluster_name'),
    `${path}.cluster_name`,
  );
  if (name === '') return [];
  const index = clusters.findIndex((cluster) => isObject(cluster) && cluster['name'] === name);
  const cluster = clusters[index];
  if (!isObject(cluster)) {
    reader.problem(`${path}.cluster_name`, `there is no cluster "${name}" in static_resources.clusters`);
    return [];
  }
  used.add(name);
  const at = `static_resources.clusters[${index}]`;
  const credentials = parseEnvoySocket(reader, fieldOf(cluster, 'transport_socket'), `${at}.transport_socket`, sources);
  const keepaliveMs = parseKeepalive(reader, cluster, at);
  const targets = parseTargets(reader, cluster, at);
  return targets.map((serverUri) => toServer(serverUri, credentials, metadata, keepaliveMs));
}

function toServer(
  serverUri: string,
  credentials: ServerCredentials,
  metadata: readonly MetadataSource[],
  keepaliveMs: number | null,
): ServerConfig {
  return {
    serverUri,
    credentials,
    features: [],
    ...(metadata.length === 0 ? {} : { metadata }),
    ...(keepaliveMs === null ? {} : { keepaliveMs }),
  };
}

/** gRPC targets of the cluster's endpoints. */
function parseTargets(reader: JsonReader, cluster: Json, path: string): string[] {
  const at = `${path}.load_assignment`;
  const assignment = reader.optionalObject(fieldOf(cluster, 'load_assignment'), at);
  const targets = reader.list(assignment['endpoints'], `${at}.endpoints`).flatMap((group: unknown, index) => {
    const groupAt = `${at}.endpoints[${index}]`;
    const locality = reader.object(group, groupAt) ?? {};
    return reader.list(fieldOf(locality, 'lb_endpoints'), `${groupAt}.lb_endpoints`).map((entry: unknown, place) => {
      const entryAt = `${groupAt}.lb_endpoints[${place}]`;
      const endpoint = reader.optionalObject(reader.object(entry, entryAt)?.['endpoint'], `${entryAt}.endpoint`);
      const address = reader.optionalObject(endpoint['address'], `${entryAt}.endpoint.address`);
      return parseTarget(reader, address, `${entryAt}.endpoint.address`);
    });
  });
  if (targets.length === 0)
    reader.problem(at, `needs an endpoint: a cluster of type ${String(cluster['type'])} has none`);
  return targets;
}

function parseTarget(reader: JsonReader, address: Json, path: string): string {
  if (isObject(address['pipe'])) {
    return `unix:${reader.requiredString(address['pipe']['path'], `${path}.pipe.path`)}`;
  }
  const at = `${path}.socket_address`;
  const socket = reader.optionalObject(fieldOf(address, 'socket_address'), at);
  const host = reader.requiredString(socket['address'], `${at}.address`);
  const port = fieldOf(socket, 'port_value');
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535) {
    reader.problem(`${at}.port_value`, 'must be a port');
  }
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** HTTP/2 pings, in either place where Envoy takes them. */
function parseKeepalive(reader: JsonReader, cluster: Json, path: string): number | null {
  const extensions = fieldOf(cluster, 'typed_extension_protocol_options');
  const key = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const options = isObject(extensions) && isObject(extensions[key]) ? extensions[key] : {};
  const explicit = fieldOf(options, 'explicit_http_config');
  const newer = isObject(explicit) ? fieldOf(explicit, 'http2_protocol_options') : undefined;
  const http2 = newer ?? fieldOf(cluster, 'http2_protocol_options');
  const keepalive = isObject(http2) ? fieldOf(http2, 'connection_keepalive') : undefined;
  return isObject(keepalive) ? reader.durationMs(keepalive['interval'], `${path} connection_keepalive.interval`) : null;
}

function parseGoogleGrpc(
  reader: JsonReader,
  json: unknown,
  path: string,
  metadata: readonly MetadataSource[],
  sources: EnvoySources,
): ServerConfig {
  const service = reader.optionalObject(json, path);
  const target = reader.requiredString(fieldOf(service, 'target_uri'), `${path}.target_uri`);
  const channelAt = `${path}.channel_credentials`;
  const channel = reader.optionalObject(fieldOf(service, 'channel_credentials'), channelAt);
  const ssl = fieldOf(channel, 'ssl_credentials');
  let credentials: ServerCredentials = { kind: 'insecure' };
  if (isObject(ssl)) {
    const at = `${channelAt}.ssl_credentials`;
    const read = (name: string) => parseDataSource(reader, fieldOf(ssl, name), `${at}.${name}`, sources);
    const [ca, privateKey, certificate] = [read('root_certs'), read('private_key'), read('cert_chain')];
    const identity = certificate === null || privateKey === null ? null : { certificate, privateKey };
    credentials = { kind: 'tls', ca, identity };
  } else if (!isAbsent(fieldOf(channel, 'google_default'))) {
    reader.problem(`${channelAt}.google_default`, 'not supported');
  }
  const tokens = parsePlugins(reader, service, path);
  return toServer(target, credentials, [...metadata, ...tokens], null);
}

/** Tokens from files, which Kuma uses. */
function parsePlugins(reader: JsonReader, service: Json, path: string): MetadataSource[] {
  const entries = reader.list(fieldOf(service, 'call_credentials'), `${path}.call_credentials`);
  return entries.flatMap((entry: unknown, index): MetadataSource[] => {
    const at = `${path}.call_credentials[${index}]`;
    const plugin = isObject(entry) ? fieldOf(entry, 'from_plugin') : undefined;
    const config = isObject(plugin) ? fieldOf(plugin, 'typed_config') : undefined;
    const secret = isObject(config) ? fieldOf(config, 'secret_data') : undefined;
    const file = isObject(secret) ? secret['filename'] : undefined;
    if (!isObject(config) || typeof file !== 'string') {
      reader.warn(at, 'only a file_based_metadata plugin with a filename is supported');
      return [];
    }
    const key = reader.string(fieldOf(config, 'header_key'), `${at}.from_plugin.typed_config.header_key`);
    const prefix = reader.string(fieldOf(config, 'header_prefix'), `${at}.from_plugin.typed_config.header_prefix`);
    return [{ kind: 'file', key: key.toLowerCase() || 'authorization', prefix, path: file }];
  });
}

function parseInitialMetadata(reader: JsonReader, service: Json, path: string): MetadataSource[] {
  const at = `${path}.initial_metadata`;
  return reader.list(fieldOf(service, 'initial_metadata'), at).flatMap((entry: unknown, index): MetadataSource[] => {
    const header = reader.object(entry, `${at}[${index}]`);
    if (header === null) return [];
    const key = reader.requiredString(header['key'], `${at}[${index}].key`).toLowerCase();
    const value = reader.string(header['value'], `${at}[${index}].value`);
    const problem = key === '' ? null : metadataKeyProblem(key);
    if (problem !== null) reader.problem(`${at}[${index}].key`, problem);
    if (!isMetadataValue(value)) reader.problem(`${at}[${index}].value`, 'must be printable ASCII');
    return [{ kind: 'value', key, value }];
  });
}
