// Format strings of header values, evaluated for one call.
import type { FormatCommand, HeaderFormat } from '../../xds/model/header-mutations.ts';
import { hostOf } from '../grpc/address-range.ts';
import { byteText } from '../grpc/byte-text.ts';
import type { HeaderBlock } from '../http2/index.ts';
import type { CallFacts } from './call-facts.ts';
import { formatClientCertificate } from './client-certificate.ts';

/** What a format is evaluated over. */
export interface FormatInput {
  readonly request: HeaderBlock;
  /** `null` while there is none. */
  readonly response: HeaderBlock | null;
  readonly facts: CallFacts;
  readonly routeName: string;
}

/** The text of a format without commands, as latin1; `null` where it varies with the call. */
export function fixedText(format: HeaderFormat): string | null {
  return format.every((part) => typeof part === 'string') ? byteText(format.join('')) : null;
}

export function readsRequest(format: HeaderFormat): boolean {
  return format.some((part) => typeof part !== 'string' && part.kind === 'request-field');
}

/** As latin1. What is absent is empty. */
export function evaluateFormat(format: HeaderFormat, input: FormatInput): string {
  let text = '';
  for (const part of format) text += typeof part === 'string' ? byteText(part) : commandValue(part, input);
  return text;
}

function commandValue(command: FormatCommand, { request, response, facts, routeName }: FormatInput): string {
  switch (command.kind) {
    case 'request-field':
      return fieldOf(request, command);
    case 'response-field':
      return response === null ? '' : fieldOf(response, command);
    case 'downstream-address':
      return facts.peer;
    case 'downstream-ip':
      return hostOf(facts.peer);
    case 'downstream-uri-san':
      return sansOf(facts, 'URI:');
    case 'downstream-dns-san':
      return sansOf(facts, 'DNS:');
    case 'downstream-certificate':
      return formatClientCertificate(facts);
    case 'upstream-address':
      return facts.endpointAddress;
    case 'cluster':
      return byteText(facts.cluster);
    case 'route':
      return byteText(routeName);
    case 'protocol':
      return 'HTTP/2';
    case 'response-code':
      return response?.value(':status') ?? '0';
  }
}

type FieldCommand = Extract<FormatCommand, { kind: 'request-field' | 'response-field' }>;

/** The first value of a repeated field (envoy-behaviours 4.4). */
function fieldOf(block: HeaderBlock, { name, alternative, maxLength }: FieldCommand): string {
  const value = valueNamed(block, name) ?? (alternative === null ? null : valueNamed(block, alternative)) ?? '';
  return maxLength === null ? value : value.slice(0, maxLength);
}

function valueNamed(block: HeaderBlock, name: string): string | null {
  return block.value(name === 'host' ? ':authority' : name);
}

function sansOf({ peerSans }: CallFacts, prefix: string): string {
  return peerSans.flatMap((san) => (san.startsWith(prefix) ? [san.slice(prefix.length)] : [])).join(',');
}
