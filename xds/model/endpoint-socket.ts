// Which of a cluster's sockets an endpoint is reached by (`transport_socket_matches`).
import type { Cluster, EndpointSocket } from './cluster.ts';
import type { Endpoint } from './endpoints.ts';

const noLabels: NonNullable<Endpoint['socketLabels']> = {};

/** The first match whose labels the endpoint has, each with the same value; `null`: none, so the cluster's own `tls` counts. */
export function socketMatchOf(
  { socketMatches = [] }: Pick<Cluster, 'socketMatches'>,
  endpoint: Endpoint,
): EndpointSocket | null {
  const { socketLabels: held = noLabels } = endpoint;
  const match = socketMatches.find(({ labels }) =>
    Object.entries(labels).every(([name, value]) => Object.hasOwn(held, name) && held[name] === value),
  );
  return match?.socket ?? null;
}
