// The static half of an Envoy bootstrap: listeners, clusters, secrets, and what they name in files (LDS, CDS, RDS, EDS and
// SDS by path), to resources. It is turned into messages, and decoded like what a control plane sends.

import { parseNode } from './bootstrap.ts';
import type { ReadMessage } from './decode/decode-context.ts';
import { type DecodeOptions, decodeResource, resourceTypeOf, resourceTypes } from './decode/resource-types.ts';
import { parseAdmin } from './envoy-bootstrap.ts';
import { fieldOf, isAbsent, isObject, type Json, JsonReader, snakeCase } from './json-reader.ts';
import type { SocketAddress } from './model/address.ts';
import type { NodeIdentity } from './model/bootstrap.ts';
import type { Resource, ResourceType } from './model/resource.ts';
import { messageFromJson } from './proto-json.ts';
import { loadProtos } from './protos.ts';

export interface EnvoyStaticSources {
  /** The content of a JSON or YAML file, as plain data; throws, naming the file. */
  readonly readData: (path: string) => unknown;
  /** The text of a certificate file; throws. */
  readonly readFile: (path: string) => string;
  /** What `environment_variable` reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly unsupported: DecodeOptions['unsupported'];
  /**
   * Static clusters that lead to a control plane, which also has what its resources name and the file has not: they are
   * no clusters for calls. Absent: there is no control plane.
   */
  readonly leading?: ReadonlySet<string>;
}

/** Whether a bootstrap asks no control plane for anything. */
export function isStaticBootstrap(json: unknown): boolean {
  const dynamic = isObject(json) ? fieldOf(json, 'dynamic_resources') : undefined;
  if (!isObject(dynamic)) return true;
  if (!isAbsent(fieldOf(dynamic, 'ads_config'))) return false;
  return ['lds_config', 'cds_config'].every((key) => {
    const source = fieldOf(dynamic, key);
    return isAbsent(source) || pathOf(source) !== null;
  });
}

export interface ParsedStaticBootstrap {
  readonly node: NodeIdentity;
  /** Where the file wants the admin server; `null`: it does not say. */
  readonly admin: SocketAddress | null;
  /** Without meaning where there are problems. */
  readonly resources: readonly Resource[];
  readonly problems: readonly string[];
  /** What has no effect here, `field path: text` each. */
  readonly warnings: readonly string[];
}

/** `json`: the file as plain data. All problems at once. Never throws. */
export function parseStaticBootstrap(json: unknown, sources: EnvoyStaticSources): ParsedStaticBootstrap {
  const reader = new JsonReader();
  const root = reader.object(json, 'the bootstrap') ?? {};
  const admin = parseAdmin(reader, root);
  const node = parseNode(reader, root['node']);
  const resources = new StaticReader(reader, root, sources).read();
  for (const key of Object.keys(root)) if (!knownKeys.includes(snakeCase(key))) reader.warn(key, 'not supported');
  return { node, admin, resources, ...judged(reader, sources) };
}

/** What is static in a bootstrap that has a control plane as well; of the rest nothing is said. */
export function parseStaticResources(
  json: unknown,
  sources: EnvoyStaticSources,
): Pick<ParsedStaticBootstrap, 'resources' | 'problems' | 'warnings'> {
  const reader = new JsonReader();
  const resources = new StaticReader(reader, isObject(json) ? json : {}, sources).read();
  return { resources, ...judged(reader, sources) };
}

function judged({ problems, warnings }: JsonReader, { unsupported }: EnvoyStaticSources) {
  const rejected = unsupported === 'reject' ? warnings : [];
  return { problems: [...problems, ...rejected], warnings: unsupported === 'warn' ? warnings : [] };
}

const knownKeys = ['node', 'admin', 'static_resources', 'dynamic_resources'];

/** Of `envoy.config.core.v3.ConfigSource`: the file; `null`: it is another source. */
function pathOf(source: unknown): string | null {
  if (!isObject(source)) return null;
  const config = fieldOf(source, 'path_config_source');
  const path = isObject(config) ? config['path'] : source['path'];
  return typeof path === 'string' ? path : null;
}

/** Without those fields, in either spelling. */
function without(json: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !names.includes(snakeCase(key))));
}

interface Placed {
  readonly json: unknown;
  readonly path: string;
}

class StaticReader {
  readonly #reader: JsonReader;
  readonly #root: Json;
  readonly #sources: EnvoyStaticSources;
  readonly #protos = loadProtos();
  readonly #found = new Map<string, Resource>();
  readonly #files = new Map<string, readonly Placed[]>();

  constructor(reader: JsonReader, root: Json, sources: EnvoyStaticSources) {
    this.#reader = reader;
    this.#root = root;
    this.#sources = sources;
  }

  read(): Resource[] {
    const path = 'static_resources';
    const statics = this.#reader.optionalObject(fieldOf(this.#root, path), path);
    for (const key of Object.keys(statics)) {
      if (!['listeners', 'clusters', 'secrets'].includes(key)) this.#reader.warn(`${path}.${key}`, 'not supported');
    }
    const dynamic = this.#reader.optionalObject(fieldOf(this.#root, 'dynamic_resources'), 'dynamic_resources');
    for (const [type, key, source] of [
      ['cluster', 'clusters', 'cds_config'],
      ['listener', 'listeners', 'lds_config'],
    ] as const) {
      const items = this.#reader.list(statics[key], `${path}.${key}`);
      for (const [index, json] of items.entries()) {
        if (type === 'cluster' && isObject(json) && this.#leads(json)) continue;
        this.#add(type, { json, path: `${path}.${key}[${index}]` });
      }
      const file = pathOf(fieldOf(dynamic, source));
      if (file !== null) this.#addAll(type, file, `dynamic_resources.${source}`);
    }
    return [...this.#found.values()];
  }

  #leads(cluster: Json): boolean {
    return this.#sources.leading?.has(String(cluster['name'])) === true;
  }

  /** Whether what a resource names may come from a control plane. */
  get #hasServer(): boolean {
    return this.#sources.leading !== undefined;
  }

  #add(type: ResourceType, { json, path }: Placed): void {
    const { messageName } = resourceTypes[type];
    const before = this.#reader.problems.length;
    const message = messageFromJson(
      {
        describe: this.#protos.describe,
        pack: this.#protos.pack,
        reader: this.#reader,
        adjust: (typeName, part, at) => this.#adjust(typeName, part, at),
      },
      messageName,
      json,
      path,
    );
    if (this.#reader.problems.length > before) return;
    const decoded = decodeResource(type, this.#protos.encode(messageName, message), {
      // The interfaces that decoders read by are written by hand after proto/ (xds/decode/*-messages.ts).
      read: this.#protos.decode as ReadMessage,
      readFile: this.#sources.readFile,
      unsupported: this.#sources.unsupported,
      // What was not known was told when the JSON was read.
      schema: null,
    });
    if (decoded.kind === 'invalid') {
      // A control plane's bootstrap may have for Envoy what has no use here (its own readiness, its own statistics).
      for (const error of decoded.errors) {
        if (this.#hasServer) this.#reader.warnings.push(`${path}.${error}; it is left out`);
        else this.#reader.problems.push(`${path}.${error}`);
      }
      return;
    }
    for (const warning of decoded.warnings) this.#reader.warnings.push(`${path}.${warning}`);
    const key = `${type} ${decoded.name}`;
    if (this.#found.has(key)) this.#reader.problem(path, `there is another ${type} of the name "${decoded.name}"`);
    this.#found.set(key, decoded.resource);
  }

  #addAll(type: ResourceType, file: string, path: string): void {
    for (const resource of this.#resourcesIn(file, path)) {
      const name = isObject(resource.json) ? resourceTypeOf(String(resource.json['@type']))?.type : undefined;
      if (name === type) this.#add(type, resource);
      else this.#reader.problem(`${resource.path}.@type`, `must be ${resourceTypes[type].typeUrl}`);
    }
  }

  /** A discovery response in a file: what `path_config_source` names. */
  #resourcesIn(file: string, path: string): readonly Placed[] {
    let placed = this.#files.get(file);
    if (placed !== undefined) return placed;
    placed = [];
    try {
      const data = this.#sources.readData(file);
      const resources = this.#reader.list(isObject(data) ? data['resources'] : undefined, `${file}: resources`);
      placed = resources.map((json, index) => ({ json, path: `${file}: resources[${index}]` }));
    } catch (error) {
      this.#reader.problem(path, error instanceof Error ? error.message : String(error));
    }
    this.#files.set(file, placed);
    return placed;
  }

  /** What a message names elsewhere is put in its place, or added to what was found. */
  #adjust(typeName: string, json: Json, path: string): Json {
    switch (typeName) {
      case 'envoy.config.core.v3.DataSource':
        return this.#withVariable(json, path);
      case 'envoy.config.cluster.v3.Cluster':
        return this.#withEndpoints(json, path);
      case 'envoy.extensions.filters.network.http_connection_manager.v3.Rds':
        return this.#withRoutes(json, path);
      case 'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext':
        return this.#withSecrets(json, path);
      default:
        return json;
    }
  }

  #withVariable(json: Json, path: string): Json {
    const name = fieldOf(json, 'environment_variable');
    if (typeof name !== 'string') return json;
    const value = this.#sources.env[name];
    if (value === undefined || value === '') this.#reader.problem(path, `the environment has no ${name}`);
    return { inline_string: value ?? '' };
  }

  #withEndpoints(json: Json, path: string): Json {
    const config = fieldOf(json, 'eds_cluster_config');
    if (!isObject(config)) return json;
    const source = fieldOf(config, 'eds_config');
    const file = pathOf(source);
    const name = fieldOf(config, 'service_name') ?? json['name'];
    if (file === null && !this.#isAskedOverAds(source, `${path}.eds_cluster_config.eds_config`)) return json;
    if (file !== null) {
      this.#addNamed('endpoints', 'cluster_name', String(name), file, `${path}.eds_cluster_config.eds_config`);
    }
    return {
      ...without(json, ['eds_cluster_config']),
      eds_cluster_config: { service_name: name, eds_config: { ads: {} } },
    };
  }

  #withRoutes(json: Json, path: string): Json {
    const source = fieldOf(json, 'config_source');
    const file = pathOf(source);
    const name = fieldOf(json, 'route_config_name');
    if (file === null && !this.#isAskedOverAds(source, `${path}.config_source`)) return json;
    if (file !== null) this.#addNamed('route', 'name', String(name), file, `${path}.config_source`);
    return { route_config_name: name, config_source: { ads: {} } };
  }

  /** A server that is not that of ADS is asked over ADS all the same. */
  #isAskedOverAds(source: unknown, path: string): boolean {
    if (!this.#hasServer || !isObject(source) || isAbsent(fieldOf(source, 'api_config_source'))) return false;
    this.#reader.warn(`${path}.api_config_source`, 'is asked over ADS, on one stream for everything');
    return true;
  }

  #addNamed(type: ResourceType, key: string, name: string, file: string, path: string): void {
    if (this.#found.has(`${type} ${name}`)) return;
    const isWanted = ({ json }: Placed) => isObject(json) && fieldOf(json, key) === name;
    const found = this.#resourcesIn(file, path).find(isWanted);
    if (found === undefined) this.#reader.problem(path, `${file} has no resource of the name "${name}"`);
    else this.#add(type, found);
  }

  #withSecrets(json: Json, path: string): Json {
    const at = `${path}.tls_certificate_sds_secret_configs`;
    const [own, ...more] = this.#reader.list(fieldOf(json, 'tls_certificate_sds_secret_configs'), at);
    if (more.length > 0) this.#reader.warn(at, 'only the first certificate is used');
    const isOwnAsked = this.#isAsked(own);
    const certificate = own === undefined || isOwnAsked ? null : this.#secret(own, `${at}[0]`, 'tls_certificate');
    const rest = isOwnAsked ? json : without(json, ['tls_certificate_sds_secret_configs']);
    const combined = fieldOf(json, 'combined_validation_context');
    const holder = isObject(combined) ? combined : json;
    const sds = fieldOf(holder, 'validation_context_sds_secret_config');
    const sdsAt = `${path}.validation_context_sds_secret_config`;
    const validation = isAbsent(sds) || this.#isAsked(sds) ? null : this.#secret(sds, sdsAt, 'validation_context');
    const withOwn = certificate === null ? rest : { ...rest, tls_certificates: [certificate] };
    if (validation === null) return withOwn;
    const plain = without(withOwn, ['combined_validation_context', 'validation_context_sds_secret_config']);
    const byDefault = isObject(combined) ? fieldOf(combined, 'default_validation_context') : undefined;
    return { ...plain, validation_context: { ...validation, ...(isObject(byDefault) ? byDefault : {}) } };
  }

  /** Whether the secret is asked of a server. */
  #isAsked(config: unknown): boolean {
    const source = isObject(config) ? fieldOf(config, 'sds_config') : undefined;
    return this.#hasServer && !isAbsent(source) && pathOf(source) === null;
  }

  /** What is in a secret of `static_resources`, or of a file. */
  #secret(config: unknown, path: string, kind: 'tls_certificate' | 'validation_context'): Json | null {
    const { name, ...rest } = this.#reader.object(config, path) ?? {};
    const source = fieldOf(rest, 'sds_config');
    const file = pathOf(source);
    const statics = this.#reader.optionalObject(fieldOf(this.#root, 'static_resources'), 'static_resources');
    if (!isAbsent(source) && file === null) {
      this.#reader.problem(`${path}.sds_config`, 'only a secret in a file (path_config_source) is supported');
      return null;
    }
    const secrets =
      file === null
        ? this.#reader.list(statics['secrets'], 'static_resources.secrets')
        : this.#resourcesIn(file, `${path}.sds_config`).map(({ json }) => json);
    const secret = secrets.find((entry) => isObject(entry) && entry['name'] === name);
    const content = isObject(secret) ? fieldOf(secret, kind) : undefined;
    if (isObject(content)) return content;
    const where = file ?? 'static_resources.secrets';
    this.#reader.problem(path, `${where} has no ${kind} of the name ${JSON.stringify(name ?? '')}`);
    return null;
  }
}
