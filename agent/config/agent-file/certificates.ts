// `tls` of a frontend and of a backend: PEM files to TLS settings. What does not fit together is said here, by its place,
// and not when the first client comes.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { DownstreamTls, SubjectAltName, TlsCertificates, UpstreamTls } from '../../../xds/model/tls.ts';
import type { YamlEntry, YamlPlace } from '../yaml-reader.ts';
import type { FileContext } from './file-context.ts';

const clientCert = ['required', 'optional'] as const;

const none: TlsCertificates = { certificateChainPem: null, privateKeyPem: null, trustedCaPem: null };

/** What clients are shown who ask for one of those names; `names` `null`: who ask for any, or for none. */
export interface FrontendTls {
  readonly tls: DownstreamTls;
  readonly names: readonly string[] | null;
}

/** One, or a list of which the first is for names that no other has. After a problem was noted the result does not matter. */
export function readFrontendTls(context: FileContext, place: YamlPlace): FrontendTls[] {
  const { reader } = context;
  if (!reader.isList(place)) return [{ tls: readDownstreamTls(context, place), names: null }];
  const items = reader.items(place);
  if (items.length === 0) reader.problem(place, 'needs one certificate at least');
  const owners = new Map<string, string>();
  return items.map((item, index) => {
    const tls = readDownstreamTls(context, item);
    if (index === 0) return { tls, names: null };
    const names = tls.certificateChainPem === null ? [] : dnsNamesOf(tls.certificateChainPem);
    if (names.length === 0 && tls.certificateChainPem !== null) {
      reader.problem(item, 'the certificate has no DNS name by which clients could ask for it');
    }
    for (const name of names) {
      const owner = owners.get(name);
      if (owner === undefined) owners.set(name, item.path);
      else reader.problem(item, `${name} is a name of the certificate of ${owner} too`);
    }
    return { tls, names };
  });
}

function dnsNamesOf(pem: string): string[] {
  const names =
    new X509Certificate(pem).subjectAltName?.matchAll(/(?:^|, )DNS:((?:\*\.)?[A-Za-z0-9._-]+)(?=,|$)/g) ?? [];
  return [...new Set([...names].map(([, name = '']) => name.toLowerCase()))];
}

function readDownstreamTls(context: FileContext, place: YamlPlace): DownstreamTls {
  const { reader } = context;
  const fields = reader.fields(place, ['cert', 'key', 'client_ca', 'client_cert']);
  for (const name of ['cert', 'key'] as const) {
    if (fields[name] === undefined) reader.problem(place, `needs "${name}", a PEM file`);
  }
  const identity = readIdentity(context, fields.cert, fields.key);
  const trustedCaPem = fields.client_ca === undefined ? null : readCertificates(context, fields.client_ca);
  const wanted = fields.client_cert === undefined ? 'required' : reader.word(fields.client_cert, 'way', clientCert);
  if (fields.client_cert !== undefined && fields.client_ca === undefined) {
    reader.problem(fields.client_cert, 'needs "client_ca" beside it: by which CA it is checked');
  }
  const requireClientCertificate = fields.client_ca !== undefined && wanted !== 'optional';
  return { ...none, ...identity, trustedCaPem, requireClientCertificate };
}

/** @param hosts of the endpoints, `null` where one has no DNS name: what its certificate is for, unless `server_name` says another. */
export function readBackendTls(context: FileContext, place: YamlPlace, hosts: ReadonlySet<string | null>): UpstreamTls {
  const { reader } = context;
  const fields = reader.fields(place, ['ca', 'cert', 'key', 'server_name', 'names']);
  if ((fields.cert === undefined) !== (fields.key === undefined)) {
    reader.problem(fields.cert ?? fields.key ?? place, '"cert" and "key" need each other');
  }
  const identity = readIdentity(context, fields.cert, fields.key);
  const names = fields.names === undefined ? [] : reader.items(fields.names).flatMap((item) => reader.text(item) ?? []);
  const sni = fields.server_name === undefined ? null : reader.text(fields.server_name);
  if (fields.server_name === undefined && names.length === 0 && hosts.has(null)) {
    reader.problem(place, 'needs "server_name", the name in the certificate: not every endpoint has a name');
  }
  return {
    ...none,
    ...identity,
    trustedCaPem: fields.ca === undefined ? null : readCertificates(context, fields.ca),
    sni,
    subjectAltNames: names.map(anyNameOf),
    ...(fields.server_name === undefined ? { hostnameIsSni: true } : {}),
  };
}

function anyNameOf(value: string): SubjectAltName {
  return { kind: 'any', match: { kind: 'exact', value, ignoreCase: false } };
}

function readIdentity(context: FileContext, cert: YamlEntry | undefined, key: YamlEntry | undefined) {
  const certificateChainPem = cert === undefined ? null : readCertificates(context, cert);
  const privateKeyPem = key === undefined ? null : context.file(key);
  if (key !== undefined && privateKeyPem !== null) checkKey(context, key, privateKeyPem, certificateChainPem);
  return { certificateChainPem, privateKeyPem };
}

function readCertificates(context: FileContext, place: YamlPlace): string | null {
  const pem = context.file(place);
  if (pem === null) return null;
  try {
    new X509Certificate(pem);
    return pem;
  } catch {
    context.reader.problem(place, 'the file holds no PEM certificate');
    return null;
  }
}

function checkKey({ reader }: FileContext, place: YamlPlace, keyPem: string, chainPem: string | null): void {
  try {
    const key = createPrivateKey(keyPem);
    if (chainPem !== null && !new X509Certificate(chainPem).checkPrivateKey(key)) {
      reader.problem(place, 'the key does not belong to the certificate');
    }
  } catch {
    reader.problem(place, 'the file holds no PEM private key, or an encrypted one');
  }
}
