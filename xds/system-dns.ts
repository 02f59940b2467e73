// DNS as the system resolves it, so that /etc/hosts and search domains count too.
import { lookup, resolve4, resolve6 } from 'node:dns/promises';
import type { ResolveHost } from './dns-endpoints.ts';

/** Every address, IPv4 and IPv6. The time to live is asked for apart, of the DNS servers alone, and may not be known. */
export const resolveHost: ResolveHost = async (host, wantsTtl) => {
  const found = lookup(host, { all: true });
  if (!wantsTtl) return { addresses: (await found).map(({ address }) => address), ttlMs: null };
  const [addresses, ...records] = await Promise.allSettled([
    found,
    resolve4(host, { ttl: true }),
    resolve6(host, { ttl: true }),
  ]);
  if (addresses.status === 'rejected') throw addresses.reason;
  const ttls = records.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.map(({ ttl }) => ttl) : []));
  return {
    addresses: addresses.value.map(({ address }) => address),
    ttlMs: ttls.length === 0 ? null : Math.min(...ttls) * 1000,
  };
};
