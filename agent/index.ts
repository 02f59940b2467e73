// The library's public face: what `import … from 'outrigger'` gives.
export type { Cluster } from '../xds/model/cluster.ts';
export type { ClusterEndpoints } from '../xds/model/endpoints.ts';
export type { Listener } from '../xds/model/listener.ts';
export type { ConfigUpdate, Resource, ResourceName } from '../xds/model/resource.ts';
export type { RouteConfiguration } from '../xds/model/route.ts';
export { Agent, type AgentEnd, type AgentOptions } from './agent.ts';
export { DataPlane } from './data-plane.ts';
export {
  type DirectorAnswer,
  type DirectorFunction,
  type Forward,
  type ForwardOptions,
  type ForwardTo,
  type Reject,
  type Retry,
  reject,
} from './director/director-answer.ts';
export type { DirectorCall, Peer, PeerTls } from './director/director-call.ts';
export { Metadata, type MetadataValue } from './grpc/metadata.ts';
export { status, statusName } from './grpc/status.ts';
export type { TargetTls } from './grpc/target.ts';
export type { ListenOptions, ListenTls } from './library/listen-options.ts';
export {
  type ClusterOptions,
  createProxy,
  type ProxiedMethods,
  type ProxyOptions,
  type ProxyServer,
} from './library/proxy-server.ts';
export type { DataPlaneSettings, Down, Up } from './link.ts';
export type { LocalGrpcServer } from './local/local-server.ts';
export type {
  CallObserver,
  CallTrace,
  FailureSource,
  ObservedAttempt,
  ObservedCall,
  ResponseFlag,
} from './observe/call-observer.ts';
export type { Log, LogLevel } from './observe/log.ts';
