// How each endpoint of a cluster is reached: in the clear, or by which TLS (`transport_socket_matches`).
import type { Cluster, EndpointSocket } from '../../xds/model/cluster.ts';
import { socketMatchOf } from '../../xds/model/endpoint-socket.ts';
import type { ClusterEndpoints, Endpoint } from '../../xds/model/endpoints.ts';
import type { UpstreamTls } from '../../xds/model/tls.ts';

/** Endpoints that can be reached, and why the others cannot; `null`: there are no others. */
export interface ReachableEndpoints {
  readonly resource: ClusterEndpoints;
  readonly refusal: string | null;
}

const noLabels = {};

export class EndpointSockets {
  readonly #cluster: Pick<Cluster, 'tls' | 'socketMatches'>;
  readonly #own: EndpointSocket;
  /** Endpoints that have labels share them, so what these choose is found once. */
  readonly #byLabels = new WeakMap<object, EndpointSocket>();
  readonly #byHostname = new Map<string, UpstreamTls>();

  constructor(cluster: Pick<Cluster, 'tls' | 'socketMatches'>) {
    this.#cluster = cluster;
    this.#own = cluster.tls === null ? { kind: 'clear' } : { kind: 'tls', tls: cluster.tls };
  }

  /** Of an endpoint that can be reached; `null`: in the clear. */
  tlsOf(endpoint: Endpoint): UpstreamTls | null {
    const socket = this.#socketOf(endpoint);
    if (socket.kind !== 'tls') return null;
    const { tls } = socket;
    const { hostname } = endpoint;
    if (tls.hostnameIsSni !== true || hostname === '') return tls;
    // Several sockets of one cluster may take the host name: they are told apart by their place.
    const key = `${this.#placeOf(socket)} ${hostname}`;
    let own = this.#byHostname.get(key);
    if (own === undefined) {
      own = { ...tls, sni: hostname };
      this.#byHostname.set(key, own);
    }
    return own;
  }

  /** An endpoint that may be reached only in a way that we don't carry out is not reached in another. */
  reachable(resource: ClusterEndpoints): ReachableEndpoints {
    if (this.#cluster.socketMatches === undefined) return { resource, refusal: null };
    let refused = 0;
    let reason = '';
    const localities = resource.localities.map((locality) => {
      const endpoints = locality.endpoints.filter((endpoint) => {
        const socket = this.#socketOf(endpoint);
        if (socket.kind !== 'unsupported') return true;
        refused++;
        reason = socket.reason;
        return false;
      });
      return endpoints.length === locality.endpoints.length ? locality : { ...locality, endpoints };
    });
    if (refused === 0) return { resource, refusal: null };
    return {
      resource: { ...resource, localities },
      refusal: `${refused} of its endpoints can't be reached: ${reason}`,
    };
  }

  #socketOf(endpoint: Endpoint): EndpointSocket {
    if (this.#cluster.socketMatches === undefined) return this.#own;
    const { socketLabels: labels = noLabels } = endpoint;
    if (endpoint.localityLabels !== undefined) return socketMatchOf(this.#cluster, endpoint) ?? this.#own;
    let socket = this.#byLabels.get(labels);
    if (socket === undefined) {
      socket = socketMatchOf(this.#cluster, endpoint) ?? this.#own;
      this.#byLabels.set(labels, socket);
    }
    return socket;
  }

  #placeOf(socket: EndpointSocket): number {
    return this.#cluster.socketMatches?.findIndex((match) => match.socket === socket) ?? -1;
  }
}
