// client -> client agent (outbound) -> server agent (inbound, one listener an endpoint) -> endpoints: the path of every
// call in a mesh, with a real control plane in between. Endpoints are ports; what listens there is the test's matter.
import type { ServingResource } from '../../xds/model/resource.ts';
import { createXdsServer, type XdsServer } from '../../xds/server/xds-server.ts';
import { type AgentProcess, startAgentProcess } from './agent-process.ts';
import { cluster, endpoints, forward, listener, plainMesh, route, routeConfiguration } from './resources.ts';

export interface TwoAgents {
  readonly controlPlane: XdsServer;
  readonly xdsPort: number;
  readonly clientAgent: AgentProcess;
  readonly serverAgent: AgentProcess;
  /** Where a client dials; its `:authority` is `echo`. */
  readonly port: number;
  /** Inbound ports of the server agent, one for each endpoint, in order. */
  readonly inboundPorts: readonly number[];
  /** Tells the client agent which of the inbound ports are endpoints now. */
  setEndpoints(ports: readonly number[]): void;
  stop(): Promise<void>;
}

export interface TwoAgentsOptions {
  /** The authority that the route takes; default `echo`. */
  readonly domain?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
}

export async function startTwoAgents(
  endpointPorts: readonly number[],
  options: TwoAgentsOptions = {},
): Promise<TwoAgents> {
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot(
    'server',
    endpointPorts.flatMap((port, i) => plainMesh(`app-${i}`, 'inbound', [port])),
  );
  const serverAgent = await startAgentProcess({ xdsPort, node: 'server', ...options });
  const inboundPorts = await Promise.all(endpointPorts.map((_, i) => serverAgent.listenerPort(`app-${i}`)));
  const snapshot = (ports: readonly number[]): ServingResource[] => [
    { type: 'cluster', value: cluster('echo') },
    { type: 'endpoints', value: endpoints('echo', ports) },
    { type: 'route', value: routeConfiguration('mesh', { [options.domain ?? 'echo']: [route(forward('echo'))] }) },
    { type: 'listener', value: listener('outbound', 'outbound', 'mesh') },
  ];
  controlPlane.setSnapshot('client', snapshot(inboundPorts));
  const clientAgent = await startAgentProcess({ xdsPort, node: 'client', ...options });
  const port = await clientAgent.listenerPort('outbound');
  return {
    controlPlane,
    xdsPort,
    clientAgent,
    serverAgent,
    port,
    inboundPorts,
    setEndpoints: (ports) => controlPlane.setSnapshot('client', snapshot(ports)),
    stop: async () => {
      clientAgent.kill('SIGKILL');
      serverAgent.kill('SIGKILL');
      await Promise.all([clientAgent.exited, serverAgent.exited]);
      await controlPlane.close();
    },
  };
}
