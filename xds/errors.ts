// What watchers are told when something goes wrong. The data plane never sees these (gRFC A54).

/**
 * - `rejected`: the server sent the resource, and it is not valid; the message names each field.
 * - `server-error`: the server says why it does not send the resource (gRFC A88).
 * - `timed-out`: the server did not send it in time, and it is one that would have said that there is none (gRFC A88).
 * - `unknown-authority`: the name is one of an authority that the bootstrap does not have, or not of the type (gRFC A47).
 * - `stream-failed`: the server could not be reached, or ended the stream without a response.
 */
export type XdsErrorCode = 'rejected' | 'server-error' | 'timed-out' | 'unknown-authority' | 'stream-failed';

export class XdsError extends Error {
  readonly code: XdsErrorCode;

  constructor(code: XdsErrorCode, message: string) {
    super(message);
    this.name = 'XdsError';
    this.code = code;
  }
}
