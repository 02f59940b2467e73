// HTTP filters and what routes say of them; the mirror of decode/http-filters.ts and decode/rbac.ts.
import type { CallRule, FilterOverrides, HttpFilter, RbacRules } from '../model/http-filter.ts';
import type { AnyMessage, Pack } from './pack.ts';
import { encodeHeaderMatcher } from './route-match.ts';
import { encodeRange, encodeStringMatch } from './values.ts';

const package_ = 'envoy.extensions.filters.http.rbac.v3';

/** `http_filters`, with the router that comes last. */
export function encodeHttpFilters(filters: readonly HttpFilter[], pack: Pack): object[] {
  return [
    ...filters.map(({ name, rules }) => ({ name, typed_config: pack(`${package_}.RBAC`, encodeFilter(rules)) })),
    { name: 'envoy.filters.http.router', typed_config: pack('envoy.extensions.filters.http.router.v3.Router', {}) },
  ];
}

/** `typed_per_filter_config`. */
export function encodeFilterOverrides(overrides: FilterOverrides | null, pack: Pack): Record<string, AnyMessage> {
  return Object.fromEntries(
    Object.entries(overrides ?? {}).map(([name, rules]) => [
      name,
      pack(`${package_}.RBACPerRoute`, rules === null ? {} : { rbac: encodeFilter(rules) }),
    ]),
  );
}

function encodeFilter(rules: RbacRules | null): object {
  if (rules === null) return {};
  const policies = rules.policies.map(({ name, permission, principal }) => [
    name,
    {
      permissions: branches(permission).map((rule) => encodeRule(rule, 'permission')),
      principals: branches(principal).map((rule) => encodeRule(rule, 'principal')),
    },
  ]);
  return { rules: { action: rules.action === 'allow' ? 'ALLOW' : 'DENY', policies: Object.fromEntries(policies) } };
}

/** Of permissions, and of principals, one has to match. */
function branches(rule: CallRule): readonly CallRule[] {
  return rule.kind === 'any-of' ? rule.rules : [rule];
}

const fieldNames = {
  permission: { all: 'and_rules', any: 'or_rules', list: 'rules', not: 'not_rule' },
  principal: { all: 'and_ids', any: 'or_ids', list: 'ids', not: 'not_id' },
} as const;

function encodeRule(rule: CallRule, of: 'permission' | 'principal'): object {
  const names = fieldNames[of];
  switch (rule.kind) {
    case 'any':
      return { any: true };
    case 'all-of':
      return { [names.all]: { [names.list]: rule.rules.map((one) => encodeRule(one, of)) } };
    case 'any-of':
      return { [names.any]: { [names.list]: rule.rules.map((one) => encodeRule(one, of)) } };
    case 'not':
      return { [names.not]: encodeRule(rule.rule, of) };
    case 'header':
      return { header: encodeHeaderMatcher(rule.matcher) };
    case 'path':
      return { url_path: { path: encodeStringMatch(rule.match) } };
    case 'source-ip':
      return { direct_remote_ip: encodeRange(rule.range) };
    case 'destination-ip':
      return { destination_ip: encodeRange(rule.range) };
    case 'destination-port':
      return { destination_port_range: { start: rule.first, end: rule.end } };
    case 'server-name':
      return { requested_server_name: encodeStringMatch(rule.match) };
    case 'authenticated':
      return { authenticated: { principal_name: rule.match === null ? null : encodeStringMatch(rule.match) } };
    case 'unknown':
      throw new TypeError(`a rule cannot be encoded: ${rule.reason}`);
  }
}
