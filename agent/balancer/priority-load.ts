// Which share of the calls each priority gets, and which of its endpoints they may go to, by how many are healthy.
// Source: Envoy's load balancing documentation (priority levels, degraded endpoints, panic threshold), as observed in
// reference envoy-behaviours section 9.

/** Endpoints of one priority, counted by health. */
export interface PriorityHealth {
  readonly healthy: number;
  readonly degraded: number;
  readonly total: number;
}

/** Percent of all calls for one priority. `panic`: it no longer looks at health. */
export interface PriorityLoad {
  readonly healthyPercent: number;
  readonly degradedPercent: number;
  readonly panic: boolean;
}

/** When health counts, and how much. */
export interface HealthThresholds {
  /** A priority counts as whole while its well endpoints, inflated to this percentage, are all. 100 or more. */
  readonly overprovisioningPercent: number;
  /** Below this share of well endpoints health says more about the health check than about the endpoints. 0: never. */
  readonly panicPercent: number;
}

/** What remains of a set of which `count` of `total` are well, in whole percent: 100 while overprovisioning covers it. */
export function availabilityPercent(count: number, total: number, overprovisioningPercent: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((overprovisioningPercent * count) / total));
}

/** Loads by priority, highest first; they sum to 100 unless there is no endpoint at all. */
export function priorityLoads(priorities: readonly PriorityHealth[], thresholds: HealthThresholds): PriorityLoad[] {
  const { overprovisioningPercent, panicPercent } = thresholds;
  const healthy = priorities.map(({ healthy, total }) => availabilityPercent(healthy, total, overprovisioningPercent));
  const degraded = priorities.map(({ degraded, total }) =>
    availabilityPercent(degraded, total, overprovisioningPercent),
  );
  const available = Math.min(100, sum(healthy) + sum(degraded));
  if (available === 0) return panicPercent === 0 ? priorities.map(() => NO_LOAD) : loadsBySize(priorities);

  let remaining = 100;
  const take = (percent: number): number => {
    const taken = Math.min(remaining, Math.floor((percent * 100) / available));
    remaining -= taken;
    return taken;
  };
  // Degraded endpoints get what the healthy ones of all priorities can't carry.
  const healthyPercents = healthy.map(take);
  const degradedPercents = degraded.map(take);
  giveRest(healthyPercents, degradedPercents, remaining);
  return priorities.map((priority, at) => ({
    healthyPercent: healthyPercents[at]!,
    degradedPercent: degradedPercents[at]!,
    panic: available < 100 && isInPanic(priority, panicPercent),
  }));
}

const NO_LOAD: PriorityLoad = { healthyPercent: 0, degradedPercent: 0, panic: false };

/** Nobody is well: every endpoint gets the same. */
function loadsBySize(priorities: readonly PriorityHealth[]): PriorityLoad[] {
  const all = sum(priorities.map(({ total }) => total));
  const percents = priorities.map(({ total }) => (all === 0 ? 0 : (100 * total) / all));
  return percents.map((percent) => ({ healthyPercent: percent, degradedPercent: 0, panic: true }));
}

/** What rounding left over goes to the highest priority that has a share already. */
function giveRest(healthyPercents: number[], degradedPercents: number[], rest: number): void {
  for (const percents of [healthyPercents, degradedPercents]) {
    const at = percents.findIndex((percent) => percent > 0);
    if (at === -1) continue;
    percents[at]! += rest;
    return;
  }
}

function isInPanic({ healthy, degraded, total }: PriorityHealth, panicPercent: number): boolean {
  return total > 0 && 100 * (healthy + degraded) < panicPercent * total;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
