// How long connections live and how their peers are watched, as configuration says it for one side: downstream in
// `HttpConnectionManager`, upstream in the `HttpProtocolOptions` of a cluster.

export interface ConnectionLife {
  /** `http2_protocol_options.connection_keepalive`; `null`: our own default. */
  readonly keepalive: Keepalive | null;
  /** `common_http_protocol_options.idle_timeout`: 0 is never; `null`: our own default. */
  readonly idleTimeoutMs: number | null;
  /** `common_http_protocol_options.max_connection_duration`; `null`: however long. */
  readonly maxDurationMs: number | null;
}

/** `envoy.config.core.v3.KeepaliveSettings`. Both are above 0. */
export interface Keepalive {
  /** A peer of whom nothing came for so long is sent a PING, with or without calls. */
  readonly intervalMs: number;
  /** When nothing comes behind it for so long, the connection is dead. */
  readonly timeoutMs: number;
}
