// Figures of a bench that never ran.
import type { Figure, RunRecord } from '../../bench/figure.ts';

/** Of Outrigger at 10 x 50 in the first round, with nothing measured but what is named. */
export function figure(named: Partial<Figure>): Figure {
  return {
    load: '10x50',
    proxy: 'outrigger',
    round: 1,
    units: 1000,
    cpuUs: null,
    coreShare: null,
    callsPerSecond: null,
    meanMs: null,
    p50Ms: null,
    p99Ms: null,
    p999Ms: null,
    failed: 0,
    residentMiB: null,
    perConnectionKiB: null,
    ...named,
  };
}

export function recordOf(figures: readonly Figure[], missing: readonly string[] = []): RunRecord {
  return {
    figures,
    facts: {
      began: '2030-01-02T03:04:05.000Z',
      minutes: 30,
      machine: '2 cores',
      command: 'npm run bench',
      isWhole: true,
      rounds: 5,
      versions: ['Node 26.0.0'],
      missing,
      foreignCores: [0.01],
    },
  };
}
