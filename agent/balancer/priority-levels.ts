// The endpoints of a cluster by priority, counted by health.
import type { Endpoint, EndpointHealth, LocalityEndpoints } from '../../xds/model/endpoints.ts';
import type { PriorityHealth } from './priority-load.ts';

export interface Member {
  /** In the flat list of all endpoints. */
  readonly index: number;
  readonly endpoint: Endpoint;
}

export interface Locality {
  readonly weight: number;
  readonly members: readonly Member[];
}

export interface PriorityLevel {
  readonly localities: readonly Locality[];
  readonly health: PriorityHealth;
}

/** Localities by priority, highest first. */
export function priorityLevels(localities: readonly LocalityEndpoints[]): PriorityLevel[] {
  const byPriority = new Map<number, Locality[]>();
  let index = 0;
  for (const { priority, weight, endpoints } of localities) {
    const level = byPriority.get(priority) ?? [];
    byPriority.set(priority, level);
    level.push({ weight, members: endpoints.map((endpoint) => ({ index: index++, endpoint })) });
  }
  return [...byPriority.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, level]) => {
      const all = level.flatMap((locality) => locality.members);
      return {
        localities: level,
        health: {
          healthy: ofHealth(all, 'healthy').length,
          degraded: ofHealth(all, 'degraded').length,
          total: all.length,
        },
      };
    });
}

export function ofHealth(members: readonly Member[], health: EndpointHealth): readonly Member[] {
  return members.filter(({ endpoint }) => endpoint.health === health);
}
