// What of the answer to a DNS question is used, and in which order. Pure.
import { isIP } from 'node:net';
import type { DnsDiscovery } from './model/cluster.ts';

/** More addresses of one endpoint than these are never tried. */
const maxTried = 16;

/** Without repeats and without what is no address, of the families that count. */
export function usableAddresses(answer: readonly string[], family: DnsDiscovery['family']): string[] {
  const all = [...new Set(answer)].filter((address) => isIP(address) !== 0);
  const v4 = all.filter((address) => isIP(address) === 4);
  switch (family) {
    case 'v4':
      return v4;
    case 'v6':
      return all.filter((address) => isIP(address) === 6);
    case 'v4-first':
      return v4.length > 0 ? v4 : all;
    case undefined:
      return all;
  }
}

/**
 * The order in which the addresses of one endpoint are tried: families by turns, beginning with the first address
 * (RFC 8305 section 4, gRFC A61); but the one that has been first stays so while it is in the answer, since servers turn
 * their answers round, and a turn is no reason to leave a connection.
 */
export function orderToTry(addresses: readonly string[], before: readonly string[]): string[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const family = isIP(first);
  const own = addresses.filter((address) => isIP(address) === family);
  const other = addresses.filter((address) => isIP(address) !== family);
  const turns = own.flatMap((address, at) => [address, ...other.slice(at, at + 1)]);
  const ordered = [...turns, ...other.slice(own.length)];
  const kept = before[0];
  const stays = kept !== undefined && ordered.includes(kept);
  return (stays ? [kept, ...ordered.filter((address) => address !== kept)] : ordered).slice(0, maxTried);
}
