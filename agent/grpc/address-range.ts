// IP addresses of connections' ends, and ranges of them (envoy.config.core.v3.CidrRange). IPv4 in IPv6's clothes is IPv4.
import { BlockList, isIP } from 'node:net';
import type { AddressRange } from '../../xds/model/address.ts';

/** Whether an IP literal lies in the range. */
export function compileAddressRange({ address, bits }: AddressRange): (host: string) => boolean {
  const family = isIP(address);
  const familyName = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(address, bits, familyName);
  // For Node, `::/0` takes in every IPv4 address.
  return (host) => isIP(host) === family && list.check(host, familyName);
}

/** The IP address in `host:port`. */
export function hostOf(address: string): string {
  return plainAddress(address.slice(0, address.lastIndexOf(':')));
}

/** Without brackets, and without IPv6 around an IPv4 address. */
export function plainAddress(host: string): string {
  return host.replace(/[[\]]/g, '').replace(/^::ffff:(?=[0-9.]+$)/i, '');
}

/** -1 where there is none. */
export function portOf(address: string): number {
  const port = address.slice(address.lastIndexOf(':') + 1);
  return /^[0-9]+$/.test(port) ? Number(port) : -1;
}
