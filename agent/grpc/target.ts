// Where calls go, as people write it: one target or several, and TLS toward them. Text in, addresses out; no lookups.
// Source: grpc/grpc doc/naming.md.
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { isSocketFile, type SocketAddress } from '../../xds/model/address.ts';
import type { UpstreamTls } from '../../xds/model/tls.ts';

/** TLS toward a target. Certificates are PEM. The server's certificate is always verified. */
export interface TargetTls {
  /** Who the server's certificate must come from. Default: the roots that Node comes with. */
  readonly ca?: string | Uint8Array;
  /** Our own certificate chain and key, for servers that ask for them. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name to ask for, and to verify. Default: the target's own name or address. */
  readonly serverName?: string;
  /** Names (URI or DNS) of which the certificate must carry one, in place of `serverName`: a SPIFFE ID, for example. */
  readonly subjectAltNames?: readonly string[];
}

export interface Target {
  /** As it is shown; two targets of one name are the same. */
  readonly name: string;
  /** Hosts may be DNS names. */
  readonly addresses: readonly SocketAddress[];
  readonly hasNames: boolean;
  readonly tls: UpstreamTls | null;
}

/**
 * `10.0.0.1:443`, `[::1]:443`, `api.example.com:443`, `dns:///api.example.com:443`, `unix:/run/api.sock`, or a list.
 * @throws TypeError with one sentence that names what is wrong.
 */
export function parseTarget(text: string | readonly string[], tls: boolean | TargetTls): Target {
  const texts = typeof text === 'string' ? [text] : text;
  if (!Array.isArray(texts) || texts.length === 0)
    throw new TypeError('the target has to be a string, or a list of them');
  const addresses = texts.map(parseAddress);
  const name = texts.join(',');
  const hasNames = addresses.some(({ host }) => !isAddress(host));
  return {
    name,
    addresses,
    hasNames,
    tls: tls === false ? null : upstreamTls(addresses, tls === true ? {} : tls, name),
  };
}

function isAddress(host: string): boolean {
  return isIP(host) !== 0 || host.startsWith('/');
}

const schemes = ['dns:///', 'dns:', 'ipv4:', 'ipv6:'];

function parseAddress(text: unknown): SocketAddress {
  if (typeof text !== 'string') throw new TypeError(`a target has to be a string, but one is ${String(text)}`);
  if (text.startsWith('unix:')) return parsePipe(text);
  const scheme = schemes.find((one) => text.startsWith(one)) ?? '';
  const match = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<host>[^:/\s[\]]+)):(?<port>[0-9]{1,5})$/.exec(
    text.slice(scheme.length),
  );
  const { v6, host = '', port = '' } = match?.groups ?? {};
  if (match === null || Number(port) < 1 || Number(port) > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) {
    throw new TypeError(
      `${JSON.stringify(text)} is no target: host:port, [IPv6]:port, dns:///name:port or unix:/path is one`,
    );
  }
  return { host: v6 ?? host, port: Number(port) };
}

function parsePipe(text: string): SocketAddress {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.includes('\0')) throw new TypeError(`${JSON.stringify(text)} names no path`);
  return { host: resolve(path), port: 0 };
}

function upstreamTls(addresses: readonly SocketAddress[], tls: TargetTls, name: string): UpstreamTls {
  const { serverName, subjectAltNames = [] } = tls;
  if (serverName === undefined && subjectAltNames.length === 0 && addresses.some(isSocketFile)) {
    throw new TypeError(`${name}: tls.serverName has to say which name the certificate is for`);
  }
  return {
    certificateChainPem: pemOf(tls.cert),
    privateKeyPem: pemOf(tls.key),
    trustedCaPem: pemOf(tls.ca),
    sni: serverName ?? null,
    // An endpoint that was found by its name is asked for that name.
    ...(serverName === undefined ? { hostnameIsSni: true } : {}),
    // Without names, the one that was asked for is checked, or else the address.
    ...(subjectAltNames.length === 0 ? { nameCheck: 'sni' } : {}),
    subjectAltNames: subjectAltNames.map((value) => ({
      kind: 'any',
      match: { kind: 'exact', value, ignoreCase: false },
    })),
  };
}

function pemOf(pem: string | Uint8Array | undefined): string | null {
  return pem === undefined || typeof pem === 'string' ? (pem ?? null) : Buffer.from(pem).toString('utf8');
}
