// java-control-plane with its SimpleCache: the smallest real set of resources, endpoints that change every second.
import type { Judge } from '../conformance/judge.ts';
import { missing } from './control-plane.ts';
import { byBootstrap, live, type Sidecars } from './sidecars.ts';

const CHURNS = 5;

async function firstCalls({ load, endpoints }: Sidecars): Promise<void> {
  for (const endpoint of endpoints) await load.more(100, endpoint);
}

/** The second endpoint goes and comes back every second. */
async function churn({ load, endpoints }: Sidecars): Promise<void> {
  const [first = '', second = ''] = endpoints;
  for (let turn = 0; turn < CHURNS; turn++) {
    await load.more(1, second);
    await load.more(500, first);
  }
}

export const javaControlPlane: Judge = {
  name: 'java-control-plane',
  judge: async () => {
    const reason = missing('java-control-plane');
    if (reason !== null) return [{ kind: 'skipped', name: 'java-control-plane', reason }];
    return live('java-control-plane', 'SimpleCache', { CHURN: '1' }, byBootstrap, {
      'first calls': firstCalls,
      'endpoints that change every second': churn,
      restart: (sidecars) => sidecars.restartControlPlane(),
    });
  },
};
