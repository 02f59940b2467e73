// What the page is told of the mesh beside the figures: who is in it, which processes run, what the agents have accepted.
import { basename } from 'node:path';
import { formatAddress } from '../../xds/model/address.ts';
import type { ClientReport } from '../../xds/server/xds-server.ts';
import type { MeshDescription } from '../admin/mesh-description.ts';
import type { ServedConfig } from './control-plane.ts';

export interface MeshFacts {
  readonly configFile: string;
  readonly config: ServedConfig;
  readonly clients: readonly ClientReport[];
  readonly parts: readonly { readonly name: string; readonly pid: number | null }[];
}

/**
 * Answers descriptions, one after the other. It remembers which version each agent accepted last, since an agent that
 * is being told the next one still runs that.
 */
export function createMeshDescriber(): (facts: MeshFacts) => MeshDescription {
  const accepted = new Map<string, string>();
  return ({ configFile, config, clients, parts }) => {
    const { mesh } = config;
    for (const { node, types } of clients) {
      const states = Object.values(types);
      if (states.length > 0 && states.every(({ state }) => state === 'acked')) accepted.set(node, config.version);
    }
    return {
      agents: mesh.agents.map(({ name }) => ({
        name,
        nodeId: name,
        services: mesh.services
          .filter(({ instances }) => instances.some(({ behind }) => behind?.agent === name))
          .map((service) => service.name),
        configVersion: accepted.get(name) ?? '',
      })),
      services: mesh.services.map(({ name, instances }) => ({
        name,
        instances: instances.map((instance) => {
          const part = parts.find((candidate) => candidate.name === instance.name);
          return {
            name: instance.name,
            address: formatAddress(instance.app),
            version: instance.version ?? '',
            // What the mesh did not start it knows nothing of, and takes for running.
            up: part === undefined || part.pid !== null,
            pid: part?.pid ?? null,
          };
        }),
      })),
      config: {
        file: basename(configFile),
        version: config.version,
        changedAtMs: config.changedAtMs,
        splits: mesh.services.flatMap(({ name, split }) =>
          split.length === 0 ? [] : [{ service: name, shares: split }],
        ),
        problems: config.problems,
      },
    };
  };
}
