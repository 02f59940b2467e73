// Compiles the endpoints of a cluster into a balancer: priorities take turns by their load, localities within them by
// weight where the cluster says so, and the cluster's policy picks an endpoint within those.
import type { Cluster } from '../../xds/model/cluster.ts';
import type { ClusterEndpoints, Endpoint } from '../../xds/model/endpoints.ts';
import type { Balancer } from './balancer.ts';
import { createLeafPicker, type Leaf, type LeafOptions } from './create-picker.ts';
import { randomHash } from './hash.ts';
import { HashTurns } from './hash-picker.ts';
import { type Picker, takeTurns, type Usable, type Weighted } from './picker.ts';
import { type Locality, ofHealth, priorityLevels } from './priority-levels.ts';
import { availabilityPercent, type HealthThresholds, priorityLoads } from './priority-load.ts';

export interface EndpointBalancer extends Balancer {
  /** What `pick` answers an index of. */
  readonly endpoints: readonly Endpoint[];
}

export interface BalancerOptions {
  /** Uniform in [0, 1). Round robin uses it only for where each round begins; what follows is exact (envoy-behaviours 9.8). */
  readonly random: () => number;
  /** Calls under way at an endpoint, by its index in the flat list. */
  readonly activeOf: (endpoint: number) => number;
}

export function createBalancer(
  cluster: Pick<Cluster, 'lbPolicy' | 'localityWeighted' | 'panicPercent'>,
  resource: ClusterEndpoints,
  { random, activeOf }: BalancerOptions,
): EndpointBalancer {
  const flat = resource.localities.flatMap((locality) => locality.endpoints);
  const levels = priorityLevels(resource.localities);
  const thresholds: HealthThresholds = {
    overprovisioningPercent: resource.overprovisioningPercent,
    panicPercent: cluster.panicPercent,
  };
  const loads = priorityLoads(
    levels.map((level) => level.health),
    thresholds,
  );
  const leaf: LeafOptions = { policy: cluster.lbPolicy, random, activeOf };
  const isHashed = cluster.lbPolicy.kind === 'ring-hash' || cluster.lbPolicy.kind === 'maglev';
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
      const leaves = leavesOf(localities.flatMap((locality) => locality.members));
      const all = isHashed ? mergeGroups([{ weight: 1, leaves }]) : leaves;
      add(reserveOfHealthy, healthyPercent + degradedPercent, createLeafPicker(all, leaf));
      return;
    }
    const pickerOf = (health: 'healthy' | 'degraded'): Picker | null => {
      const groups = groupsOf(localities, health, cluster.localityWeighted, thresholds.overprovisioningPercent);
      return isHashed ? createLeafPicker(mergeGroups(groups), leaf) : turnsOfGroups(groups, leaf);
    };
    add(reserveOfHealthy, healthyPercent, pickerOf('healthy'));
    add(reserveOfDegraded, degradedPercent, pickerOf('degraded'));
  });
  const reserves = [...reserveOfHealthy, ...reserveOfDegraded];
  if (reserves.length === 0) return { endpoints: flat, pick: () => -1 };
  return isHashed
    ? new PriorityBalancer(flat, new HashTurns(turns), reserves, () => randomHash(random))
    : new PriorityBalancer(flat, takeTurns(turns, random), reserves, noHash);
}

class PriorityBalancer implements EndpointBalancer {
  readonly endpoints: readonly Endpoint[];
  readonly #turns: Picker;
  /** Where calls go when those whose turn it is have nothing usable: the healthy of each priority, then the degraded. */
  readonly #reserves: readonly Picker[];
  readonly #anyHash: () => bigint;

  constructor(endpoints: readonly Endpoint[], turns: Picker, reserves: readonly Picker[], anyHash: () => bigint) {
    this.endpoints = endpoints;
    this.#turns = turns;
    this.#reserves = reserves;
    this.#anyHash = anyHash;
  }

  pick(usable: Usable, callHash: bigint | null): number {
    const hash = callHash ?? this.#anyHash();
    const picked = this.#turns.pick(usable, hash);
    if (picked !== -1) return picked;
    for (let i = 0; i < this.#reserves.length; i++) {
      const spare = this.#reserves[i]!.pick(usable, hash);
      if (spare !== -1) return spare;
    }
    // No other is to be had: then the one whose turn it is, usable or not.
    return this.#turns.pick(always, hash);
  }
}

/** The endpoints of one locality that take calls, and the weight of the locality among the others. */
interface Group {
  readonly weight: number;
  readonly leaves: readonly Leaf[];
}

/** The endpoints of one health in one priority, by locality where these have weights, else as one. */
function groupsOf(
  localities: readonly Locality[],
  health: 'healthy' | 'degraded',
  localityWeighted: boolean,
  overprovisioningPercent: number,
): readonly Group[] {
  const groups = localities.map(({ weight, members }): Group => {
    const well = ofHealth(members, health);
    // A locality loses weight as it loses endpoints, so that the rest of it is not overrun.
    const left = availabilityPercent(well.length, members.length, overprovisioningPercent);
    return { weight: weight * left, leaves: leavesOf(well) };
  });
  const weighted = localityWeighted ? groups.filter((group) => group.weight > 0 && group.leaves.length > 0) : [];
  // Where no locality has a weight, weighing them would leave nothing: they are one set, as in Envoy.
  return weighted.length > 0 ? weighted : [{ weight: 1, leaves: groups.flatMap(({ leaves }) => leaves) }];
}

function turnsOfGroups(groups: readonly Group[], leaf: LeafOptions): Picker | null {
  const turns = groups.flatMap(({ weight, leaves }): Weighted<Picker>[] => {
    const picker = createLeafPicker(leaves, leaf);
    return picker === null ? [] : [{ member: picker, weight }];
  });
  return turns.length === 0 ? null : takeTurns(turns, leaf.random);
}

/**
 * One set of endpoints whose weights give each locality its share: a hash knows no turns. They sum to 1, rounded as Envoy
 * rounds them, since one rounding more may be one point more on a ring.
 */
function mergeGroups(groups: readonly Group[]): readonly Leaf[] {
  const all = groups.reduce((sum, { weight }) => sum + weight, 0);
  return groups.flatMap(({ weight, leaves }) => {
    const total = leaves.reduce((sum, { weight: own }) => sum + own, 0);
    return leaves.map((member) => ({ ...member, weight: (member.weight * (weight / all)) / total }));
  });
}

function leavesOf(members: Locality['members']): readonly Leaf[] {
  return members.map(({ index, endpoint }) => ({ index, endpoint, weight: endpoint.weight }));
}

function always(): boolean {
  return true;
}

function noHash(): bigint {
  return 0n;
}
