// envoy.config.route.v3.RouteConfiguration -> RouteConfiguration, from RDS or inside a listener.
import type { RetryPolicy } from '../model/retry-policy.ts';
import type { Route, RouteConfiguration, VirtualHost } from '../model/route.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeRetryPolicy } from './retry-policy.ts';
import { decodeRouteAction } from './route-action.ts';
import { decodeLevel } from './route-level.ts';
import { decodeRouteMatch } from './route-match.ts';
import type { RouteConfigurationMessage, RouteMessage, VirtualHostMessage } from './route-messages.ts';
import type { Scope } from './validation.ts';

export function decodeRouteConfiguration(
  context: DecodeContext,
  message: RouteConfigurationMessage,
  scope: Scope,
): RouteConfiguration {
  if (message.vhds !== null) scope.at('vhds').unsupported('virtual host discovery (VHDS) is not supported');
  if (message.request_mirror_policies.length > 0) {
    scope.at('request_mirror_policies').unsupported('calls are not mirrored');
  }
  const seenDomains = new Map<string, string>();
  return {
    name: message.name,
    virtualHosts: message.virtual_hosts.map((virtualHost, index) =>
      decodeVirtualHost(context, virtualHost, seenDomains, scope.item('virtual_hosts', index)),
    ),
    ignorePortInHostMatching: message.ignore_port_in_host_matching,
    ...decodeLevel(context, message, scope),
    mostSpecificMutationsWin: message.most_specific_header_mutations_wins,
  };
}

function decodeVirtualHost(
  context: DecodeContext,
  message: VirtualHostMessage,
  seenDomains: Map<string, string>,
  scope: Scope,
): VirtualHost {
  if (message.name === '') scope.at('name').fail('must not be empty');
  if (message.domains.length === 0) scope.at('domains').fail('must not be empty');
  for (const [index, domain] of message.domains.entries()) {
    checkDomain(domain, message.name, seenDomains, scope.item('domains', index));
  }
  const level = decodeLevel(context, message, scope);
  if (message.matcher !== null) scope.at('matcher').unsupported('the unified matcher is not supported');
  if (message.require_tls !== 'NONE') scope.at('require_tls').unsupported('clear text is not redirected');
  const retry = decodeRetryPolicy(message.retry_policy, scope.at('retry_policy'));
  if (message.hedge_policy !== null) scope.at('hedge_policy').unsupported('calls are not hedged');
  if (message.request_mirror_policies.length > 0) {
    scope.at('request_mirror_policies').unsupported('calls are not mirrored');
  }
  const routes: Route[] = [];
  for (const [index, routeMessage] of message.routes.entries()) {
    const route = decodeRoute(context, routeMessage, retry, scope.item('routes', index));
    if (route !== null) routes.push(route);
  }
  return { name: message.name, domains: message.domains, routes, ...level };
}

/** Exact, `*suffix`, `prefix*` or `*`; unique without regard to case (envoy-behaviours.md section 1). */
function checkDomain(domain: string, virtualHost: string, seen: Map<string, string>, scope: Scope): void {
  const stars = domain.split('*').length - 1;
  const key = domain.toLowerCase();
  const other = seen.get(key);
  if (domain === '') scope.fail('must not be empty');
  else if (stars > 1 || (stars === 1 && !domain.startsWith('*') && !domain.endsWith('*'))) {
    scope.fail(`"${domain}" may have one * only, at its beginning or its end`);
  } else if (other !== undefined) scope.fail(`"${domain}" is already a domain of virtual host "${other}"`);
  else seen.set(key, virtualHost);
}

/** `null` where the route is left out, or has a problem. */
function decodeRoute(
  context: DecodeContext,
  message: RouteMessage,
  retry: RetryPolicy | null,
  scope: Scope,
): Route | null {
  const match = decodeRouteMatch(message.match, scope.at('match'));
  const action = decodeRouteAction(context, message, retry, scope);
  const level = decodeLevel(context, message, scope);
  return match === null || action === null ? null : { name: message.name, match, action, ...level };
}
