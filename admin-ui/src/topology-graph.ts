// What the picture of the mesh shows, before it has a place on the screen: services in the order calls reach them, and
// how many calls a second pass between their parts.

import type { MeshAgent, MeshEdge, MeshEndpoint, MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';

export interface TopologyEndpoint extends MeshEndpoint {
  /** Position of its version among those of its service: the shade it is drawn in. */
  readonly versionIndex: number;
}

export interface TopologyService {
  readonly name: string;
  /** How many services a call passes before it gets here; the column of the picture. */
  readonly rank: number;
  /** Calls others: its agent then stands in the way out as well as in. */
  readonly isCaller: boolean;
  readonly agents: readonly MeshAgent[];
  readonly endpoints: readonly TopologyEndpoint[];
  readonly arriving: number;
  readonly leaving: number;
}

export interface TopologyGraph {
  readonly services: readonly TopologyService[];
  readonly edges: readonly MeshEdge[];
}

/** The name that edges use for what enters the mesh from outside. */
export const trafficName = 'traffic';

/** Reads the graph out of a snapshot. A circle of services is cut where it closes. */
export function readTopology(snapshot: MeshSnapshot): TopologyGraph {
  const ranks = rankServices(snapshot);
  const total = (edges: readonly MeshEdge[]) => edges.reduce((sum, edge) => sum + edge.callsPerSecond, 0);
  const services = snapshot.services.map(({ name, endpoints }): TopologyService => {
    const versions = [...new Set(endpoints.map(({ version }) => version))];
    const leaving = snapshot.edges.filter(({ from }) => from === name);
    return {
      name,
      rank: ranks.get(name) ?? 0,
      isCaller: leaving.length > 0,
      agents: snapshot.agents.filter((agent) => agent.services.includes(name)),
      endpoints: endpoints.map((endpoint) => ({ ...endpoint, versionIndex: versions.indexOf(endpoint.version) })),
      arriving: total(snapshot.edges.filter(({ to }) => to === name)),
      leaving: total(leaving),
    };
  });
  return { services: services.sort((a, b) => a.rank - b.rank), edges: snapshot.edges };
}

function rankServices({ services, edges }: MeshSnapshot): Map<string, number> {
  const ranks = new Map<string, number>();
  const visit = (name: string, rank: number, path: ReadonlySet<string>) => {
    if (path.has(name) || rank <= (ranks.get(name) ?? -1)) return;
    ranks.set(name, rank);
    for (const edge of edges) if (edge.from === name) visit(edge.to, rank + 1, new Set([...path, name]));
  };
  const called = new Set(edges.filter(({ from }) => from !== trafficName).map(({ to }) => to));
  for (const { name } of services) if (!called.has(name)) visit(name, 0, new Set());
  for (const { name } of services) if (!ranks.has(name)) visit(name, 0, new Set());
  return ranks;
}
