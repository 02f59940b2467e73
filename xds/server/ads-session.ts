// One client's stream in state of the world.
import type { DiscoveryRequest, DiscoveryResponse } from '../protos.ts';
import { identifier, rejectionIn, type SessionHooks, typeUrlOf } from './client-session.ts';
import { type Dialect, Session } from './session.ts';
import { type TypeRequest, type TypeResponse, TypeSubscription } from './type-subscription.ts';

const stateOfTheWorld: Dialect<DiscoveryRequest, TypeRequest, TypeResponse, DiscoveryResponse> = {
  createType: (isWhole) => new TypeSubscription(isWhole),
  read: ({ resource_names: names = [], response_nonce: nonce = '', error_detail: error }) => ({
    names,
    nonce,
    rejection: rejectionIn(error),
  }),
  write: (type, { version, nonce, entries }) => ({
    version_info: version,
    resources: entries.map(({ any }) => any),
    type_url: typeUrlOf(type),
    nonce,
    control_plane: { identifier },
  }),
};

export class AdsSession extends Session<DiscoveryRequest, TypeRequest, TypeResponse, DiscoveryResponse> {
  constructor(hooks: SessionHooks<DiscoveryResponse>) {
    super(stateOfTheWorld, hooks);
  }
}
