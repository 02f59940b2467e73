// FilterChainMatch to its message; the mirror of decode/filter-chain-match.ts.
import type { FilterChainMatch } from '../model/filter-chain-match.ts';
import { encodeRange, encodeWrapper } from './values.ts';

const sourceTypes = { local: 'SAME_IP_OR_LOOPBACK', external: 'EXTERNAL' } as const;

export function encodeFilterChainMatch(match: FilterChainMatch): object {
  if (match.transportProtocol === 'other')
    throw new TypeError('a transport protocol that we do not know cannot be encoded');
  return {
    destination_port: encodeWrapper(match.destinationPort),
    prefix_ranges: match.destinationRanges.map(encodeRange),
    server_names: match.serverNames,
    transport_protocol: match.transportProtocol ?? '',
    application_protocols: match.applicationProtocols,
    direct_source_prefix_ranges: match.directSourceRanges.map(encodeRange),
    source_type: match.sourceType === null ? 'ANY' : sourceTypes[match.sourceType],
    source_prefix_ranges: match.sourceRanges.map(encodeRange),
    source_ports: match.sourcePorts,
  };
}
