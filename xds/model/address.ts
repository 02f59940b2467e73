// Where something listens or is reached. Plain data: survives structured clone.

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

/** `host:port`, IPv6 in brackets: the one spelling that logs, metrics and pool keys use. */
export function formatAddress(address: SocketAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
