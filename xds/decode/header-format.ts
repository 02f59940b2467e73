// The format strings of header values: text with %COMMANDS% (Envoy's "custom request/response headers").
import type { FactOfCall, FormatCommand, HeaderFormat } from '../model/header-mutations.ts';

/** Commands without arguments. */
const facts: Readonly<Record<string, FactOfCall>> = {
  DOWNSTREAM_REMOTE_ADDRESS: 'downstream-address',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 'downstream-address',
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 'downstream-ip',
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: 'downstream-ip',
  DOWNSTREAM_PEER_URI_SAN: 'downstream-uri-san',
  DOWNSTREAM_PEER_DNS_SAN: 'downstream-dns-san',
  UPSTREAM_HOST: 'upstream-address',
  UPSTREAM_REMOTE_ADDRESS: 'upstream-address',
  UPSTREAM_CLUSTER: 'cluster',
  ROUTE_NAME: 'route',
  PROTOCOL: 'protocol',
  RESPONSE_CODE: 'response-code',
};

export type ParsedFormat =
  | { readonly kind: 'format'; readonly format: HeaderFormat }
  /** Not a format string at all. */
  | { readonly kind: 'invalid'; readonly problem: string }
  /** A command that we don't carry out. */
  | { readonly kind: 'unsupported'; readonly command: string };

/** `%%` is a percent sign; `%NAME%`, `%NAME(arguments)%` and `%NAME(arguments):length%` are commands. */
export function parseHeaderFormat(text: string): ParsedFormat {
  const parts: (string | FormatCommand)[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const percent = text.indexOf('%', at);
    literal += text.slice(at, percent === -1 ? text.length : percent);
    if (percent === -1) break;
    if (text[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    const found = /^%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::([0-9]{1,9}))?%/.exec(text.slice(percent));
    if (found === null) return { kind: 'invalid', problem: `no command at "${text.slice(percent, percent + 20)}"` };
    const [whole, name = '', args, length] = found;
    const command = commandOf(name, args, length);
    if (command === null) return { kind: 'unsupported', command: whole };
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(command);
    at = percent + whole.length;
  }
  if (literal !== '') parts.push(literal);
  return { kind: 'format', format: parts };
}

function commandOf(name: string, args: string | undefined, length: string | undefined): FormatCommand | null {
  if (name === 'REQ' || name === 'RESP') {
    const [field = '', alternative] = (args ?? '').split('?');
    if (field === '') return null;
    return {
      kind: name === 'REQ' ? 'request-field' : 'response-field',
      name: field.toLowerCase(),
      alternative: alternative === undefined ? null : alternative.toLowerCase(),
      maxLength: length === undefined ? null : Number(length),
    };
  }
  const kind = Object.hasOwn(facts, name) ? facts[name] : undefined;
  return kind === undefined || args !== undefined || length !== undefined ? null : { kind };
}
