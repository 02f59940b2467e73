// One client's incremental stream of discovery requests and responses.
import type { ResourceType } from '../model/resource.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../protos.ts';
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
import { DeltaSubscription } from './delta-subscription.ts';
import { pushInOrder } from './push-order.ts';
import type { Snapshot } from './snapshot.ts';

export class DeltaSession implements ClientSession<DeltaDiscoveryRequest> {
  readonly #hooks: SessionHooks<DeltaDiscoveryResponse>;
  readonly #types: Readonly<Record<ResourceType, DeltaSubscription>> = {
    cluster: new DeltaSubscription(true),
    endpoints: new DeltaSubscription(false),
    listener: new DeltaSubscription(true),
    route: new DeltaSubscription(false),
    secret: new DeltaSubscription(false),
  };
  #snapshot: Snapshot | null = null;

  constructor(hooks: SessionHooks<DeltaDiscoveryResponse>) {
    this.#hooks = hooks;
  }

  setSnapshot(snapshot: Snapshot | null): void {
    this.#snapshot = snapshot;
    this.#push();
  }

  request(request: DeltaDiscoveryRequest): void {
    const type = typeOf(request.type_url ?? '');
    if (type === undefined) return;
    const subscription = this.#types[type];
    const outcome = subscription.request({
      subscribe: request.resource_names_subscribe ?? [],
      unsubscribe: request.resource_names_unsubscribe ?? [],
      initialVersions: request.initial_resource_versions ?? {},
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
        system_version_info: response.version,
        resources: response.entries.map(([name, { any, digest }]) => ({ name, version: digest, resource: any })),
        removed_resources: response.removed,
        type_url: typeUrlOf(type),
        nonce: response.nonce,
        control_plane: { identifier },
      });
    });
  }
}
