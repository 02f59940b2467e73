// Where something listens or is reached, and what its certificates are. Plain data: survives structured clone.

/** A TCP address. `host` is an IP literal (or a DNS name where a field says so); `port` 0 to 65535. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** Addresses that share their first `bits` bits with `address`, an IP literal. */
export interface AddressRange {
  readonly address: string;
  readonly bits: number;
}

/** Certificates of one TLS endpoint, PEM text. Absent parts are `null`. */
export interface TlsCertificates {
  readonly certificateChainPem: string | null;
  readonly privateKeyPem: string | null;
  /** The roots a peer's certificate must lead to. `null`: the platform's own roots. */
  readonly trustedCaPem: string | null;
}

/** TLS toward clients (`DownstreamTlsContext`). ALPN is always `h2`. */
export interface DownstreamTls extends TlsCertificates {
  readonly requireClientCertificate: boolean;
}

/** TLS toward endpoints (`UpstreamTlsContext`). ALPN is always `h2`. */
export interface UpstreamTls extends TlsCertificates {
  /** Server name to ask for; `null`: none is sent. */
  readonly sni: string | null;
  /** Names of which the server's certificate must carry one (URI or DNS); empty: the name in `sni` is checked. */
  readonly subjectAltNames: readonly string[];
}

/** `host:port`, IPv6 in brackets: the one spelling that logs, metrics and pool keys use. */
export function formatAddress(address: SocketAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
