// Envoy and the agent side by side, given the same resources: what the tests of this folder compare.
import type { ExecutionContext } from 'ava';
import type { ServingResource } from '../../xds/model/resource.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { envoyMissing, startEnvoy } from '../support/envoy-process.ts';

export interface SideBySide {
  envoyPort(listener: string): number;
  agentPort(listener: string): Promise<number>;
}

/** `null` where there is no Envoy, which is said in the log of the test: it then has nothing to compare with. */
export async function besideEnvoy(
  t: ExecutionContext,
  resources: readonly ServingResource[],
): Promise<SideBySide | null> {
  if (envoyMissing !== null) {
    t.log(envoyMissing);
    t.pass();
    return null;
  }
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('envoy', resources);
  const envoy = await startEnvoy({ xdsPort, node: 'envoy' });
  const plane = startDataPlane(resources);
  t.teardown(async () => {
    plane.stop();
    await envoy.stop();
    await controlPlane.close();
  });
  return { envoyPort: envoy.port, agentPort: plane.port };
}
