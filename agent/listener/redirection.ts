// What listeners need to take connections that the kernel redirects to them.
import type { SocketAddress } from '../../xds/model/address.ts';
import type { TrafficDirection } from '../../xds/model/listener.ts';
import type { OriginalDestination } from './original-dst.ts';
import type { PassthroughObserver } from './redirected.ts';

export interface Redirection {
  readonly originalDestination: OriginalDestination;
  /** The agent's own, beside those of its listeners. */
  readonly ownPorts: readonly number[];
  /** By whose connection it is. */
  readonly observers: Readonly<Record<TrafficDirection, PassthroughObserver>>;
}

/**
 * Whether a connection came without redirection: the kernel names the address then at which it arrived. Passing it on
 * would have the agent call itself.
 */
export function isDirect(destination: SocketAddress, localHost: string, localPort: number): boolean {
  return destination.port === localPort && destination.host === localHost;
}
