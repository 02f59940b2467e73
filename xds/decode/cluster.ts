// envoy.config.cluster.v3.Cluster -> Cluster.
import { type Cluster, type ClusterDiscovery, defaultPanicPercent, type SocketMatch } from '../model/cluster.ts';
import type { ClusterMessage } from './cluster-messages.ts';
import { configTypeOf, type DecodeContext, readAny } from './decode-context.ts';
import { isHarmlessFilter } from './filters.ts';
import { decodeHttpOptions } from './http-options.ts';
import { decodeLbPolicy } from './lb-policy.ts';
import { decodeDnsDiscovery, decodeOwnEndpoints } from './own-endpoints.ts';
import { decodeDuration, maxUint32 } from './scalars.ts';
import { readLabels } from './socket-labels.ts';
import { decodeUpstreamSocket } from './tls.ts';
import type { Scope } from './validation.ts';

const dnsClusterType = 'envoy.extensions.clusters.dns.v3.DnsCluster';
const dnsNames: Readonly<Record<string, 'STRICT_DNS' | 'LOGICAL_DNS'>> = {
  'envoy.cluster.strict_dns': 'STRICT_DNS',
  'envoy.cluster.logical_dns': 'LOGICAL_DNS',
};

/** Envoy's default. */
const defaultConnectTimeoutMs = 5000;

export function decodeCluster(context: DecodeContext, message: ClusterMessage, scope: Scope): Cluster {
  if (message.name === '') scope.at('name').fail('must not be empty');
  const connectTimeoutMs = decodeDuration(message.connect_timeout, scope.at('connect_timeout'));
  if (connectTimeoutMs === 0) scope.at('connect_timeout').fail('must be above 0');
  const discovery = decodeDiscovery(context, message, scope);
  // How to balance and reach the endpoints of a cluster that will have none needs no second warning.
  const lb =
    discovery.kind === 'unsupported'
      ? ({ policy: { kind: 'round-robin' }, localityWeighted: false } as const)
      : decodeLbPolicy(context, message, scope);
  const socket = decodeUpstreamSocket(context, message.transport_socket, scope.at('transport_socket'));
  if (discovery.kind !== 'unsupported') reportUnsupported(context, message, scope);
  const http = decodeHttpOptions(context, message, scope);
  const socketMatches = decodeSocketMatches(context, message, scope);
  return {
    name: message.name,
    // To reach endpoints in another way than was asked for could send in the clear what must not be.
    discovery: socket.kind === 'unsupported' ? socket : discovery,
    lbPolicy: lb.policy,
    localityWeighted: lb.localityWeighted,
    panicPercent: decodePanicPercent(message, scope.at('common_lb_config.healthy_panic_threshold')),
    connectTimeoutMs: connectTimeoutMs ?? defaultConnectTimeoutMs,
    maxRequests: decodeMaxRequests(message, scope),
    tls: socket.kind === 'tls' ? socket.tls : null,
    ...(socketMatches.length > 0 && { socketMatches }),
    ...(http.connectionLife !== null && { connectionLife: http.connectionLife }),
    ...(http.callName !== null && { callName: http.callName }),
  };
}

function decodeSocketMatches(context: DecodeContext, message: ClusterMessage, scope: Scope): SocketMatch[] {
  const names = new Set<string>();
  return message.transport_socket_matches.map(({ name, match, transport_socket: socket }, index) => {
    const at = scope.item('transport_socket_matches', index);
    if (name === '') at.at('name').fail('must not be empty');
    if (names.has(name)) at.at('name').fail(`another one has the name "${name}"`);
    names.add(name);
    return {
      name,
      labels: match === null ? {} : readLabels(match),
      socket: decodeUpstreamSocket(context, socket, at.at('transport_socket')),
    };
  });
}

function decodeDiscovery(context: DecodeContext, message: ClusterMessage, scope: Scope): ClusterDiscovery {
  if (message.cluster_type !== undefined) return decodeCustomDiscovery(context, message, message.cluster_type, scope);
  // A oneof that is not set is STATIC, the first value of the enum.
  const type = message.type ?? 'STATIC';
  if (type !== 'EDS' && message.eds_cluster_config !== null) {
    scope.at('eds_cluster_config').fail(`only allowed with type EDS, not ${type}`);
  }
  switch (type) {
    case 'EDS':
      return decodeEdsDiscovery(message, scope);
    case 'STATIC':
      return { kind: 'static', endpoints: decodeOwnEndpoints(message, 'ip', scope) };
    case 'LOGICAL_DNS':
    case 'STRICT_DNS':
      return decodeDnsDiscovery(message, type, scope);
    case 'ORIGINAL_DST':
      return { kind: 'unsupported', reason: scope.at('type').unsupported('ORIGINAL_DST is not supported') };
    default:
      scope.at('type').fail(`unknown value ${type}`);
      return { kind: 'unsupported', reason: '' };
  }
}

/** Types that are extensions. */
function decodeCustomDiscovery(
  context: DecodeContext,
  message: ClusterMessage,
  { name, typed_config: any }: NonNullable<ClusterMessage['cluster_type']>,
  scope: Scope,
): ClusterDiscovery {
  const at = scope.at('cluster_type');
  if (any === null || configTypeOf(context, any) !== dnsClusterType) {
    return { kind: 'unsupported', reason: at.unsupported(`cluster type "${name}" is not supported`) };
  }
  const config = readAny(context, dnsClusterType, any, at.at('typed_config'));
  if (config === null) return { kind: 'unsupported', reason: '' };
  // The older names of the extension say by themselves which of the two it is.
  const type = dnsNames[name] ?? (config.dns_discovery_type === 'STRICT' ? 'STRICT_DNS' : 'LOGICAL_DNS');
  return decodeDnsDiscovery(message, type, scope, config, at.at('typed_config'));
}

function decodeEdsDiscovery(message: ClusterMessage, scope: Scope): ClusterDiscovery {
  const config = message.eds_cluster_config;
  const at = scope.at('eds_cluster_config');
  if (config === null) at.fail('required with type EDS');
  if (message.load_assignment !== null) scope.at('load_assignment').unsupported('ignored with type EDS');
  const source = config?.eds_config ?? null;
  if (config !== null && source === null) at.at('eds_config').fail('required');
  if (source !== null && source.ads === undefined && source.self === undefined) {
    return { kind: 'unsupported', reason: at.at('eds_config').unsupported('only ads and self are supported') };
  }
  const serviceName = config?.service_name ?? '';
  // gRFC A47: the name of such a cluster is no EDS name.
  if (serviceName === '' && message.name.startsWith('xdstp:')) {
    at.at('service_name').fail('required where the name of the cluster begins with xdstp:');
  }
  return { kind: 'eds', serviceName: serviceName === '' ? message.name : serviceName };
}

/** Present and empty is 0: no panic. */
function decodePanicPercent(message: ClusterMessage, scope: Scope): number {
  const percent = message.common_lb_config?.healthy_panic_threshold?.value ?? defaultPanicPercent;
  if (!(percent >= 0 && percent <= 100)) scope.fail(`${percent} is not a percentage`);
  return percent;
}

function decodeMaxRequests(message: ClusterMessage, scope: Scope): number | null {
  let maxRequests: number | null = null;
  let seenDefault = false;
  for (const [index, threshold] of (message.circuit_breakers?.thresholds ?? []).entries()) {
    const at = scope.item('circuit_breakers.thresholds', index);
    if (threshold.priority !== 'DEFAULT') {
      at.unsupported(`priority ${threshold.priority} is not supported`);
      continue;
    }
    // As in Envoy, the first of a priority counts.
    if (!seenDefault) maxRequests = threshold.max_requests?.value ?? null;
    seenDefault = true;
    // Limits on retries limit nothing while calls are not retried, which the routes report.
    for (const field of ['max_connections', 'max_pending_requests'] as const) {
      const limit = threshold[field];
      if (limit !== null && limit.value < maxUint32) at.at(field).unsupported('this limit is not carried out');
    }
  }
  if ((message.circuit_breakers?.per_host_thresholds.length ?? 0) > 0) {
    scope.at('circuit_breakers.per_host_thresholds').unsupported('these limits are not carried out');
  }
  return maxRequests;
}

function reportUnsupported(context: DecodeContext, message: ClusterMessage, scope: Scope): void {
  if (message.health_checks.length > 0)
    scope.at('health_checks').unsupported('active health checks are not carried out');
  if (message.outlier_detection !== null) scope.at('outlier_detection').unsupported('endpoints are not ejected');
  if (message.upstream_bind_config !== null)
    scope.at('upstream_bind_config').unsupported('the source address is not set');
  if (message.lb_subset_config !== null) scope.at('lb_subset_config').unsupported('subsets are not carried out');
  if (message.max_requests_per_connection !== null) {
    scope.at('max_requests_per_connection').unsupported('connections are not limited to a number of calls');
  }
  for (const [index, filter] of message.filters.entries()) {
    const type = configTypeOf(context, filter.typed_config);
    if (isHarmlessFilter(type)) continue;
    scope.item('filters', index).unsupported(`the filter "${filter.name}" (${type}) is not carried out`);
  }
}
