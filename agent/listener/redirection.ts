// What listeners need to take connections that the kernel redirects to them.
import type { SocketAddress } from '../../xds/model/address.ts';
import type { TrafficDirection } from '../../xds/model/listener.ts';
import type { OriginalDestination } from './original-dst.ts';

export interface Redirection {
  readonly originalDestination: OriginalDestination;
  /** The agent's own, beside those of its listeners. */
  readonly ownPorts: readonly number[];
  /** Connections to that port are passed on without a look at their bytes: their servers speak first. */
  readonly isOpaque: (port: number) => boolean;
}

/** What becomes of connections, by whose they are. */
export interface ConnectionCounts {
  /** Its bytes are passed on. */
  readonly passed: (direction: TrafficDirection) => void;
  /** They should have been, and were not. */
  readonly failed: (direction: TrafficDirection) => void;
  /** No filter chain was for it. */
  readonly unmatched: (direction: TrafficDirection) => void;
}

/** @param ranges ports and ranges of them (`9000-9010`). */
export function compilePorts(ranges: readonly string[]): (port: number) => boolean {
  const bounds = ranges.map((range) => range.split('-').map(Number));
  return (port) => bounds.some(([from = 0, to = from]) => port >= from && port <= to);
}

/**
 * Whether a connection came without redirection: the kernel names the address then at which it arrived. Passing it on
 * would have the agent call itself.
 */
export function isDirect(destination: SocketAddress, localHost: string, localPort: number): boolean {
  return destination.port === localPort && destination.host === localHost;
}
