// Which connections a filter chain is for (envoy.config.listener.v3.FilterChainMatch).
import type { AddressRange } from './address.ts';

/** Whatever is `null` or empty asks nothing. */
export interface FilterChainMatch {
  readonly destinationPort: number | null;
  readonly destinationRanges: readonly AddressRange[];
  /** Exact, or `*.` and what the name ends with; lower case. */
  readonly serverNames: readonly string[];
  /** Whether the client begins with TLS; `other` is what no connection does. */
  readonly transportProtocol: 'tls' | 'raw_buffer' | 'other' | null;
  /** Of ALPN, such as `h2`; in clear text `h2c` stands for HTTP/2. */
  readonly applicationProtocols: readonly string[];
  readonly directSourceRanges: readonly AddressRange[];
  /** `local`: from this machine. */
  readonly sourceType: 'local' | 'external' | null;
  readonly sourceRanges: readonly AddressRange[];
  readonly sourcePorts: readonly number[];
}

/** Asks nothing of a connection. */
export const anyConnection: FilterChainMatch = {
  destinationPort: null,
  destinationRanges: [],
  serverNames: [],
  transportProtocol: null,
  applicationProtocols: [],
  directSourceRanges: [],
  sourceType: null,
  sourceRanges: [],
  sourcePorts: [],
};
