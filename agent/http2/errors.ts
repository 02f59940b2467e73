// How streams and connections end: the error codes of RFC 9113 section 7, and who ended them.

/** RFC 9113 section 7. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

const names: readonly string[] = Object.keys(ErrorCode);

/** `CANCEL` for 8; a code that RFC 9113 does not know is written as `0x1f`. */
export function errorCodeName(code: number): string {
  return names[code] ?? `0x${code.toString(16)}`;
}

/**
 * Who ended a stream abnormally: the peer by RST_STREAM (or by a GOAWAY below the stream); the codec itself, because
 * the peer broke the protocol on this stream (`local`), or left what was queued on it unread (`shed`); or the end of the
 * whole connection.
 */
export type ResetOrigin = 'peer' | 'local' | 'shed' | 'connection';

/** Why and how a connection ended. */
export interface ConnectionEnd {
  /** The connection was established (TCP, and TLS where it is used): otherwise nothing was ever sent. */
  readonly connected: boolean;
  /** The code of the GOAWAY that ended it; NO_ERROR when it was closed in order or without one. */
  readonly code: number;
  /** Who ended it: the peer (GOAWAY, FIN, TCP reset) or this side. */
  readonly by: 'peer' | 'local';
  /** One clause for a log line or a status message, such as `connection refused` or `the peer sent a PING of 7 bytes`. */
  readonly reason: string;
}
