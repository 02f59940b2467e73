// Cluster to envoy.config.cluster.v3.Cluster; the mirror of decode/cluster.ts.
import type { CallName, Cluster, ClusterDiscovery, DnsDiscovery, EndpointSocket, LbPolicy } from '../model/cluster.ts';
import { encodeCommonOptions, encodeHttp2Options } from './connection-life.ts';
import { encodeClusterEndpoints } from './endpoints.ts';
import type { Pack } from './pack.ts';
import { encodeUpstreamTls } from './tls.ts';
import { encodeDuration, encodeLabels, encodeWrapper, sameStream } from './values.ts';

const rawBuffer = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Throws on a cluster of kind `unsupported`: that is what a decoder makes of something it cannot express. */
export function encodeCluster(cluster: Cluster, pack: Pack): object {
  return {
    name: cluster.name,
    ...encodeDiscovery(cluster.name, cluster.discovery),
    connect_timeout: encodeDuration(cluster.connectTimeoutMs),
    ...encodeLbPolicy(cluster.lbPolicy),
    common_lb_config: {
      healthy_panic_threshold: { value: cluster.panicPercent },
      ...(cluster.localityWeighted ? { locality_weighted_lb_config: {} } : {}),
      consistent_hashing_lb_config: encodeHashKey(cluster.lbPolicy),
    },
    circuit_breakers:
      cluster.maxRequests === null
        ? null
        : { thresholds: [{ priority: 'DEFAULT', max_requests: encodeWrapper(cluster.maxRequests) }] },
    // Outrigger and gRPC speak HTTP/2 anyway; Envoy needs to be told.
    typed_extension_protocol_options: {
      [httpOptions]: pack(httpOptions, {
        common_http_protocol_options: encodeCommonOptions(cluster.connectionLife),
        upstream_http_protocol_options: encodeCallName(cluster.callName),
        explicit_http_config: { http2_protocol_options: encodeHttp2Options(cluster.connectionLife) },
      }),
    },
    transport_socket: cluster.tls === null ? null : encodeUpstreamTls(cluster.tls, pack),
    transport_socket_matches: (cluster.socketMatches ?? []).map(({ name, labels, socket }) => ({
      name,
      match: encodeLabels(labels),
      transport_socket: encodeSocket(cluster.name, socket, pack),
    })),
  };
}

function encodeCallName(name: CallName | undefined): object | null {
  if (name === undefined) return null;
  const { header, isSni, isChecked } = name;
  return { auto_sni: isSni, auto_san_validation: isChecked, override_auto_sni_header: header ?? '' };
}

function encodeSocket(cluster: string, socket: EndpointSocket, pack: Pack): object {
  switch (socket.kind) {
    case 'clear':
      return { name: 'envoy.transport_sockets.raw_buffer', typed_config: pack(rawBuffer, {}) };
    case 'tls':
      return encodeUpstreamTls(socket.tls, pack);
    case 'unsupported':
      throw new TypeError(`cluster ${cluster} cannot be encoded: ${socket.reason}`);
  }
}

function encodeLbPolicy(policy: LbPolicy): object {
  switch (policy.kind) {
    case 'round-robin':
      return { lb_policy: 'ROUND_ROBIN' };
    case 'random':
      return { lb_policy: 'RANDOM' };
    case 'least-request':
      return { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: encodeWrapper(policy.choices) } };
    case 'ring-hash':
      return {
        lb_policy: 'RING_HASH',
        ring_hash_lb_config: {
          minimum_ring_size: encodeWrapper(policy.minSize),
          maximum_ring_size: encodeWrapper(policy.maxSize),
        },
      };
    case 'maglev':
      return { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: encodeWrapper(policy.tableSize) } };
  }
}

function encodeHashKey(policy: LbPolicy): object | null {
  return 'key' in policy && policy.key === 'hostname' ? { use_hostname_for_hashing: true } : null;
}

function encodeDiscovery(cluster: string, discovery: ClusterDiscovery): object {
  switch (discovery.kind) {
    case 'eds':
      return { type: 'EDS', eds_cluster_config: { eds_config: sameStream, service_name: discovery.serviceName } };
    case 'static':
      return { type: 'STATIC', load_assignment: encodeClusterEndpoints(discovery.endpoints) };
    case 'strict-dns':
    case 'logical-dns':
      return {
        type: discovery.kind === 'strict-dns' ? 'STRICT_DNS' : 'LOGICAL_DNS',
        load_assignment: encodeClusterEndpoints(discovery.endpoints),
        dns_refresh_rate: encodeDuration(discovery.refreshMs),
        dns_lookup_family: encodeFamily(discovery.family),
        respect_dns_ttl: discovery.respectTtl ?? false,
        dns_failure_refresh_rate: encodeFailureRefresh(discovery),
      };
    case 'unsupported':
      throw new TypeError(`cluster ${cluster} cannot be encoded: ${discovery.reason}`);
  }
}

function encodeFamily(family: DnsDiscovery['family']): string {
  switch (family) {
    case 'v4':
      return 'V4_ONLY';
    case 'v6':
      return 'V6_ONLY';
    case 'v4-first':
      return 'V4_PREFERRED';
    case undefined:
      return 'ALL';
  }
}

function encodeFailureRefresh({ failureRefresh: rate }: DnsDiscovery): object | null {
  if (rate === undefined) return null;
  return { base_interval: encodeDuration(rate.baseMs), max_interval: encodeDuration(rate.maxMs) };
}
