// The bootstrap file of proxyless gRPC (GRPC_XDS_BOOTSTRAP; gRFC A27, A29, A36, A47, A65, A97) -> Bootstrap.
// Keys that we do not know are accepted, as gRPC does: control planes put their own there.
import { parseCallCredentials, parseCredentials, parseMetadata, parseTlsFiles } from './bootstrap-credentials.ts';
import { isAbsent, isObject, type Json, JsonReader } from './json-reader.ts';
import type {
  AdsModePolicy,
  Authority,
  Bootstrap,
  CertificateProvider,
  NodeIdentity,
  ParsedBootstrap,
  ServerConfig,
} from './model/bootstrap.ts';

/** Reads the text of the file. All problems at once, `xds_servers[0].server_uri: text` each. */
export function parseBootstrap(text: string): ParsedBootstrap {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const reader = new JsonReader();
  const root = reader.object(json, 'the bootstrap');
  if (root === null) return { problems: reader.problems };
  const bootstrap: Bootstrap = {
    servers: parseServers(reader, root['xds_servers'], 'xds_servers', 1),
    node: parseNode(reader, root['node']),
    ...parseAuthorities(reader, root['authorities']),
    ...parseTemplates(reader, root),
    ...parseProviders(reader, root['certificate_providers']),
  };
  return reader.problems.length > 0 ? { problems: reader.problems } : { bootstrap, warnings: reader.warnings };
}

function parseServers(reader: JsonReader, json: unknown, path: string, least: 0 | 1): ServerConfig[] {
  if (least === 1 && (!Array.isArray(json) || json.length === 0)) {
    reader.problem(path, 'must be a list of one server at least');
    return [];
  }
  return reader.list(json, path).flatMap((entry: unknown, index) => {
    const server = reader.object(entry, `${path}[${index}]`);
    return server === null ? [] : [parseServer(reader, server, `${path}[${index}]`)];
  });
}

function parseServer(reader: JsonReader, server: Json, path: string): ServerConfig {
  const serverUri = reader.requiredString(server['server_uri'], `${path}.server_uri`);
  const credentials = parseCredentials(reader, server['channel_creds'], `${path}.channel_creds`);
  const features = reader.list(server['server_features'], `${path}.server_features`);
  const tokens = parseCallCredentials(reader, server['call_creds'], `${path}.call_creds`);
  // A token in clear text is anyone's (gRFC A97); a socket file does not leave the machine.
  if (tokens.length > 0 && credentials.kind === 'insecure' && !serverUri.startsWith('unix:')) {
    reader.problem(`${path}.call_creds`, 'a token is sent over TLS only, and channel_creds is insecure');
  }
  const metadata = [...tokens, ...parseMetadata(reader, server['initial_metadata'], `${path}.initial_metadata`)];
  return {
    serverUri,
    credentials,
    features: features.filter((feature) => typeof feature === 'string'),
    ...parseMode(reader, server['xds_mode'], `${path}.xds_mode`),
    ...(metadata.length === 0 ? {} : { metadata }),
  };
}

function parseMode(reader: JsonReader, json: unknown, path: string): { readonly mode?: AdsModePolicy } {
  if (isAbsent(json)) return {};
  if (json === 'delta' || json === 'sotw' || json === 'auto') return { mode: json };
  reader.problem(path, 'must be "delta", "sotw" or "auto"');
  return {};
}

/** `envoy.config.core.v3.Node` in JSON, so a field may be spelled in either way of protobuf. */
export function parseNode(reader: JsonReader, json: unknown): NodeIdentity {
  const node = reader.optionalObject(json, 'node');
  const locality = reader.optionalObject(node['locality'], 'node.locality');
  const part = (key: string, alias = key) => reader.string(locality[key] ?? locality[alias], `node.locality.${key}`);
  const name = reader.string(node['user_agent_name'] ?? node['userAgentName'], 'node.user_agent_name');
  const version = reader.string(node['user_agent_version'] ?? node['userAgentVersion'], 'node.user_agent_version');
  return {
    id: reader.string(node['id'], 'node.id'),
    cluster: reader.string(node['cluster'], 'node.cluster'),
    locality: { region: part('region'), zone: part('zone'), subZone: part('sub_zone', 'subZone') },
    metadata: reader.optionalObject(node['metadata'], 'node.metadata'),
    ...(name === '' ? {} : { userAgent: { name, version } }),
  };
}

function parseAuthorities(reader: JsonReader, json: unknown): Pick<Bootstrap, 'authorities'> {
  if (isAbsent(json)) return {};
  const authorities: Record<string, Authority> = Object.create(null);
  for (const [name, entry] of Object.entries(reader.optionalObject(json, 'authorities'))) {
    const path = `authorities[${JSON.stringify(name)}]`;
    const authority = reader.object(entry, path);
    if (authority === null) continue;
    const key = 'client_listener_resource_name_template';
    const template = reader.string(authority[key], `${path}.${key}`);
    if (template !== '' && !template.startsWith(`xdstp://${name}/`)) {
      reader.problem(`${path}.${key}`, `must begin with "xdstp://${name}/"`);
    }
    authorities[name] = {
      servers: parseServers(reader, authority['xds_servers'], `${path}.xds_servers`, 0),
      clientListenerTemplate: template || `xdstp://${name}/envoy.config.listener.v3.Listener/%s`,
    };
  }
  return { authorities };
}

function parseTemplates(reader: JsonReader, root: Json) {
  const template = (key: string) => reader.string(root[key], key);
  const client = template('client_default_listener_resource_name_template');
  const server = template('server_listener_resource_name_template');
  if (server !== '') reader.warn('server_listener_resource_name_template', 'is for gRPC servers, and this is none');
  return client === '' ? {} : { clientListenerTemplate: client };
}

function parseProviders(reader: JsonReader, json: unknown): Pick<Bootstrap, 'certificateProviders'> {
  if (isAbsent(json)) return {};
  const providers: Record<string, CertificateProvider> = Object.create(null);
  for (const [name, entry] of Object.entries(reader.optionalObject(json, 'certificate_providers'))) {
    const path = `certificate_providers[${JSON.stringify(name)}]`;
    const provider = reader.object(entry, path);
    if (provider === null) continue;
    const plugin = reader.requiredString(provider['plugin_name'], `${path}.plugin_name`);
    if (plugin === 'file_watcher') providers[name] = parseFileWatcher(reader, provider['config'], `${path}.config`);
    else if (plugin !== '') reader.warn(`${path}.plugin_name`, `"${plugin}" is not supported, only "file_watcher" is`);
  }
  return { certificateProviders: providers };
}

/** gRFC A29: read again every 10 minutes, where nothing else is said. */
const defaultRefreshMs = 600_000;
/** More often is of no use to anyone, and 0 would be a loop. */
const leastRefreshMs = 1000;

function parseFileWatcher(reader: JsonReader, json: unknown, path: string): CertificateProvider {
  const files = parseTlsFiles(reader, json, path);
  const config = isObject(json) ? json : {};
  if (files.ca === null && files.identity === null) reader.problem(path, 'names no file');
  // Its problems are told already.
  const refreshMs = new JsonReader().durationMs(config['refresh_interval'], path) ?? defaultRefreshMs;
  return { ...files, refreshMs: Math.max(leastRefreshMs, refreshMs) };
}
