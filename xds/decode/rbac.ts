// Access control -> RbacRules. What we can't evaluate is never left out: it becomes a rule of kind `unknown`, because of
// which no call is let through, and is reported.
import type { CallRule, RbacPolicy, RbacRules } from '../model/http-filter.ts';
import { decodeAddressRange } from './address-range.ts';
import type { StringMatcherMessage } from './core-messages.ts';
import type { CidrRangeMessage } from './listener-messages.ts';
import type {
  PermissionMessage,
  PrincipalMessage,
  RbacFilterMessage,
  RbacMessage,
  RbacPolicyMessage,
} from './rbac-messages.ts';
import { decodeHeaderMatcher } from './route-match.ts';
import { decodeStringMatch } from './scalars.ts';
import type { Scope } from './validation.ts';

/** Rules may hold rules; deeper than this is no configuration, but an attack on the decoder. */
const maxNesting = 32;

const any: CallRule = { kind: 'any' };

/** `null` where everything passes. */
export function decodeRbacFilter({ rules, matcher }: RbacFilterMessage, scope: Scope): RbacRules | null {
  if (rules !== null) return decodeRbac(rules, scope.at('rules'));
  if (matcher === null) return null;
  const principal = unknown(scope.at('matcher'), 'the unified matcher is not supported');
  return { action: 'deny', policies: [{ name: 'matcher', permission: any, principal }] };
}

/** `null` for rules that only log. */
function decodeRbac({ action, policies }: RbacMessage, scope: Scope): RbacRules | null {
  const decoded = Object.entries(policies).map(([name, policy]) =>
    decodePolicy(name, policy, scope.item('policies', name)),
  );
  switch (action) {
    case 'ALLOW':
      return { action: 'allow', policies: decoded };
    case 'DENY':
      return { action: 'deny', policies: decoded };
    case 'LOG':
      return null;
    default:
      scope.at('action').fail(`unknown value ${action}`);
      return null;
  }
}

function decodePolicy(name: string, message: RbacPolicyMessage, scope: Scope): RbacPolicy {
  const permission = anyOf(message.permissions, 'permissions', scope, (one, at) => decodePermission(one, at, 0));
  const who = anyOf(message.principals, 'principals', scope, (one, at) => decodePrincipal(one, at, 0));
  if (message.condition === null) return { name, permission, principal: who };
  const condition = unknown(scope.at('condition'), 'conditions in CEL are not evaluated');
  return { name, permission, principal: { kind: 'all-of', rules: [who, condition] } };
}

function decodePermission(message: PermissionMessage, scope: Scope, depth: number): CallRule {
  if (depth > maxNesting) return tooDeep(scope);
  const decode = (one: PermissionMessage, at: Scope): CallRule => decodePermission(one, at, depth + 1);
  if (message.and_rules !== undefined) return allOf(message.and_rules.rules, 'rules', scope.at('and_rules'), decode);
  if (message.or_rules !== undefined) return anyOf(message.or_rules.rules, 'rules', scope.at('or_rules'), decode);
  if (message.not_rule !== undefined) return { kind: 'not', rule: decode(message.not_rule, scope.at('not_rule')) };
  if (message.destination_ip !== undefined) {
    return decodeRange('destination-ip', message.destination_ip, scope.at('destination_ip'));
  }
  if (message.destination_port !== undefined) {
    const port = message.destination_port;
    if (port > 65_535) scope.at('destination_port').fail(`${port} is not a port`);
    return { kind: 'destination-port', first: port, end: port + 1 };
  }
  if (message.destination_port_range !== undefined) {
    const { start, end } = message.destination_port_range;
    if (start < 0 || end > 65_536 || start >= end) scope.at('destination_port_range').fail('not a range of ports');
    return { kind: 'destination-port', first: start, end };
  }
  if (message.requested_server_name !== undefined) {
    return textRule('server-name', message.requested_server_name, scope.at('requested_server_name'));
  }
  if (message.matcher !== undefined) return unknown(scope.at('matcher'), 'matcher extensions are not supported');
  if (message.uri_template !== undefined) return unknown(scope.at('uri_template'), 'path templates are not matched');
  return decodeCommon(message, scope);
}

function decodePrincipal(message: PrincipalMessage, scope: Scope, depth: number): CallRule {
  if (depth > maxNesting) return tooDeep(scope);
  const decode = (one: PrincipalMessage, at: Scope): CallRule => decodePrincipal(one, at, depth + 1);
  if (message.and_ids !== undefined) return allOf(message.and_ids.ids, 'ids', scope.at('and_ids'), decode);
  if (message.or_ids !== undefined) return anyOf(message.or_ids.ids, 'ids', scope.at('or_ids'), decode);
  if (message.not_id !== undefined) return { kind: 'not', rule: decode(message.not_id, scope.at('not_id')) };
  if (message.authenticated !== undefined) {
    const name = message.authenticated.principal_name;
    const at = scope.at('authenticated.principal_name');
    return { kind: 'authenticated', match: name === null ? null : decodeStringMatch(name, at) };
  }
  // No header says for us where a call really came from, so all three mean who is connected (gRFC A41).
  for (const field of ['source_ip', 'direct_remote_ip', 'remote_ip'] as const) {
    const range = message[field];
    if (range !== undefined) return decodeRange('source-ip', range, scope.at(field));
  }
  if (message.filter_state !== undefined) return unknown(scope.at('filter_state'), 'there is no filter state');
  return decodeCommon(message, scope);
}

function decodeCommon(message: PermissionMessage | PrincipalMessage, scope: Scope): CallRule {
  if (message.any !== undefined) {
    if (!message.any) scope.at('any').fail('must be true');
    return any;
  }
  if (message.header !== undefined) {
    const matcher = decodeHeaderMatcher(message.header, scope.at('header'));
    return matcher === null ? any : { kind: 'header', matcher };
  }
  if (message.url_path !== undefined) {
    const at = scope.at('url_path');
    if (message.url_path.path !== undefined) return textRule('path', message.url_path.path, at.at('path'));
    at.at('path').fail('required');
    return any;
  }
  if (message.metadata !== undefined) return unknown(scope.at('metadata'), 'metadata of a call is not matched');
  return unknown(scope, 'no rule that we know is set');
}

function allOf<Message>(
  messages: readonly Message[],
  field: string,
  scope: Scope,
  decode: (message: Message, scope: Scope) => CallRule,
): CallRule {
  if (messages.length === 0) scope.at(field).fail('must not be empty');
  return { kind: 'all-of', rules: messages.map((message, index) => decode(message, scope.item(field, index))) };
}

function anyOf<Message>(
  messages: readonly Message[],
  field: string,
  scope: Scope,
  decode: (message: Message, scope: Scope) => CallRule,
): CallRule {
  if (messages.length === 0) scope.at(field).fail('must not be empty');
  return { kind: 'any-of', rules: messages.map((message, index) => decode(message, scope.item(field, index))) };
}

function textRule(kind: 'path' | 'server-name', message: StringMatcherMessage, scope: Scope): CallRule {
  const match = decodeStringMatch(message, scope);
  return match === null ? any : { kind, match };
}

function decodeRange(kind: 'source-ip' | 'destination-ip', message: CidrRangeMessage, scope: Scope): CallRule {
  const range = decodeAddressRange(message, scope);
  return range === null ? any : { kind, range };
}

function unknown(scope: Scope, text: string): CallRule {
  return { kind: 'unknown', reason: scope.unsupported(`${text}, so no call passes because of it`) };
}

function tooDeep(scope: Scope): CallRule {
  scope.fail(`rules are nested more than ${maxNesting} deep`);
  return any;
}
