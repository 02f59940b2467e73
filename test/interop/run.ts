// `npm run interop`: puts the agent under control planes of others, and beside Envoy, and prints a table.
// `node test/interop/run.ts NAME…` asks only those whose name contains one of the words. Exit code 1 where any case
// failed; what this machine lacks is told and skipped.
import { hold } from '../conformance/hearing.ts';
import type { Judge } from '../conformance/judge.ts';
import { consul } from './consul.ts';
import { envoyGateway } from './envoy-gateway.ts';
import { goControlPlane } from './go-control-plane.ts';
import { istio } from './istio.ts';
import { istioMutualTls } from './istio-mutual-tls.ts';
import { javaControlPlane } from './java-control-plane.ts';
import { sameAsEnvoy } from './same-as-envoy.ts';

const judges: readonly Judge[] = [
  goControlPlane,
  sameAsEnvoy,
  javaControlPlane,
  istio,
  istioMutualTls,
  consul,
  envoyGateway,
];

process.exit(await hold(judges, process.argv.slice(2)));
