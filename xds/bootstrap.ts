// The bootstrap file of proxyless gRPC (gRFC A27, GRPC_XDS_BOOTSTRAP) -> Bootstrap.
// Keys that we do not know are accepted, as gRPC does: control planes put their own there.

export interface Bootstrap {
  /** In order of preference; one at least. Only the first is used (fallback, gRFC A71, is not supported). */
  readonly servers: readonly ServerConfig[];
  readonly node: NodeIdentity;
}

export interface ServerConfig {
  /** A gRPC target: `host:port`, `dns:///host:port`, `unix:/path`. */
  readonly serverUri: string;
  readonly credentials: ServerCredentials;
  /** As written; those that we do not know have no effect. */
  readonly features: readonly string[];
  /** How ADS is spoken; `xds_mode`, a key of ours. Absent: `auto`. */
  readonly mode?: AdsModePolicy;
}

export type AdsMode = 'delta' | 'sotw';

/** `auto`: delta first; state of the world where the server says that it has no delta. */
export type AdsModePolicy = AdsMode | 'auto';

export type ServerCredentials =
  | { readonly kind: 'insecure' }
  /** Paths of PEM files (gRFC A65). No CA file: the platform's roots. */
  | {
      readonly kind: 'tls';
      readonly caCertificateFile: string | null;
      readonly certificateFile: string | null;
      readonly privateKeyFile: string | null;
    };

/** Who we are for the server. */
export interface NodeIdentity {
  readonly id: string;
  readonly cluster: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export type ParsedBootstrap = { readonly bootstrap: Bootstrap } | { readonly problems: readonly string[] };

type Json = Readonly<Record<string, unknown>>;

/** Reads the text of the file. All problems at once, `xds_servers[0].server_uri: text` each. */
export function parseBootstrap(text: string): ParsedBootstrap {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const problems: string[] = [];
  const root = asObject(json, 'the bootstrap', problems) ?? {};
  const bootstrap = { servers: parseServers(root['xds_servers'], problems), node: parseNode(root['node'], problems) };
  return problems.length > 0 ? { problems } : { bootstrap };
}

function parseServers(json: unknown, problems: string[]): ServerConfig[] {
  if (!Array.isArray(json) || json.length === 0) {
    problems.push('xds_servers: must be a list of one server at least');
    return [];
  }
  return json.flatMap((entry: unknown, index) => {
    const path = `xds_servers[${index}]`;
    const server = asObject(entry, path, problems);
    if (server === null) return [];
    const serverUri = asString(server['server_uri'], `${path}.server_uri`, problems);
    if (serverUri === '') problems.push(`${path}.server_uri: required`);
    const credentials = parseCredentials(server['channel_creds'], `${path}.channel_creds`, problems);
    const features = asList(server['server_features'], `${path}.server_features`, problems);
    const mode = parseMode(server['xds_mode'], `${path}.xds_mode`, problems);
    return [{ serverUri, credentials, features: features.filter((feature) => typeof feature === 'string'), ...mode }];
  });
}

function parseMode(json: unknown, path: string, problems: string[]): Pick<ServerConfig, 'mode'> {
  if (json === undefined) return {};
  if (json === 'delta' || json === 'sotw' || json === 'auto') return { mode: json };
  problems.push(`${path}: must be "delta", "sotw" or "auto"`);
  return {};
}

/** The first credentials of a kind that we know count (gRFC A27). */
function parseCredentials(json: unknown, path: string, problems: string[]): ServerCredentials {
  const types: string[] = [];
  for (const [index, entry] of asList(json, path, problems).entries()) {
    const at = `${path}[${index}]`;
    const creds = asObject(entry, at, problems);
    if (creds === null) continue;
    const type = asString(creds['type'], `${at}.type`, problems);
    if (type === 'insecure') return { kind: 'insecure' };
    if (type === 'tls') return parseTls(creds['config'], `${at}.config`, problems);
    types.push(type);
  }
  const found = types.length === 0 ? '' : `, not ${types.map((type) => `"${type}"`).join(', ')}`;
  problems.push(`${path}: needs credentials of type "insecure" or "tls"${found}`);
  return { kind: 'insecure' };
}

function parseTls(json: unknown, path: string, problems: string[]): ServerCredentials {
  const config = json === undefined ? {} : (asObject(json, path, problems) ?? {});
  const file = (key: string) => asString(config[key], `${path}.${key}`, problems) || null;
  const certificateFile = file('certificate_file');
  const privateKeyFile = file('private_key_file');
  if ((certificateFile === null) !== (privateKeyFile === null)) {
    problems.push(`${path}: certificate_file and private_key_file need each other`);
  }
  return { kind: 'tls', caCertificateFile: file('ca_certificate_file'), certificateFile, privateKeyFile };
}

function parseNode(json: unknown, problems: string[]): NodeIdentity {
  const node = json === undefined ? {} : (asObject(json, 'node', problems) ?? {});
  const locality = node['locality'] === undefined ? {} : asObject(node['locality'], 'node.locality', problems);
  const metadata = node['metadata'] === undefined ? {} : asObject(node['metadata'], 'node.metadata', problems);
  const part = (key: string) => asString(locality?.[key], `node.locality.${key}`, problems);
  return {
    id: asString(node['id'], 'node.id', problems),
    cluster: asString(node['cluster'], 'node.cluster', problems),
    locality: { region: part('region'), zone: part('zone'), subZone: part('sub_zone') },
    metadata: metadata ?? {},
  };
}

function asObject(json: unknown, path: string, problems: string[]): Json | null {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  problems.push(`${path}: must be an object`);
  return null;
}

function asList(json: unknown, path: string, problems: string[]): readonly unknown[] {
  if (json === undefined) return [];
  if (Array.isArray(json)) return json;
  problems.push(`${path}: must be a list`);
  return [];
}

/** Absent is empty. */
function asString(json: unknown, path: string, problems: string[]): string {
  if (json === undefined) return '';
  if (typeof json === 'string') return json;
  problems.push(`${path}: must be a string`);
  return '';
}
