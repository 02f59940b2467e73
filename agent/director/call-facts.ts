// What header formats may ask about a call beside its fields.

export interface CallFacts {
  /** `host:port` of who calls. */
  readonly peer: string;
  /** Of the certificate of who calls; empty without one. */
  readonly peerSans: readonly string[];
  readonly cluster: string;
  /** `host:port` of the endpoint that takes the call; empty before one is chosen. */
  readonly endpointAddress: string;
  /** `hostname` of that endpoint; may be empty. */
  readonly endpointHostname: string;
}
