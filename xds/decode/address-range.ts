// envoy.config.core.v3.CidrRange -> AddressRange.
import { isIP } from 'node:net';
import type { AddressRange } from '../model/address.ts';
import type { CidrRangeMessage } from './listener-messages.ts';
import type { Scope } from './validation.ts';

/** `null` after a problem was noted. */
export function decodeAddressRange(
  { address_prefix, prefix_len }: CidrRangeMessage,
  scope: Scope,
): AddressRange | null {
  const family = isIP(address_prefix);
  const bits = prefix_len?.value ?? 0;
  if (family === 0) scope.at('address_prefix').fail(`"${address_prefix}" is not an IP address`);
  else if (bits > (family === 4 ? 32 : 128)) scope.at('prefix_len').fail(`${bits} is longer than the address`);
  else return { address: address_prefix, bits };
  return null;
}
