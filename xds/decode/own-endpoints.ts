// The endpoints that are inside a cluster, and how their names are resolved (STATIC, STRICT_DNS, LOGICAL_DNS).
import type { DnsDiscovery } from '../model/cluster.ts';
import { type ClusterEndpoints, defaultOverprovisioningPercent } from '../model/endpoints.ts';
import type { ClusterMessage, DnsRulesMessage } from './cluster-messages.ts';
import { decodeLoadAssignment } from './endpoints.ts';
import { decodeDuration } from './scalars.ts';
import type { Scope } from './validation.ts';

/** Envoy's default. */
const defaultRefreshMs = 5000;

/** AUTO counts every address, as gRPC does, where Envoy would leave IPv4 to names that have no IPv6. */
const families: Readonly<Record<string, Pick<DnsDiscovery, 'family'>>> = {
  UNSPECIFIED: {},
  AUTO: {},
  ALL: {},
  V4_ONLY: { family: 'v4' },
  V6_ONLY: { family: 'v6' },
  V4_PREFERRED: { family: 'v4-first' },
};

/** A cluster without a load assignment, as Istio's BlackHoleCluster, has no endpoints. */
export function decodeOwnEndpoints(message: ClusterMessage, hosts: 'ip' | 'dns', scope: Scope): ClusterEndpoints {
  const assignment = message.load_assignment;
  if (assignment === null) {
    const overprovisioningPercent = defaultOverprovisioningPercent;
    return { name: message.name, localities: [], dropOverloads: [], overprovisioningPercent };
  }
  return decodeLoadAssignment(assignment, message.name, hosts, scope.at('load_assignment'));
}

/** @param rules how names are resolved, at `at`: the cluster itself, or the extension that is its type. */
export function decodeDnsDiscovery(
  message: ClusterMessage,
  type: 'STRICT_DNS' | 'LOGICAL_DNS',
  scope: Scope,
  rules: DnsRulesMessage = message,
  at: Scope = scope,
): DnsDiscovery {
  const refreshMs = decodeInterval(rules.dns_refresh_rate, at.at('dns_refresh_rate')) ?? defaultRefreshMs;
  const family = families[rules.dns_lookup_family];
  if (family === undefined) at.at('dns_lookup_family').fail(`unknown value ${rules.dns_lookup_family}`);
  const endpoints = decodeOwnEndpoints(message, 'dns', scope);
  const count = message.load_assignment?.endpoints.reduce((sum, { lb_endpoints: all }) => sum + all.length, 0);
  if (type === 'LOGICAL_DNS' && count !== 1) scope.at('load_assignment.endpoints').fail('must be one endpoint');
  return {
    kind: type === 'STRICT_DNS' ? 'strict-dns' : 'logical-dns',
    endpoints,
    refreshMs,
    ...family,
    ...(rules.respect_dns_ttl && { respectTtl: true }),
    ...decodeFailureRefresh(rules, at.at('dns_failure_refresh_rate')),
  };
}

/** `max_interval` is ten times the base where it is not set, as in Envoy. */
function decodeFailureRefresh(
  { dns_failure_refresh_rate: rate }: DnsRulesMessage,
  scope: Scope,
): Pick<DnsDiscovery, 'failureRefresh'> {
  if (rate === null) return {};
  const baseMs = decodeInterval(rate.base_interval, scope.at('base_interval'));
  const maxMs = decodeInterval(rate.max_interval, scope.at('max_interval'));
  if (rate.base_interval === null) scope.at('base_interval').fail('required');
  if (baseMs === null) return {};
  if (maxMs !== null && maxMs < baseMs) scope.at('max_interval').fail('must not be below base_interval');
  return { failureRefresh: { baseMs, maxMs: maxMs ?? baseMs * 10 } };
}

function decodeInterval(message: DnsRulesMessage['dns_refresh_rate'], scope: Scope): number | null {
  const intervalMs = decodeDuration(message, scope);
  if (intervalMs !== null && intervalMs <= 1) scope.fail('must be above 1 ms');
  return intervalMs;
}
