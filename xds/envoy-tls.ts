// The transport socket of the cluster that an Envoy bootstrap names for xDS -> credentials. Secrets may stand in files of
// their own (SDS by path), as Envoy Gateway has them. What would weaken the check of the server is a problem, not a
// warning.
import { fieldOf, isAbsent, isObject, type Json, type JsonReader, snakeCase } from './json-reader.ts';
import type { PemSource, ServerCredentials } from './model/bootstrap.ts';

/** Where the values are that a bootstrap only names. */
export interface EnvoySources {
  /** The content of a JSON or YAML file (secrets), as plain data; throws, naming the file. */
  readonly readData: (path: string) => unknown;
  /** What `environment_variable` reads. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const upstreamTls = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
const rawBuffer = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

/** `json`: a `TransportSocket`, or absent. */
export function parseEnvoySocket(
  reader: JsonReader,
  json: unknown,
  path: string,
  sources: EnvoySources,
): ServerCredentials {
  if (isAbsent(json)) return { kind: 'insecure' };
  const at = `${path}.typed_config`;
  const config = reader.optionalObject(fieldOf(reader.optionalObject(json, path), 'typed_config'), at);
  const type = String(config['@type'] ?? '')
    .split('/')
    .at(-1);
  if (type === rawBuffer) return { kind: 'insecure' };
  if (type !== upstreamTls) {
    reader.problem(`${at}.@type`, `"${type}" is not supported, only ${upstreamTls} is`);
    return { kind: 'insecure' };
  }
  return parseUpstreamTls(reader, config, at, sources);
}

function parseUpstreamTls(reader: JsonReader, config: Json, path: string, sources: EnvoySources): ServerCredentials {
  const at = `${path}.common_tls_context`;
  const common = reader.optionalObject(fieldOf(config, 'common_tls_context'), at);
  const certificate = placedCertificate(reader, common, at, sources);
  const validation = placedValidation(reader, common, at, sources);
  warnOfOthers(reader, common, at, [
    'tls_certificates',
    'tls_certificate_sds_secret_configs',
    'validation_context',
    'validation_context_sds_secret_config',
    'combined_validation_context',
    'alpn_protocols',
  ]);
  const read = (place: Place | null, name: string): PemSource | null =>
    place === null ? null : parseDataSource(reader, fieldOf(place.json, name), `${place.path}.${name}`, sources);
  const chain = read(certificate, 'certificate_chain');
  const privateKey = read(certificate, 'private_key');
  if ((chain === null) !== (privateKey === null)) {
    reader.problem(certificate?.path ?? at, 'certificate_chain and private_key need each other');
  }
  const ca = read(validation, 'trusted_ca');
  if (ca === null) {
    reader.warn(validation?.path ?? at, "no trusted_ca: the server's certificate is checked by the platform's roots");
  }
  const subjectAltNames = validation === null ? [] : parseNames(reader, validation);
  const sni = reader.string(config['sni'], `${path}.sni`);
  return {
    kind: 'tls',
    ca,
    identity: chain === null || privateKey === null ? null : { certificate: chain, privateKey },
    ...(sni === '' ? {} : { serverName: sni }),
    ...(subjectAltNames.length === 0 ? {} : { subjectAltNames }),
  };
}

interface Place {
  readonly json: Json;
  readonly path: string;
}

function placedCertificate(reader: JsonReader, common: Json, path: string, sources: EnvoySources): Place | null {
  const own = reader.list(fieldOf(common, 'tls_certificates'), `${path}.tls_certificates`);
  if (own.length > 1) reader.warn(`${path}.tls_certificates`, 'only the first certificate is used');
  if (isObject(own[0])) return { json: own[0], path: `${path}.tls_certificates[0]` };
  const at = `${path}.tls_certificate_sds_secret_configs`;
  const [config] = reader.list(fieldOf(common, 'tls_certificate_sds_secret_configs'), at);
  return isAbsent(config) ? null : readSecret(reader, config, `${at}[0]`, 'tls_certificate', sources);
}

function placedValidation(reader: JsonReader, common: Json, path: string, sources: EnvoySources): Place | null {
  const combined = fieldOf(common, 'combined_validation_context');
  const [holder, at, ownKey] = isObject(combined)
    ? ([combined, `${path}.combined_validation_context`, 'default_validation_context'] as const)
    : ([common, path, 'validation_context'] as const);
  const own = fieldOf(holder, ownKey);
  const sds = fieldOf(holder, 'validation_context_sds_secret_config');
  const secretAt = `${at}.validation_context_sds_secret_config`;
  const secret = isAbsent(sds) ? null : readSecret(reader, sds, secretAt, 'validation_context', sources);
  if (!isObject(own)) return secret;
  // In a combined context each adds to the other.
  return { json: { ...secret?.json, ...own }, path: `${at}.${ownKey}` };
}

/** A secret in a file: `sds_config.path_config_source.path` (or `sds_config.path`), by name. */
function readSecret(
  reader: JsonReader,
  json: unknown,
  path: string,
  kind: 'tls_certificate' | 'validation_context',
  { readData }: EnvoySources,
): Place | null {
  const config = reader.optionalObject(json, path);
  const at = `${path}.sds_config`;
  const source = reader.optionalObject(fieldOf(config, 'sds_config'), at);
  const byPath = fieldOf(source, 'path_config_source');
  const file = isObject(byPath) ? byPath['path'] : source['path'];
  if (typeof file !== 'string') {
    reader.problem(at, 'only a secret in a file (path_config_source) is supported');
    return null;
  }
  let data: unknown;
  try {
    data = readData(file);
  } catch (error) {
    reader.problem(at, error instanceof Error ? error.message : String(error));
    return null;
  }
  const resources = isObject(data) && Array.isArray(data['resources']) ? data['resources'] : [];
  const secret = resources.find((resource: unknown) => isObject(resource) && resource['name'] === config['name']);
  const content = isObject(secret) ? fieldOf(secret, kind) : undefined;
  if (isObject(content)) return { json: content, path: `${file}: ${kind}` };
  reader.problem(at, `${file} has no ${kind} of the name ${JSON.stringify(config['name'] ?? '')}`);
  return null;
}

/** Exact names only: a pattern that we can't check must not become no check at all. */
function parseNames(reader: JsonReader, { json, path }: Place): string[] {
  const typed = reader.list(fieldOf(json, 'match_typed_subject_alt_names'), `${path}.match_typed_subject_alt_names`);
  const plain = reader.list(fieldOf(json, 'match_subject_alt_names'), `${path}.match_subject_alt_names`);
  const matchers = [
    ...typed.map((entry, index) => {
      const at = `${path}.match_typed_subject_alt_names[${index}].matcher`;
      return { at, matcher: isObject(entry) ? entry['matcher'] : undefined };
    }),
    ...plain.map((matcher, index) => ({ at: `${path}.match_subject_alt_names[${index}]`, matcher })),
  ];
  for (const name of ['verify_certificate_spki', 'verify_certificate_hash', 'crl', 'custom_validator_config']) {
    if (!isAbsent(fieldOf(json, name))) reader.problem(`${path}.${name}`, 'not supported');
  }
  return matchers.flatMap(({ at, matcher }) => {
    const exact = isObject(matcher) ? matcher['exact'] : undefined;
    if (typeof exact === 'string' && exact !== '') return [exact];
    reader.problem(at, 'only exact names are supported');
    return [];
  });
}

/** An `envoy.config.core.v3.DataSource`; `null` where there is none. */
export function parseDataSource(
  reader: JsonReader,
  json: unknown,
  path: string,
  { env }: EnvoySources,
): PemSource | null {
  if (isAbsent(json)) return null;
  const source = reader.object(json, path) ?? {};
  const text = (name: string) => reader.string(fieldOf(source, name), `${path}.${name}`);
  const [file, inline, bytes, variable] = ['filename', 'inline_string', 'inline_bytes', 'environment_variable'].map(
    text,
  );
  if (file) return { kind: 'file', path: file };
  if (inline) return { kind: 'inline', pem: inline };
  if (bytes) return { kind: 'inline', pem: Buffer.from(bytes, 'base64').toString() };
  const value = variable ? env[variable] : undefined;
  if (value) return { kind: 'inline', pem: value };
  reader.problem(path, variable ? `the environment has no ${variable}` : 'needs a filename or inline_string');
  return null;
}

function warnOfOthers(reader: JsonReader, json: Json, path: string, known: readonly string[]): void {
  for (const name of Object.keys(json)) {
    if (!known.includes(snakeCase(name))) reader.warn(`${path}.${name}`, 'not supported');
  }
}
