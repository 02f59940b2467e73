// Integers of RFC 7541 section 5.1.

/** The most bytes `writeInteger` writes for a value below 2^28. */
export const maxIntegerBytes = 6;

/** The largest integer that we read: far above every limit, far below where 32-bit arithmetic turns negative. */
export const maxInteger = 2 ** 28 - 1;

/**
 * Writes `value` with a prefix of `bits` bits below the pattern in `first`; answers the offset behind it.
 * A value must not be negative or above `maxInteger`.
 */
export function writeInteger(out: Uint8Array, at: number, first: number, bits: number, value: number): number {
  const limit = (1 << bits) - 1;
  if (value < limit) {
    out[at] = first | value;
    return at + 1;
  }
  let offset = at;
  out[offset++] = first | limit;
  let rest = value - limit;
  while (rest >= 0x80) {
    out[offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[offset++] = rest;
  return offset;
}
