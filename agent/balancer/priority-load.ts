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

/** A priority counts as whole while 1/1.4 of its endpoints are well; Envoy's default. */
const OVERPROVISIONING_PERCENT = 140;
/** Below this share of well endpoints health says more about the health check than about the endpoints. */
const PANIC_PERCENT = 50;

/** What remains of a set of which `count` of `total` are well, in whole percent: 100 while overprovisioning covers it. */
export function availabilityPercent(count: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((OVERPROVISIONING_PERCENT * count) / total));
}

/** Loads by priority, highest first; they sum to 100 unless there is no endpoint at all. */
export function priorityLoads(priorities: readonly PriorityHealth[]): PriorityLoad[] {
  const healthy = priorities.map(({ healthy, total }) => availabilityPercent(healthy, total));
  const degraded = priorities.map(({ degraded, total }) => availabilityPercent(degraded, total));
  const available = Math.min(100, sum(healthy) + sum(degraded));
  if (available === 0) return loadsBySize(priorities);

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
    panic: available < 100 && isInPanic(priority),
  }));
}

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

function isInPanic({ healthy, degraded, total }: PriorityHealth): boolean {
  return total > 0 && 100 * (healthy + degraded) < PANIC_PERCENT * total;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
