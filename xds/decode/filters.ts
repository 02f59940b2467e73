// Which filters may be skipped without changing what a gRPC call gets, known by the type of their configuration.

/** Network and listener filters that only look on, or prepare what we do by ourselves. */
const harmlessFilters = new Set([
  // Istio's exchange of workload metadata for its own statistics (control-planes.md section 2.1).
  'envoy.tcp.metadataexchange.config.MetadataExchange',
  'io.istio.tcp.peer_metadata.Config',
  'stats.PluginConfig',
  // Our listeners look at as much of a connection as their chains ask for.
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
]);

/** HTTP filters of which the same holds. */
const harmlessHttpFilters = new Set([
  'envoy.extensions.filters.http.router.v3.Router',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  // For browsers and HTTP/1.1 clients; a gRPC call passes them unchanged.
  'envoy.extensions.filters.http.cors.v3.Cors',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
  'envoy.extensions.filters.http.grpc_http1_bridge.v3.Config',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  'io.istio.http.peer_metadata.Config',
  'stats.PluginConfig',
]);

/** Filters that do nothing while their configuration is empty: each of Istio's chains has such a fault filter. */
const harmlessWhenEmpty = new Set(['envoy.extensions.filters.http.fault.v3.HTTPFault']);

export const routerType = 'envoy.extensions.filters.http.router.v3.Router';

export function isHarmlessFilter(configType: string): boolean {
  return harmlessFilters.has(configType);
}

export function isHarmlessHttpFilter(configType: string, configBytes: number): boolean {
  return harmlessHttpFilters.has(configType) || (configBytes === 0 && harmlessWhenEmpty.has(configType));
}

/** What routes say of filters that are harmless themselves. */
const harmlessOverrides = new Set(['io.istio.http.peer_metadata.Config', 'stats.PluginConfig']);

export function isHarmlessOverride(configType: string): boolean {
  return harmlessOverrides.has(configType);
}
