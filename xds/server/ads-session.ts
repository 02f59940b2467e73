// One client's stream of discovery requests and responses in state of the world.
import type { ResourceType } from '../model/resource.ts';
import type { DiscoveryRequest, DiscoveryResponse } from '../protos.ts';
import {
  type ClientSession,
  identifier,
  rejectionIn,
  reportTypes,
  type SessionHooks,
  type TypeReport,
  typeOf,
  typeUrlOf,
} from './client-session.ts';
import { pushInOrder } from './push-order.ts';
import type { Snapshot } from './snapshot.ts';
import { TypeSubscription } from './type-subscription.ts';

export class AdsSession implements ClientSession<DiscoveryRequest> {
  readonly #hooks: SessionHooks<DiscoveryResponse>;
  /** Listeners and clusters are whole types: absence is deletion. The others are asked for by name. */
  readonly #types: Readonly<Record<ResourceType, TypeSubscription>> = {
    cluster: new TypeSubscription(true),
    endpoints: new TypeSubscription(false),
    listener: new TypeSubscription(true),
    route: new TypeSubscription(false),
    secret: new TypeSubscription(false),
  };
  #snapshot: Snapshot | null = null;

  constructor(hooks: SessionHooks<DiscoveryResponse>) {
    this.#hooks = hooks;
  }

  setSnapshot(snapshot: Snapshot | null): void {
    this.#snapshot = snapshot;
    this.#push();
  }

  request(request: DiscoveryRequest): void {
    const type = typeOf(request.type_url ?? '');
    if (type === undefined) return;
    const subscription = this.#types[type];
    const outcome = subscription.request({
      names: request.resource_names ?? [],
      nonce: request.response_nonce ?? '',
      rejection: rejectionIn(request.error_detail),
    });
    if (outcome === 'nacked') {
      this.#hooks.onReject({ type, version: subscription.version, detail: subscription.detail ?? '' });
    }
    this.#push();
  }

  report(): Partial<Record<ResourceType, TypeReport>> {
    return reportTypes(this.#types);
  }

  #push(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    pushInOrder(this.#types, (type, keepRemoved) => {
      const response = this.#types[type].respond(snapshot[type], keepRemoved);
      if (response === null) return;
      this.#hooks.send({
        version_info: response.version,
        resources: response.entries.map(({ any }) => any),
        type_url: typeUrlOf(type),
        nonce: response.nonce,
        control_plane: { identifier },
      });
    });
  }
}
