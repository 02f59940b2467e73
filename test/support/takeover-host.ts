// A host on which agents follow each other: a control plane, an endpoint, and the Unix socket at which they take over.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createXdsServer, type XdsServer } from '../../xds/server/xds-server.ts';
import { type AgentProcess, startAgentProcess } from './agent-process.ts';
import { startEchoServer } from './echo-service.ts';
import { plainMesh } from './resources.ts';

export interface TakeoverHost {
  /** Where they take over. */
  readonly socket: string;
  readonly controlPlane: XdsServer;
  /** What node `client` is served: a listener `echo` on a free port, to one endpoint. */
  readonly resources: ReturnType<typeof plainMesh>;
  /** Resolves when it may be taken over: at once, or when it has taken over itself. Default node: `client`. */
  readonly start: (args?: readonly string[], node?: string) => Promise<AgentProcess>;
}

export async function startTakeoverHost(t: ExecutionContext): Promise<TakeoverHost> {
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-'));
  const socket = join(folder, 'takeover');
  const server = await startEchoServer();
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  const resources = plainMesh('echo', 'outbound', [server.port]);
  controlPlane.setSnapshot('client', resources);
  const agents: AgentProcess[] = [];
  t.teardown(async () => {
    for (const agent of agents) agent.kill('SIGKILL');
    await controlPlane.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    socket,
    controlPlane,
    resources,
    start: async (args = [], node = 'client') => {
      const agent = await startAgentProcess({ xdsPort, node, args: ['--takeover', socket, ...args] });
      agents.push(agent);
      await agent.line(({ msg }) => msg === 'another agent may take over');
      return agent;
    },
  };
}
