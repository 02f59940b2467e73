// What the server knows of one client's stream, whichever mode it speaks.
import { resourceMessages } from '../encode/resource.ts';
import type { ResourceType } from '../model/resource.ts';
import type { Snapshot } from './snapshot.ts';

export type SubscriptionState = 'idle' | 'awaiting' | 'acked' | 'nacked';

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

export interface SessionHooks<Response> {
  /** Called in the order the responses must go out. */
  readonly send: (response: Response) => void;
  readonly onReject: (rejection: Rejection) => void;
}

/** One stream without the socket: requests and snapshots in, responses out. */
export interface ClientSession<Request> {
  /** `null`: there is nothing for this node, so it hears nothing until there is. */
  setSnapshot(snapshot: Snapshot | null): void;
  /** A type that is not served is passed over in silence, as the protocol wants. */
  request(request: Request): void;
  /** The types that the client was sent something of. */
  report(): Partial<Record<ResourceType, TypeReport>>;
}

/** As `control_plane.identifier` of each response. */
export const identifier = 'outrigger';

const typeUrlPrefix = 'type.googleapis.com/';
const types: readonly ResourceType[] = ['secret', 'cluster', 'endpoints', 'listener', 'route'];

export function typeUrlOf(type: ResourceType): string {
  return typeUrlPrefix + resourceMessages[type];
}

/** `undefined`: none of ours. */
export function typeOf(typeUrl: string): ResourceType | undefined {
  return types.find((type) => typeUrl === typeUrlOf(type));
}

/** `error_detail.message` of a NACK; `null`: the request is none. */
export function rejectionIn(error: { readonly message: string } | null | undefined): string | null {
  return error === null || error === undefined ? null : error.message.slice(0, 2_000);
}

export function reportTypes(
  subscriptions: Readonly<Record<ResourceType, TypeReport>>,
): Partial<Record<ResourceType, TypeReport>> {
  const reports: Partial<Record<ResourceType, TypeReport>> = {};
  for (const type of types) {
    const { version, state, detail } = subscriptions[type];
    if (state !== 'idle') reports[type] = { version, state, detail };
  }
  return reports;
}
