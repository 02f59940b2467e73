// Each agent: does it answer, is it ready, does it hear the control plane, which configuration it runs.

import type { MeshAgent } from '../../agent/admin/mesh-snapshot.ts';
import { agentCondition } from './agent-condition.ts';
import { shortVersion } from './number-format.ts';
import type { ServiceColours } from './service-colours.ts';
import './styles/agents.css';

interface Properties {
  readonly agents: readonly MeshAgent[];
  readonly colours: ServiceColours;
}

export function Agents({ agents, colours }: Properties) {
  return (
    <table class="agents">
      <thead>
        <tr>
          <th scope="col">Agent</th>
          <th scope="col">State</th>
          <th scope="col">Control plane</th>
          <th scope="col">Config</th>
        </tr>
      </thead>
      <tbody>
        {agents.map((agent) => {
          const { state, words } = agentCondition(agent);
          return (
            <tr key={agent.name}>
              <th scope="row" title={`node id ${agent.nodeId}`}>
                <span class="swatch" style={{ color: colours(agent.services[0] ?? '') }} />
                {agent.name}
              </th>
              <td colSpan={agent.reachable ? 1 : 2}>
                <span class={`state is-${state}`} />
                {agent.reachable && agent.ready ? 'ready' : words}
              </td>
              {agent.reachable && (
                <td>
                  <span class={`state is-${agent.controlPlaneConnected ? 'good' : 'warn'}`} />
                  {agent.controlPlaneConnected ? 'connected' : 'lost'}
                </td>
              )}
              <td title={agent.configVersion}>{shortVersion(agent.configVersion) || '–'}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
