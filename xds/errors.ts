// What watchers are told when something goes wrong. The data plane never sees these (gRFC A54).

/**
 * - `rejected`: the server sent the resource, and it is not valid; the message names each field.
 * - `stream-failed`: the server could not be reached, or ended the stream without a response.
 */
export type XdsErrorCode = 'rejected' | 'stream-failed';

export class XdsError extends Error {
  readonly code: XdsErrorCode;

  constructor(code: XdsErrorCode, message: string) {
    super(message);
    this.name = 'XdsError';
    this.code = code;
  }
}
