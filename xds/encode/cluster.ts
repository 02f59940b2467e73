// Cluster to envoy.config.cluster.v3.Cluster; the mirror of decode/cluster.ts.
import type { Cluster, ClusterDiscovery } from '../model/cluster.ts';
import { encodeClusterEndpoints } from './endpoints.ts';
import type { Pack } from './pack.ts';
import { encodeUpstreamTls } from './tls.ts';
import { encodeDuration, encodeWrapper, sameStream } from './values.ts';

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Throws on a cluster of kind `unsupported`: that is what a decoder makes of something it cannot express. */
export function encodeCluster(cluster: Cluster, pack: Pack): object {
  return {
    name: cluster.name,
    ...encodeDiscovery(cluster.name, cluster.discovery),
    connect_timeout: encodeDuration(cluster.connectTimeoutMs),
    lb_policy: 'ROUND_ROBIN',
    common_lb_config: cluster.localityWeighted ? { locality_weighted_lb_config: {} } : null,
    circuit_breakers:
      cluster.maxRequests === null
        ? null
        : { thresholds: [{ priority: 'DEFAULT', max_requests: encodeWrapper(cluster.maxRequests) }] },
    // Outrigger and gRPC speak HTTP/2 anyway; Envoy needs to be told.
    typed_extension_protocol_options: {
      [httpOptions]: pack(httpOptions, { explicit_http_config: { http2_protocol_options: {} } }),
    },
    transport_socket: cluster.tls === null ? null : encodeUpstreamTls(cluster.tls, pack),
  };
}

function encodeDiscovery(cluster: string, discovery: ClusterDiscovery): object {
  switch (discovery.kind) {
    case 'eds':
      return { type: 'EDS', eds_cluster_config: { eds_config: sameStream, service_name: discovery.serviceName } };
    case 'static':
      return { type: 'STATIC', load_assignment: encodeClusterEndpoints(discovery.endpoints) };
    case 'strict-dns':
      return {
        type: 'STRICT_DNS',
        load_assignment: encodeClusterEndpoints(discovery.endpoints),
        dns_refresh_rate: encodeDuration(discovery.refreshMs),
      };
    case 'unsupported':
      throw new TypeError(`cluster ${cluster} cannot be encoded: ${discovery.reason}`);
  }
}
