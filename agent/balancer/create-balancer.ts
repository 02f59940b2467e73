// Compiles the endpoints of a cluster into a balancer: priorities take turns by their load, localities within them by
// weight where the cluster says so, endpoints within those by weight.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints, Endpoint, EndpointHealth, LocalityEndpoints } from '../../xds/model/endpoints.ts';
import type { Balancer } from './balancer.ts';
import { type Picker, pickEndpoint, takeTurns, type Usable, type Weighted } from './picker.ts';
import { availabilityPercent, priorityLoads } from './priority-load.ts';

export interface EndpointBalancer extends Balancer {
  /** What `pick` answers an index of. */
  readonly endpoints: readonly Endpoint[];
}

/**
 * @param random uniform in [0, 1): only for where each round begins; what follows is exact (envoy-behaviours 9.8).
 */
export function createBalancer(
  cluster: Pick<Cluster, 'lbPolicy' | 'localityWeighted'>,
  endpoints: ClusterEndpoints,
  random: () => number,
): EndpointBalancer {
  const flat = endpoints.localities.flatMap((locality) => locality.endpoints);
  const levels = priorityLevels(endpoints.localities);
  const loads = priorityLoads(levels.map((level) => level.health));
  const turns: Weighted<Picker>[] = [];
  const reserveOfHealthy: Picker[] = [];
  const reserveOfDegraded: Picker[] = [];
  levels.forEach(({ localities }, at) => {
    const { healthyPercent, degradedPercent, panic } = loads[at]!;
    const add = (reserve: Picker[], percent: number, picker: Picker | null): void => {
      if (picker === null) return;
      turns.push({ member: picker, weight: percent });
      reserve.push(picker);
    };
    if (panic) {
      const all = localities.flatMap((locality) => locality.members);
      add(reserveOfHealthy, healthyPercent + degradedPercent, flatPicker(all, random));
      return;
    }
    const { localityWeighted } = cluster;
    add(reserveOfHealthy, healthyPercent, levelPicker(localities, 'healthy', localityWeighted, random));
    add(reserveOfDegraded, degradedPercent, levelPicker(localities, 'degraded', localityWeighted, random));
  });
  const reserves = [...reserveOfHealthy, ...reserveOfDegraded];
  if (reserves.length === 0) return { endpoints: flat, pick: () => -1 };
  return new PriorityBalancer(flat, takeTurns(turns, random), reserves);
}

class PriorityBalancer implements EndpointBalancer {
  readonly endpoints: readonly Endpoint[];
  readonly #turns: Picker;
  /** Where calls go when those whose turn it is have nothing usable: the healthy of each priority, then the degraded. */
  readonly #reserves: readonly Picker[];

  constructor(endpoints: readonly Endpoint[], turns: Picker, reserves: readonly Picker[]) {
    this.endpoints = endpoints;
    this.#turns = turns;
    this.#reserves = reserves;
  }

  pick(usable: Usable): number {
    const picked = this.#turns.pick(usable);
    if (picked !== -1) return picked;
    for (let i = 0; i < this.#reserves.length; i++) {
      const spare = this.#reserves[i]!.pick(usable);
      if (spare !== -1) return spare;
    }
    // No other is to be had: then the one whose turn it is, usable or not.
    return this.#turns.pick(always);
  }
}

interface Member {
  readonly index: number;
  readonly endpoint: Endpoint;
}

interface Locality {
  readonly weight: number;
  readonly members: readonly Member[];
}

interface PriorityLevel {
  readonly localities: readonly Locality[];
  readonly health: { readonly healthy: number; readonly degraded: number; readonly total: number };
}

/** Localities by priority, highest first. */
function priorityLevels(localities: readonly LocalityEndpoints[]): PriorityLevel[] {
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
        health: { healthy: countOf(all, 'healthy'), degraded: countOf(all, 'degraded'), total: all.length },
      };
    });
}

/** The endpoints of one health in one priority; `null` when there are none. */
function levelPicker(
  localities: readonly Locality[],
  health: EndpointHealth,
  localityWeighted: boolean,
  random: () => number,
): Picker | null {
  if (!localityWeighted) {
    return flatPicker(
      localities.flatMap((locality) => ofHealth(locality.members, health)),
      random,
    );
  }
  // A locality loses weight as it loses endpoints, so that the rest of it is not overrun.
  const turns = localities.flatMap(({ weight, members }): Weighted<Picker>[] => {
    const well = ofHealth(members, health);
    const effective = weight * availabilityPercent(well.length, members.length);
    const picker = effective === 0 ? null : flatPicker(well, random);
    return picker === null ? [] : [{ member: picker, weight: effective }];
  });
  // Where no locality has a weight, weighing them would leave nothing: they are one round robin, as in Envoy.
  return turns.length === 0 ? levelPicker(localities, health, false, random) : takeTurns(turns, random);
}

function flatPicker(members: readonly Member[], random: () => number): Picker | null {
  if (members.length === 0) return null;
  return pickEndpoint(
    members.map(({ index, endpoint }) => ({ member: index, weight: endpoint.weight })),
    random,
  );
}

function ofHealth(members: readonly Member[], health: EndpointHealth): readonly Member[] {
  return members.filter(({ endpoint }) => endpoint.health === health);
}

function countOf(members: readonly Member[], health: EndpointHealth): number {
  return ofHealth(members, health).length;
}

function always(): boolean {
  return true;
}
