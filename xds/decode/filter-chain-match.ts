// Filter chains are not chosen by what a connection looks like. A chain is kept where its match holds for each
// connection that it could serve; another is left out, since it would serve connections that are not meant for it.
import type { FilterChainMatchMessage } from './listener-messages.ts';
import type { Scope } from './validation.ts';

/** What is known of each connection that reaches a chain. */
export interface ChainConnections {
  /** The port the listener binds; 0 where it is not known. */
  readonly port: number;
  readonly isTls: boolean;
}

/** Whether the chain can be kept; if not, that is reported. */
export function holdsForEach(match: FilterChainMatchMessage | null, { port, isTls }: ChainConnections, scope: Scope) {
  if (match === null) return true;
  const unmet = unmetField(match, port, isTls);
  if (unmet !== null) scope.at(unmet).unsupported('the filter chain is left out: this is not matched');
  return unmet === null;
}

function unmetField(match: FilterChainMatchMessage, port: number, isTls: boolean): string | null {
  if (match.destination_port !== null && match.destination_port.value !== port) return 'destination_port';
  if (match.transport_protocol !== '' && match.transport_protocol !== (isTls ? 'tls' : 'raw_buffer')) {
    return 'transport_protocol';
  }
  const protocols = match.application_protocols;
  if (protocols.length > 0 && !protocols.includes(isTls ? 'h2' : 'h2c')) return 'application_protocols';
  for (const field of ['prefix_ranges', 'source_prefix_ranges', 'direct_source_prefix_ranges'] as const) {
    if (match[field].some(({ prefix_len }) => (prefix_len?.value ?? 0) > 0)) return field;
  }
  if (match.source_ports.length > 0) return 'source_ports';
  if (match.server_names.length > 0) return 'server_names';
  return match.source_type === 'ANY' ? null : 'source_type';
}
