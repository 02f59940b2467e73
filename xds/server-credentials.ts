// What a connection to a server is opened with: TLS by the files of the bootstrap, and the headers of its stream. Files
// are read when this is called, which is once a connection.

import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { isMetadataValue } from './bootstrap-credentials.ts';
import type { PemSource, ServerConfig } from './model/bootstrap.ts';

type ReadFile = (path: string) => Buffer;

/** Throws what `readFile` throws, and what is wrong with the PEM in it. */
export function channelCredentials(server: ServerConfig, readFile: ReadFile): ChannelCredentials {
  const { credentials: wanted } = server;
  if (wanted.kind === 'insecure') return credentials.createInsecure();
  const read = (source: PemSource | null): Buffer | null => {
    if (source === null) return null;
    return source.kind === 'file' ? readFile(source.path) : Buffer.from(source.pem);
  };
  const { subjectAltNames = [], identity } = wanted;
  const ipHost = wanted.serverName === undefined ? ipHostOf(server.serverUri) : null;
  const check = subjectAltNames.length > 0 ? anyNameCheck(subjectAltNames) : addressCheck(ipHost);
  return credentials.createSsl(
    read(wanted.ca),
    read(identity?.privateKey ?? null),
    read(identity?.certificate ?? null),
    check === null ? {} : { checkServerIdentity: (_, certificate) => check(certificate) },
  );
}

/** The name that the server is asked for by SNI, where it is not the host of its target. */
export function targetNameOptions({ serverUri, credentials: wanted }: ServerConfig): ChannelOptions {
  if (wanted.kind === 'insecure') return {};
  const name = wanted.serverName ?? (ipHostOf(serverUri) === null ? null : ipPlaceholder);
  return name === null ? {} : { 'grpc.ssl_target_name_override': name };
}

/** The headers of a stream. Throws what `readFile` throws; a value that may not be sent is told without being shown. */
export function streamMetadata({ metadata: sources = [] }: ServerConfig, readFile: ReadFile): Metadata {
  const metadata = new Metadata();
  for (const source of sources) {
    if (source.kind === 'value') metadata.add(source.key, source.value);
    else {
      const text = readFile(source.path).toString('latin1').trim();
      if (text === '') throw new Error(`${source.path} is empty; it should hold the value of "${source.key}"`);
      if (!isMetadataValue(text)) throw new Error(`${source.path} holds what "${source.key}" must not be`);
      metadata.add(source.key, source.prefix + text);
    }
  }
  return metadata;
}

/**
 * grpc-js asks for the host by TLS server name, which an IP address must not be (RFC 6066 section 3; Node 26 throws).
 * So a server without a name is asked for by this one, and its certificate is checked for the address.
 */
const ipPlaceholder = 'ip-address.invalid';

type CheckCertificate = (certificate: PeerCertificate) => Error | undefined;

function addressCheck(host: string | null): CheckCertificate | null {
  return host === null ? null : (certificate) => checkServerIdentity(host, certificate);
}

function anyNameCheck(wanted: readonly string[]): CheckCertificate {
  return ({ subjectaltname = '' }) => {
    // Node escapes a separator inside a name, so no name can pass for two.
    const held = subjectaltname.split(', ');
    if (wanted.some((name) => held.includes(`URI:${name}`) || held.includes(`DNS:${name}`))) return undefined;
    return new Error(`the certificate is for ${subjectaltname || 'no name'}, not for ${wanted.join(' or ')}`);
  };
}

/** The host of a target such as `10.0.0.1:443`, `dns:///10.0.0.1`, `ipv6:[::1]:443`, if it is an IP address. */
function ipHostOf(target: string): string | null {
  const endpoint = target.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv[46]:)/, '');
  const [, host = endpoint] = /^\[(.+)\](?::\d+)?$/.exec(endpoint) ?? /^([^:]+):\d+$/.exec(endpoint) ?? [];
  return isIP(host) === 0 ? null : host;
}
