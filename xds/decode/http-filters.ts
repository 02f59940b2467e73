// The HTTP filters of a connection manager, and what routes say of them -> HttpFilter, FilterOverrides.
import type { FilterOverrides, HttpFilter, RbacRules } from '../model/http-filter.ts';
import type { AnyMessage } from './core-messages.ts';
import { configTypeOf, type DecodeContext, readAny } from './decode-context.ts';
import { isHarmlessHttpFilter, isHarmlessOverride, routerType } from './filters.ts';
import type { HttpConnectionManagerMessage, HttpFilterMessage } from './listener-messages.ts';
import { decodeRbacFilter } from './rbac.ts';
import type { Scope } from './validation.ts';

const rbacType = 'envoy.extensions.filters.http.rbac.v3.RBAC';
const rbacPerRouteType = 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute';
const wrapperType = 'envoy.config.route.v3.FilterConfig';

/** The router comes last and once (gRFC A39); names are unique; what is neither optional nor harmless is reported. */
export function decodeHttpFilters(
  context: DecodeContext,
  { http_filters: filters }: HttpConnectionManagerMessage,
  scope: Scope,
): HttpFilter[] {
  const decoded: HttpFilter[] = [];
  const names = new Set<string>();
  for (const [index, filter] of filters.entries()) {
    const at = scope.item('http_filters', index);
    if (filter.name === '') at.at('name').fail('must not be empty');
    else if (names.has(filter.name)) at.at('name').fail(`another filter has the name "${filter.name}" too`);
    names.add(filter.name);
    const type = configTypeOf(context, filter.typed_config);
    const isLast = index === filters.length - 1;
    if (type === routerType && !isLast) at.fail('the router must be the last filter');
    if (type !== routerType && isLast) at.fail('the last filter must be the router');
    if (type === rbacType && filter.typed_config !== undefined) {
      decoded.push({ kind: 'rbac', name: filter.name, rules: decodeOwnRules(context, filter, at) });
    } else reportSkipped(filter, type, at);
  }
  if (filters.length === 0) scope.at('http_filters').fail('must not be empty: the router is missing');
  return decoded;
}

/** A filter that is disabled has no rules until a route gives it some. */
function decodeOwnRules(context: DecodeContext, filter: HttpFilterMessage, scope: Scope): RbacRules | null {
  const at = scope.at('typed_config');
  const message = readAny(context, rbacType, filter.typed_config!, at);
  const rules = message === null ? null : decodeRbacFilter(message, at);
  return filter.disabled ? null : rules;
}

function reportSkipped(filter: HttpFilterMessage, type: string, at: Scope): void {
  if (filter.is_optional || filter.disabled) return;
  if (filter.config_discovery !== undefined) {
    at.at('config_discovery').unsupported('extension discovery (ECDS) is not supported, the filter is skipped');
  } else if (!isHarmlessHttpFilter(type, filter.typed_config?.value.length ?? 0)) {
    const what = type === '' ? 'without a configuration' : `(${type})`;
    at.unsupported(`the filter "${filter.name}" ${what} is not carried out`);
  }
}

/** `typed_per_filter_config` of one level; `null` where it says nothing of a filter that we carry out. */
export function decodeFilterOverrides(
  context: DecodeContext,
  configs: Readonly<Record<string, AnyMessage>>,
  scope: Scope,
): FilterOverrides | null {
  const overrides: [name: string, rules: RbacRules | null][] = [];
  for (const [name, any] of Object.entries(configs)) {
    const override = decodeOverride(context, name, any, scope.item('typed_per_filter_config', name));
    if (override !== undefined) overrides.push([name, override]);
  }
  // A name is the configuration's own text: `__proto__` is one like any other.
  return overrides.length === 0 ? null : Object.fromEntries(overrides);
}

/** `undefined` where it is no rules, and `null` where it takes all rules away. */
function decodeOverride(
  context: DecodeContext,
  name: string,
  any: AnyMessage,
  scope: Scope,
): RbacRules | null | undefined {
  const type = configTypeOf(context, any);
  if (type === wrapperType) {
    const wrapper = readAny(context, wrapperType, any, scope);
    if (wrapper === null || (wrapper.is_optional && wrapper.config === null)) return undefined;
    if (wrapper.disabled) return null;
    return wrapper.config === null ? undefined : decodeOverride(context, name, wrapper.config, scope.at('config'));
  }
  if (type !== rbacPerRouteType) {
    if (!isHarmlessOverride(type)) scope.unsupported(`(${type}) is not carried out`);
    return undefined;
  }
  const message = readAny(context, rbacPerRouteType, any, scope);
  if (message === null || message.rbac === null) return null;
  return decodeRbacFilter(message.rbac, scope.at('rbac'));
}
