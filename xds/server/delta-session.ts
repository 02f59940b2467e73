// One client's incremental stream.
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../protos.ts';
import { identifier, rejectionIn, type SessionHooks, typeUrlOf } from './client-session.ts';
import { DeltaSubscription, type DeltaTypeRequest, type DeltaTypeResponse } from './delta-subscription.ts';
import { type Dialect, Session } from './session.ts';

const incremental: Dialect<DeltaDiscoveryRequest, DeltaTypeRequest, DeltaTypeResponse, DeltaDiscoveryResponse> = {
  createType: (isWhole) => new DeltaSubscription(isWhole),
  read: (request) => ({
    subscribe: request.resource_names_subscribe ?? [],
    unsubscribe: request.resource_names_unsubscribe ?? [],
    initialVersions: request.initial_resource_versions ?? {},
    nonce: request.response_nonce ?? '',
    rejection: rejectionIn(request.error_detail),
  }),
  write: (type, { version, nonce, entries, removed }) => ({
    system_version_info: version,
    resources: entries.map(([name, { any, digest }]) => ({ name, version: digest, resource: any })),
    removed_resources: removed,
    type_url: typeUrlOf(type),
    nonce,
    control_plane: { identifier },
  }),
};

export class DeltaSession extends Session<
  DeltaDiscoveryRequest,
  DeltaTypeRequest,
  DeltaTypeResponse,
  DeltaDiscoveryResponse
> {
  constructor(hooks: SessionHooks<DeltaDiscoveryResponse>) {
    super(incremental, hooks);
  }
}
