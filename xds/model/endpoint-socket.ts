// Which of a cluster's sockets an endpoint is reached by (`transport_socket_matches`).
import type { Cluster, EndpointSocket, SocketMatch } from './cluster.ts';
import type { Endpoint } from './endpoints.ts';

const noLabels: NonNullable<Endpoint['socketLabels']> = {};

/**
 * The first match whose labels the endpoint has, each with the same value, or else its locality, as in Envoy; `null`: none,
 * so the cluster's own `tls` counts.
 */
export function socketMatchOf(
  { socketMatches = [] }: Pick<Cluster, 'socketMatches'>,
  { socketLabels = noLabels, localityLabels = noLabels }: Endpoint,
): EndpointSocket | null {
  const match =
    socketMatches.find((own) => own.name !== '' && isHeld(own, socketLabels)) ??
    socketMatches.find((own) => isHeld(own, localityLabels));
  return match?.socket ?? null;
}

function isHeld({ labels }: SocketMatch, held: NonNullable<Endpoint['socketLabels']>): boolean {
  return Object.entries(labels).every(([name, value]) => Object.hasOwn(held, name) && held[name] === value);
}
