// What header formats may ask about a call beside its fields.

export interface CallFacts {
  /** `host:port` of who calls. */
  readonly peer: string;
  /** Whether it came over TLS. */
  readonly isSecure: boolean;
  /** Of the verified certificate of who calls; empty without one. */
  readonly peerSans: readonly string[];
  /** The same certificate's subject, such as `CN=shop,O=mesh`; `null` without one. */
  readonly peerSubject: string | null;
  /** The same certificate's SHA-256 in hex; empty without one. */
  readonly peerFingerprint: string;
  /** The name that the caller asked for in TLS (SNI); empty without one. */
  readonly serverName: string;
  /** `host:port` where the call arrived. */
  readonly localAddress: string;
  readonly cluster: string;
  /** `host:port` of the endpoint that takes the call; empty before one is chosen. */
  readonly endpointAddress: string;
  /** `hostname` of that endpoint; may be empty. */
  readonly endpointHostname: string;
}
