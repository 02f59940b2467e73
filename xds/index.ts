// The public surface of the xDS client (`outrigger/xds`).
//
//   const client = new XdsClient({ bootstrap, transport: createGrpcTransport, log });
//   const manager = new DependencyManager({ client, resolve, onUpdate, onReady, log });
//   manager.start();
//   client.start();

export { parseBootstrap } from './bootstrap.ts';
export type { XdsClientOptions } from './client.ts';
export type { ControlPlaneStatus, ResourceStateWord, ResourceStatus, ServerCounts } from './client-status.ts';
export { ConfigCache, type ConfigCacheOptions } from './config-cache.ts';
export type { ConfigDump, ResourceDump } from './config-dump.ts';
export type { UnsupportedPolicy } from './decode/validation.ts';
export { DependencyManager, type DependencyManagerOptions, type ResourceSource } from './dependency-manager.ts';
export type { ResolvedHost, ResolveHost } from './dns-endpoints.ts';
export type { Log, SetTimer } from './environment.ts';
export { isEnvoyBootstrap, type ParsedEnvoyBootstrap, parseEnvoyBootstrap } from './envoy-bootstrap.ts';
export {
  isStaticBootstrap,
  type ParsedStaticBootstrap,
  parseStaticBootstrap,
  parseStaticResources,
} from './envoy-static.ts';
export type { EnvoySources } from './envoy-tls.ts';
export { XdsError, type XdsErrorCode } from './errors.ts';
export { LayeredResources, type LayeredResourcesOptions } from './layered-resources.ts';
export { LocalResources } from './local-resources.ts';
export type { SocketAddress } from './model/address.ts';
export type {
  AdsModePolicy,
  Authority,
  Bootstrap,
  MetadataSource,
  NodeIdentity,
  ParsedBootstrap,
  PemSource,
  ServerConfig,
  ServerCredentials,
  TlsFiles,
} from './model/bootstrap.ts';
export type { Cluster, ClusterDiscovery, LbPolicy } from './model/cluster.ts';
export type { ClusterEndpoints, Endpoint, LocalityEndpoints } from './model/endpoints.ts';
export type { FilterChain, HttpConnectionManager, Listener } from './model/listener.ts';
export type {
  ConfigUpdate,
  Resource,
  ResourceName,
  ResourceType,
  ServingResource,
  ServingType,
} from './model/resource.ts';
export type { Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost } from './model/route.ts';
export type { Secret } from './model/secret.ts';
export type { DownstreamTls, TlsCertificates, UpstreamTls } from './model/tls.ts';
export { OnDemandSource, type OnDemandSourceOptions } from './on-demand-source.ts';
export type { SavedConfig, SavedResource } from './saved-config.ts';
export { SecretSources, type SecretSourcesOptions } from './secret-sources.ts';
export { resolveHost } from './system-dns.ts';
export {
  createGrpcTransport,
  type GrpcTransportOptions,
  type StreamEvents,
  type StreamStatus,
  type Transport,
  type TransportStream,
} from './transport.ts';
export type { ResourceWatcher, WildcardWatcher } from './watchers.ts';
export { XdsClient } from './xds-client.ts';
