// Whether an IP address lies in a range (envoy.config.core.v3.CidrRange). IPv4 in IPv6's clothes is IPv4.
import { BlockList, isIP } from 'node:net';
import type { AddressRange } from '../../xds/model/http-filter.ts';

/** Takes `host:port`, IPv6 in brackets, as connections name their ends. */
export type AddressTest = (address: string) => boolean;

export function compileAddressRange({ address, bits }: AddressRange): AddressTest {
  const family = isIP(address);
  const familyName = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(address, bits, familyName);
  return (text) => {
    const host = hostOf(text);
    // For Node, `::/0` takes in every IPv4 address.
    return isIP(host) === family && list.check(host, familyName);
  };
}

/** The IP address in `host:port`, without brackets and without IPv6 around an IPv4 address. */
function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/[[\]]/g, '');
  return host.replace(/^::ffff:(?=[0-9.]+$)/i, '');
}

/** -1 where there is none. */
export function portOf(address: string): number {
  const port = address.slice(address.lastIndexOf(':') + 1);
  return /^[0-9]+$/.test(port) ? Number(port) : -1;
}
