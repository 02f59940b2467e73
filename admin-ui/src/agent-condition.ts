// How an agent is, in the two or three words that fit into a box.

import type { MeshAgent } from '../../agent/admin/mesh-snapshot.ts';

export interface AgentCondition {
  readonly state: 'good' | 'warn' | 'bad';
  readonly words: string;
}

/** The worst that is known about one agent. */
export function agentCondition(agent: MeshAgent): AgentCondition {
  if (!agent.reachable) return { state: 'bad', words: 'not answering' };
  if (!agent.ready) return { state: 'warn', words: 'not ready' };
  // Such an agent serves its last good configuration, so calls go on.
  if (!agent.controlPlaneConnected) return { state: 'warn', words: 'on its own' };
  return { state: 'good', words: 'ready' };
}

/** The worst of several agents that stand beside one service. */
export function worstCondition(agents: readonly MeshAgent[]): AgentCondition {
  const conditions = agents.map(agentCondition);
  const worst = conditions.find(({ state }) => state === 'bad') ?? conditions.find(({ state }) => state === 'warn');
  return worst ?? conditions[0] ?? { state: 'warn', words: 'unknown' };
}
