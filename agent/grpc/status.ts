// The 17 status codes of gRPC and how other layers' outcomes map to them.
// Source: grpc/grpc doc/statuscodes.md, doc/http-grpc-status-mapping.md, doc/PROTOCOL-HTTP2.md ("Errors").

export const STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type StatusName = (typeof STATUS_NAMES)[number];

/** Code by name: `status.UNAVAILABLE` is 14. */
export const status: Readonly<Record<StatusName, number>> = Object.freeze(
  Object.fromEntries(STATUS_NAMES.map((name, code) => [name, code])) as Record<StatusName, number>,
);

/** `OK`, … for 0 to 16; any other number as `UNKNOWN`, which is how clients read it. */
export function statusName(code: number): StatusName {
  return STATUS_NAMES[code] ?? 'UNKNOWN';
}

/** What an HTTP status without `grpc-status` means (http-grpc-status-mapping.md). */
export function statusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
    case 431:
      return status.INTERNAL;
    case 401:
      return status.UNAUTHENTICATED;
    case 403:
      return status.PERMISSION_DENIED;
    case 404:
      return status.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return status.UNAVAILABLE;
    default:
      return status.UNKNOWN;
  }
}

/** What RST_STREAM with an HTTP/2 error code means (PROTOCOL-HTTP2.md, "Errors"). */
export function statusOfReset(errorCode: number): number {
  switch (errorCode) {
    case 7: // REFUSED_STREAM
      return status.UNAVAILABLE;
    case 8: // CANCEL
      return status.CANCELLED;
    case 11: // ENHANCE_YOUR_CALM
      return status.RESOURCE_EXHAUSTED;
    case 12: // INADEQUATE_SECURITY
      return status.PERMISSION_DENIED;
    default:
      return status.INTERNAL;
  }
}
