// The `traceparent` field. Source: W3C Trace Context Level 2, sections 3.2 (format), 3.2.4 (versions to come).
// It is looked at in each call, and so is read as bytes: text is made of what is recorded only.

/** Bits of the flags. */
export const SAMPLED = 1;
/** Level 2: at least the last 56 bits of the trace id were made at random. */
export const RANDOM_TRACE_ID = 2;

/** Of a value of version 00, and what is known of later ones. */
export const TRACEPARENT_BYTES = 55;
const TRACE_ID_AT = 3;
const PARENT_ID_AT = 36;
const FLAGS_AT = 53;

const DASH = 45;
const ZERO = 48;
const F = 102;

/**
 * Whether a value of `length` bytes, of which `bytes` has at least the first 56, is sound. Strict: `false` for whatever the
 * specification says to treat as if it were absent, which is a wrong length, an upper-case digit, an id of zeros and
 * version `ff`. A version to come may be longer, after another dash.
 */
export function isTraceparent(bytes: Uint8Array, length: number): boolean {
  if (length < TRACEPARENT_BYTES) return false;
  const isVersion0 = bytes[0] === ZERO && bytes[1] === ZERO;
  if (length > TRACEPARENT_BYTES && (isVersion0 || bytes[TRACEPARENT_BYTES] !== DASH)) return false;
  if (bytes[TRACE_ID_AT - 1] !== DASH || bytes[PARENT_ID_AT - 1] !== DASH || bytes[FLAGS_AT - 1] !== DASH) return false;
  if (!isHex(bytes, 0, 2) || (bytes[0] === F && bytes[1] === F)) return false;
  return (
    isId(bytes, TRACE_ID_AT, PARENT_ID_AT - 1) &&
    isId(bytes, PARENT_ID_AT, FLAGS_AT - 1) &&
    isHex(bytes, FLAGS_AT, TRACEPARENT_BYTES)
  );
}

/** 0 to 255, of a sound value. */
export function flagsOf(bytes: Uint8Array): number {
  return 16 * digitOf(bytes[FLAGS_AT]!) + digitOf(bytes[FLAGS_AT + 1]!);
}

/** 32 lower-case hex digits, of a sound value. */
export function traceIdOf(bytes: Buffer): string {
  return bytes.toString('latin1', TRACE_ID_AT, PARENT_ID_AT - 1);
}

/** 16 lower-case hex digits, of a sound value: the caller's span. */
export function parentIdOf(bytes: Buffer): string {
  return bytes.toString('latin1', PARENT_ID_AT, FLAGS_AT - 1);
}

/** Version 00. `flags`: of the known bits only, since a sender sets the others to zero. */
export function formatTraceparent(traceId: string, spanId: string, flags: number): string {
  return `00-${traceId}-${spanId}-0${flags & (SAMPLED | RANDOM_TRACE_ID)}`;
}

function digitOf(code: number): number {
  return code < 97 ? code - ZERO : code - 87;
}

function isHex(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = bytes[i]!;
    if (!((code >= ZERO && code <= 57) || (code >= 97 && code <= F))) return false;
  }
  return true;
}

/** Hex, and not all zeros. */
function isId(bytes: Uint8Array, start: number, end: number): boolean {
  if (!isHex(bytes, start, end)) return false;
  for (let i = start; i < end; i++) if (bytes[i] !== ZERO) return true;
  return false;
}
