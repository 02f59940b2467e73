// FilterChainMatch -> what the listener holds connections against.
import type { AddressRange } from '../model/address.ts';
import type { FilterChainMatch } from '../model/filter-chain-match.ts';
import { decodeAddressRange } from './address-range.ts';
import type { CidrRangeMessage, FilterChainMatchMessage } from './listener-messages.ts';
import type { Scope } from './validation.ts';

/** `null` where nothing is asked. */
export function decodeFilterChainMatch(message: FilterChainMatchMessage | null, scope: Scope): FilterChainMatch | null {
  if (message === null) return null;
  const ranges = (field: RangeField): AddressRange[] =>
    message[field].flatMap((range: CidrRangeMessage, index) => {
      return decodeAddressRange(range, scope.item(field, index)) ?? [];
    });
  const port = message.destination_port?.value ?? null;
  // PGV of `destination_port`: 1 to 65535.
  if (port !== null && (port < 1 || port > 65_535)) scope.at('destination_port').fail(`${port} is not a port`);
  return {
    destinationPort: port,
    destinationRanges: ranges('prefix_ranges'),
    serverNames: message.server_names.map((name, index) => decodeServerName(name, scope.item('server_names', index))),
    transportProtocol: decodeTransportProtocol(message.transport_protocol, scope.at('transport_protocol')),
    applicationProtocols: message.application_protocols,
    directSourceRanges: ranges('direct_source_prefix_ranges'),
    sourceType: decodeSourceType(message, scope.at('source_type')),
    sourceRanges: ranges('source_prefix_ranges'),
    sourcePorts: message.source_ports,
  };
}

type RangeField = 'prefix_ranges' | 'direct_source_prefix_ranges' | 'source_prefix_ranges';

/** As Envoy takes them: a star stands for whole labels at the beginning, and only there. */
function decodeServerName(name: string, scope: Scope): string {
  const text = name.toLowerCase();
  const rest = text.startsWith('*.') ? text.slice(2) : text;
  if (rest === '' || rest.includes('*')) scope.fail(`"${name}" is no server name, nor "*." and the end of one`);
  return text;
}

function decodeTransportProtocol(text: string, scope: Scope): FilterChainMatch['transportProtocol'] {
  if (text === '') return null;
  if (text === 'tls' || text === 'raw_buffer') return text;
  scope.unsupported(`"${text}" is matched by no connection`);
  return 'other';
}

function decodeSourceType(
  { source_type: type }: FilterChainMatchMessage,
  scope: Scope,
): FilterChainMatch['sourceType'] {
  if (type === 'ANY') return null;
  if (type === 'SAME_IP_OR_LOOPBACK') return 'local';
  if (type !== 'EXTERNAL') scope.fail(`unknown value ${type}`);
  return 'external';
}
