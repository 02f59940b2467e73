// Where something listens or is reached. Plain data: survives structured clone.

/**
 * A TCP address. `host` is an IP literal (or a DNS name where a field says so); `port` 0 to 65535. Of an endpoint or a
 * listener it may be a socket file too: `host` is then its absolute path, and `port` 0.
 */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** Addresses that share their first `bits` bits with `address`, an IP literal. */
export interface AddressRange {
  readonly address: string;
  readonly bits: number;
}

/** Whether it is a socket file of this machine. */
export function isSocketFile({ host }: SocketAddress): boolean {
  return host.startsWith('/');
}

/** `host:port`, IPv6 in brackets, or `unix:/path`: the one spelling that logs, metrics and pool keys use. */
export function formatAddress(address: SocketAddress): string {
  if (isSocketFile(address)) return `unix:${address.host}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
