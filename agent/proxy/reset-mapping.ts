// What a reset of either stream means for the call (PROTOCOL-HTTP2.md "Errors"; a lost connection is UNAVAILABLE).
import { status, statusOfReset } from '../grpc/status.ts';
import { type ConnectionEnd, ErrorCode, errorCodeName, type ResetOrigin } from '../http2/index.ts';
import type { CallFailure } from './failure.ts';

export function failureOfReset(
  cluster: string,
  endpoint: string,
  code: number,
  by: ResetOrigin,
  responseStarted: boolean,
  ending: ConnectionEnd | null,
): CallFailure {
  const when = responseStarted ? 'in the middle of its response' : 'before it answered';
  if (by === 'connection') {
    const why = ending === null ? '' : `: ${ending.reason}`;
    const message = `${cluster}: the connection to ${endpoint} ended ${when}${why}`;
    return { status: status.UNAVAILABLE, message, flag: 'UC', source: 'upstream' };
  }
  if (by === 'shed') {
    const message = `${cluster}: ${endpoint} did not take what was sent to it, and too much waited`;
    return { status: status.UNAVAILABLE, message, flag: 'UO', source: 'upstream' };
  }
  if (by === 'local') {
    const message = `${cluster}: ${endpoint} broke the protocol ${when} (${errorCodeName(code)})`;
    return { status: status.INTERNAL, message, flag: 'UPE', source: 'upstream' };
  }
  if (code === ErrorCode.NO_ERROR) {
    const message = `${cluster}: ${endpoint} ended the stream ${when} without a status`;
    return { status: status.INTERNAL, message, flag: 'UR', source: 'upstream' };
  }
  const message = `${cluster}: ${endpoint} reset the stream ${when} (${errorCodeName(code)})`;
  return { status: statusOfReset(code), message, flag: 'UR', source: 'upstream' };
}

/** How a call ended whose client is gone; for observers only. */
export function failureOfClient(code: number, by: ResetOrigin): CallFailure {
  const source = 'downstream';
  switch (by) {
    case 'connection':
      return { status: status.CANCELLED, message: 'the client closed its connection', flag: 'DC', source };
    case 'shed': {
      const message = 'the client did not read the response, and too much waited';
      return { status: status.RESOURCE_EXHAUSTED, message, flag: 'DC', source };
    }
    case 'local': {
      const message = `the client broke the protocol (${errorCodeName(code)})`;
      return { status: status.CANCELLED, message, flag: 'DPE', source };
    }
    case 'peer': {
      const message = `the client reset the call (HTTP/2 error ${code})`;
      return { status: status.CANCELLED, message, flag: 'DC', source };
    }
  }
}
