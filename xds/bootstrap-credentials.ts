// How a bootstrap says by what to trust a server and what to show it: channel credentials (gRFC A27, A65), tokens
// (gRFC A97), and headers of our own.
import { isAbsent, type JsonReader } from './json-reader.ts';
import type { MetadataSource, PemSource, ServerCredentials, TlsFiles } from './model/bootstrap.ts';

/** Longer than any real header, shorter than what servers refuse. */
const maxMetadataEntries = 32;

/** The first credentials of a kind that we know count (gRFC A27). */
export function parseCredentials(reader: JsonReader, json: unknown, path: string): ServerCredentials {
  const others: { readonly at: string; readonly type: string }[] = [];
  const skip = () => {
    for (const { at, type } of others) reader.warn(`${at}.type`, `"${type}" is not supported; the next one is used`);
  };
  for (const [index, entry] of reader.list(json, path).entries()) {
    const at = `${path}[${index}]`;
    const creds = reader.object(entry, at);
    if (creds === null) continue;
    const type = reader.string(creds['type'], `${at}.type`);
    if (type !== 'insecure' && type !== 'tls') {
      others.push({ at, type });
      continue;
    }
    skip();
    if (type === 'insecure') return { kind: 'insecure' };
    const config = reader.optionalObject(creds['config'], `${at}.config`);
    const serverName = reader.string(config['server_name'], `${at}.config.server_name`);
    return {
      kind: 'tls',
      ...parseTlsFiles(reader, config, `${at}.config`),
      ...(serverName === '' ? {} : { serverName }),
    };
  }
  for (const { at, type } of others) reader.problem(`${at}.type`, `"${type}" is not supported`);
  reader.problem(path, 'needs credentials of type "insecure" or "tls"');
  return { kind: 'insecure' };
}

/** The configuration of `tls` credentials and of the `file_watcher` certificate provider, which are alike. */
export function parseTlsFiles(reader: JsonReader, json: unknown, path: string): TlsFiles {
  const config = reader.optionalObject(json, path);
  const file = (key: string): PemSource | null => {
    const name = reader.string(config[key], `${path}.${key}`);
    return name === '' ? null : { kind: 'file', path: name };
  };
  const certificate = file('certificate_file');
  const privateKey = file('private_key_file');
  if ((certificate === null) !== (privateKey === null)) {
    reader.problem(path, 'certificate_file and private_key_file need each other');
  }
  // Each connection reads the files anew, which is as often as they can matter.
  reader.durationMs(config['refresh_interval'], `${path}.refresh_interval`);
  const identity = certificate === null || privateKey === null ? null : { certificate, privateKey };
  return { ca: file('ca_certificate_file'), identity };
}

/** Those of a kind that we do not know are left out (gRFC A97). */
export function parseCallCredentials(reader: JsonReader, json: unknown, path: string): MetadataSource[] {
  return reader.list(json, path).flatMap((entry: unknown, index): MetadataSource[] => {
    const at = `${path}[${index}]`;
    const creds = reader.object(entry, at);
    if (creds === null) return [];
    const type = reader.string(creds['type'], `${at}.type`);
    if (type !== 'jwt_token_file') {
      reader.warn(`${at}.type`, `"${type}" is not supported, only "jwt_token_file" is`);
      return [];
    }
    const config = reader.optionalObject(creds['config'], `${at}.config`);
    const file = reader.requiredString(config['jwt_token_file'], `${at}.config.jwt_token_file`);
    return [{ kind: 'file', key: 'authorization', prefix: 'Bearer ', path: file }];
  });
}

/** `initial_metadata`, a key of ours: `{key, value}`, or `{key, value_file, value_prefix}` for what is renewed. */
export function parseMetadata(reader: JsonReader, json: unknown, path: string): MetadataSource[] {
  const entries = reader.list(json, path);
  if (entries.length > maxMetadataEntries) reader.problem(path, `more than ${maxMetadataEntries} entries`);
  return entries.slice(0, maxMetadataEntries).flatMap((entry: unknown, index): MetadataSource[] => {
    const at = `${path}[${index}]`;
    const pair = reader.object(entry, at);
    if (pair === null) return [];
    const key = reader.requiredString(pair['key'], `${at}.key`).toLowerCase();
    const keyProblem = key === '' ? null : metadataKeyProblem(key);
    if (keyProblem !== null) reader.problem(`${at}.key`, keyProblem);
    const file = reader.string(pair['value_file'], `${at}.value_file`);
    if (file !== '') {
      if (!isAbsent(pair['value'])) reader.problem(at, 'has both a value and a value_file');
      return [{ kind: 'file', key, prefix: reader.string(pair['value_prefix'], `${at}.value_prefix`), path: file }];
    }
    if (isAbsent(pair['value'])) reader.problem(at, 'needs a value or a value_file');
    const value = reader.string(pair['value'], `${at}.value`);
    if (!isMetadataValue(value)) reader.problem(`${at}.value`, 'must be printable ASCII');
    return [{ kind: 'value', key, value }];
  });
}

/** Why a key may not be sent, or `null` (gRPC over HTTP/2: Custom-Metadata). */
export function metadataKeyProblem(key: string): string | null {
  if (!/^[0-9a-z_.-]+$/.test(key)) return 'may hold letters, digits, "_", "-" and "." only';
  if (key.startsWith('grpc-')) return 'a name that begins with "grpc-" is gRPC\'s own';
  return key.endsWith('-bin') ? 'binary values ("-bin") are not supported' : null;
}

/** Printable ASCII, at most 16 KiB. */
export function isMetadataValue(value: string): boolean {
  return value.length <= 16_384 && /^[\x20-\x7e]*$/.test(value);
}
