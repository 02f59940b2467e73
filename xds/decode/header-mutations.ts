// Header changes, which may stand at each level of a route configuration -> HeaderMutations.
import type { HeaderAddition, HeaderMutations } from '../model/header-mutations.ts';
import { parseHeaderFormat } from './header-format.ts';
import type { HeaderMutationsMessage, HeaderValueOptionMessage } from './route-messages.ts';
import type { Scope } from './validation.ts';

const actions: Readonly<Record<string, HeaderAddition['action']>> = {
  APPEND_IF_EXISTS_OR_ADD: 'append',
  ADD_IF_ABSENT: 'add-if-absent',
  OVERWRITE_IF_EXISTS_OR_ADD: 'overwrite',
  OVERWRITE_IF_EXISTS: 'overwrite-if-present',
};

/** `null` where a level changes nothing. */
export function decodeHeaderMutations(message: HeaderMutationsMessage, scope: Scope): HeaderMutations | null {
  const mutations: HeaderMutations = {
    requestRemove: decodeRemovals(message.request_headers_to_remove, 'request_headers_to_remove', scope),
    requestAdd: decodeAdditions(message.request_headers_to_add, 'request_headers_to_add', scope),
    responseRemove: decodeRemovals(message.response_headers_to_remove, 'response_headers_to_remove', scope),
    responseAdd: decodeAdditions(message.response_headers_to_add, 'response_headers_to_add', scope),
  };
  return Object.values(mutations).every((list) => list.length === 0) ? null : mutations;
}

function decodeRemovals(names: readonly string[], field: string, scope: Scope): string[] {
  return names.map((name, index) => decodeName(name, scope.item(field, index)));
}

function decodeAdditions(options: readonly HeaderValueOptionMessage[], field: string, scope: Scope): HeaderAddition[] {
  return options.flatMap((option, index): HeaderAddition[] => {
    const addition = decodeAddition(option, scope.item(field, index));
    return addition === null ? [] : [addition];
  });
}

function decodeAddition(option: HeaderValueOptionMessage, scope: Scope): HeaderAddition | null {
  const { header } = option;
  if (header === null) {
    scope.at('header').fail('required');
    return null;
  }
  const at = scope.at('header');
  const name = decodeName(header.key, at.at('key'));
  const text = header.raw_value.length > 0 ? Buffer.from(header.raw_value).toString('utf8') : header.value;
  const valueScope = header.raw_value.length > 0 ? at.at('raw_value') : at.at('value');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that RFC 9113 section 8.2.1 forbids.
  if (/[\x00\r\n]|^[ \t]|[ \t]$/.test(text)) valueScope.fail('not the value of a field (RFC 9113 section 8.2.1)');
  const parsed = parseHeaderFormat(text);
  const action = decodeAction(option, scope);
  if (parsed.kind === 'invalid') {
    valueScope.fail(parsed.problem);
    return null;
  }
  if (parsed.kind === 'unsupported') {
    valueScope.unsupported(`${parsed.command} is not supported, so the field is left as it is`);
    return null;
  }
  return { name, value: parsed.format, action, keepEmpty: option.keep_empty_value };
}

/** The older `append` counts where it is set; unset it means true, which is also what the newer field's default means. */
function decodeAction(option: HeaderValueOptionMessage, scope: Scope): HeaderAddition['action'] {
  if (option.append !== null) return option.append.value ? 'append' : 'overwrite';
  const action = actions[option.append_action];
  if (action === undefined) scope.at('append_action').fail(`unknown value ${option.append_action}`);
  return action ?? 'append';
}

/** Fields that belong to one connection, and so to no configuration (RFC 9113 section 8.2.2). */
const connectionFields = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

function decodeName(text: string, scope: Scope): string {
  const name = text.toLowerCase();
  const problem = fieldNameProblem(name);
  if (problem !== null) scope.fail(problem);
  return name;
}

/** Why a field of that name, in lower case, may not be changed; `null`: it may. */
export function fieldNameProblem(name: string): string | null {
  if (name.startsWith(':') || name === 'host') return `"${name}" may not be changed in this way`;
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return `"${name}" is not the name of a field`;
  return connectionFields.has(name) ? `"${name}" has no place in HTTP/2 (RFC 9113 section 8.2.2)` : null;
}
