// One client's stream of discovery requests and responses, without the socket: requests and snapshots in, responses out.
// It keeps the order that never leaves a route without its cluster (xDS protocol, "Eventual consistency
// considerations"): clusters, endpoints, then listeners and routes, and only then are old clusters taken away.

import { resourceMessages } from '../encode/resource.ts';
import type { ResourceType } from '../model/resource.ts';
import type { DiscoveryRequest, DiscoveryResponse } from '../protos.ts';
import type { Snapshot } from './snapshot.ts';
import { type SubscriptionState, TypeSubscription } from './type-subscription.ts';

const typeUrlPrefix = 'type.googleapis.com/';
const identifier = 'outrigger';

export interface TypeReport {
  readonly version: string;
  readonly state: SubscriptionState;
  /** Why the version was rejected, in the client's words; `null` unless `state` is `nacked`. */
  readonly detail: string | null;
}

/** A version the client refused. `detail` is its `error_detail.message`, cut to 2,000 characters. */
export interface Rejection {
  readonly type: ResourceType;
  readonly version: string;
  readonly detail: string;
}

export interface AdsSessionHooks {
  /** Called in the order the responses must go out. */
  readonly send: (response: DiscoveryResponse) => void;
  readonly onReject: (rejection: Rejection) => void;
}

export class AdsSession {
  readonly #hooks: AdsSessionHooks;
  /** Listeners and clusters are whole types: absence is deletion. Routes and endpoints are asked for by name. */
  readonly #types: Readonly<Record<ResourceType, TypeSubscription>> = {
    cluster: new TypeSubscription(true),
    endpoints: new TypeSubscription(false),
    listener: new TypeSubscription(true),
    route: new TypeSubscription(false),
  };
  #snapshot: Snapshot | null = null;

  constructor(hooks: AdsSessionHooks) {
    this.#hooks = hooks;
  }

  /** `null`: there is nothing for this node, so it hears nothing until there is. */
  setSnapshot(snapshot: Snapshot | null): void {
    this.#snapshot = snapshot;
    this.#flush();
  }

  /** A type that is not served is passed over in silence, as the protocol wants. */
  request(request: DiscoveryRequest): void {
    const type = typeOf(request.type_url ?? '');
    if (type === undefined) return;
    const { error_detail: error } = request;
    const subscription = this.#types[type];
    const outcome = subscription.request({
      names: request.resource_names ?? [],
      nonce: request.response_nonce ?? '',
      rejection: error === null || error === undefined ? null : error.message.slice(0, 2_000),
    });
    if (outcome === 'nacked') {
      this.#hooks.onReject({ type, version: subscription.version, detail: subscription.detail ?? '' });
    }
    this.#flush();
  }

  /** The types that the client was sent something of. */
  report(): Partial<Record<ResourceType, TypeReport>> {
    const reports: Partial<Record<ResourceType, TypeReport>> = {};
    for (const type of ['cluster', 'endpoints', 'listener', 'route'] as const) {
      const { version, state, detail } = this.#types[type];
      if (state !== 'idle') reports[type] = { version, state, detail };
    }
    return reports;
  }

  #flush(): void {
    this.#respond('cluster', true);
    // Endpoints that are absent stay valid in the client, so old ones need no care.
    this.#respond('endpoints', false);
    if (this.#awaits('cluster', 'endpoints')) return;
    this.#respond('listener', false);
    this.#respond('route', false);
    if (this.#types.cluster.lingers && !this.#awaits('listener', 'route')) this.#respond('cluster', false);
  }

  #awaits(...types: readonly ResourceType[]): boolean {
    return types.some((type) => this.#types[type].state === 'awaiting');
  }

  #respond(type: ResourceType, keepRemoved: boolean): void {
    if (this.#snapshot === null) return;
    const response = this.#types[type].respond(this.#snapshot[type], keepRemoved);
    if (response === null) return;
    this.#hooks.send({
      version_info: response.version,
      resources: response.entries.map(({ any }) => any),
      type_url: typeUrlPrefix + resourceMessages[type],
      nonce: response.nonce,
      control_plane: { identifier },
    });
  }
}

function typeOf(typeUrl: string): ResourceType | undefined {
  const types: readonly ResourceType[] = ['cluster', 'endpoints', 'listener', 'route'];
  return types.find((type) => typeUrl === typeUrlPrefix + resourceMessages[type]);
}
