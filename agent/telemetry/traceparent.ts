// The `traceparent` field. Source: W3C Trace Context Level 2, sections 3.2 (format), 3.2.4 (versions to come).

export interface Traceparent {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits: the caller's span. */
  readonly parentId: string;
  /** 0 to 255. */
  readonly flags: number;
}

/** Bits of the flags. */
export const SAMPLED = 1;
/** Level 2: at least the last 56 bits of the trace id were made at random. */
export const RANDOM_TRACE_ID = 2;

const LENGTH = 55;
const DASH = 45;
const ZERO = 48;

/**
 * Strict: `null` for whatever the specification says to treat as if it were absent, which is a wrong length, an
 * upper-case digit, an id of zeros and version `ff`. A version to come may be longer, after another dash.
 */
export function parseTraceparent(value: string): Traceparent | null {
  if (value.length < LENGTH) return null;
  const isVersion0 = value.charCodeAt(0) === ZERO && value.charCodeAt(1) === ZERO;
  if (value.length > LENGTH && (isVersion0 || value.charCodeAt(LENGTH) !== DASH)) return null;
  if (value.charCodeAt(2) !== DASH || value.charCodeAt(35) !== DASH || value.charCodeAt(52) !== DASH) return null;
  if (!isHex(value, 0, 2) || value.startsWith('ff')) return null;
  if (!isId(value, 3, 35) || !isId(value, 36, 52) || !isHex(value, 53, 55)) return null;
  return {
    traceId: value.slice(3, 35),
    parentId: value.slice(36, 52),
    flags: Number.parseInt(value.slice(53, 55), 16),
  };
}

/** Version 00. `flags`: of the known bits only, since a sender sets the others to zero. */
export function formatTraceparent(traceId: string, spanId: string, flags: number): string {
  return `00-${traceId}-${spanId}-0${flags & (SAMPLED | RANDOM_TRACE_ID)}`;
}

function isHex(value: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = value.charCodeAt(i);
    if (!((code >= ZERO && code <= 57) || (code >= 97 && code <= 102))) return false;
  }
  return true;
}

/** Hex, and not all zeros. */
function isId(value: string, start: number, end: number): boolean {
  if (!isHex(value, start, end)) return false;
  for (let i = start; i < end; i++) if (value.charCodeAt(i) !== ZERO) return true;
  return false;
}
