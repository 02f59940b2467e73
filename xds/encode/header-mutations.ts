// HeaderMutations to the four fields of a level; the mirror of decode/header-mutations.ts.
import type { FormatCommand, HeaderAddition, HeaderFormat, HeaderMutations } from '../model/header-mutations.ts';

const actionNames = {
  append: 'APPEND_IF_EXISTS_OR_ADD',
  'add-if-absent': 'ADD_IF_ABSENT',
  overwrite: 'OVERWRITE_IF_EXISTS_OR_ADD',
  'overwrite-if-present': 'OVERWRITE_IF_EXISTS',
} as const;

const factNames = {
  'downstream-address': 'DOWNSTREAM_REMOTE_ADDRESS',
  'downstream-ip': 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'downstream-uri-san': 'DOWNSTREAM_PEER_URI_SAN',
  'downstream-dns-san': 'DOWNSTREAM_PEER_DNS_SAN',
  'upstream-address': 'UPSTREAM_HOST',
  cluster: 'UPSTREAM_CLUSTER',
  route: 'ROUTE_NAME',
  protocol: 'PROTOCOL',
  'response-code': 'RESPONSE_CODE',
} as const;

export function encodeHeaderMutations(mutations: HeaderMutations | null): object {
  if (mutations === null) return {};
  return {
    request_headers_to_remove: mutations.requestRemove,
    request_headers_to_add: mutations.requestAdd.map(encodeAddition),
    response_headers_to_remove: mutations.responseRemove,
    response_headers_to_add: mutations.responseAdd.map(encodeAddition),
  };
}

function encodeAddition({ name, value, action, keepEmpty }: HeaderAddition): object {
  if (action === 'join') throw new TypeError(`no message says that ${name} is joined`);
  return {
    header: { key: name, value: encodeFormat(value) },
    append_action: actionNames[action],
    keep_empty_value: keepEmpty,
  };
}

function encodeFormat(format: HeaderFormat): string {
  return format.map((part) => (typeof part === 'string' ? part.replaceAll('%', '%%') : encodeCommand(part))).join('');
}

function encodeCommand(command: FormatCommand): string {
  if (command.kind === 'downstream-certificate') throw new TypeError('no command says the certificate of a caller');
  if (command.kind !== 'request-field' && command.kind !== 'response-field') return `%${factNames[command.kind]}%`;
  const { name, alternative, maxLength } = command;
  const fields = alternative === null ? name : `${name}?${alternative}`;
  const length = maxLength === null ? '' : `:${maxLength}`;
  return `%${command.kind === 'request-field' ? 'REQ' : 'RESP'}(${fields})${length}%`;
}
