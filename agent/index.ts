// The library's public face: what `import … from 'outrigger'` gives.
export type { Cluster } from '../xds/model/cluster.ts';
export type { ClusterEndpoints } from '../xds/model/endpoints.ts';
export type { Listener } from '../xds/model/listener.ts';
export type { ConfigUpdate, Resource, ResourceName } from '../xds/model/resource.ts';
export type { RouteConfiguration } from '../xds/model/route.ts';
export { Agent, type AgentEnd, type AgentOptions } from './agent.ts';
export { DataPlane } from './data-plane.ts';
export { status, statusName } from './grpc/status.ts';
export type { DataPlaneSettings, Down, Up } from './link.ts';
