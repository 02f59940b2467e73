// The grpc-timeout field: its text and milliseconds. Source: PROTOCOL-HTTP2.md "Timeout"; reference http2.md 58 and 60.

const MAX_DIGITS = 8;
const MAX_VALUE = 99_999_999;

/** Milliseconds in one unit, by its letter's code: H, M, S, m, u, n. */
function unitMs(letter: number): number {
  switch (letter) {
    case 0x48:
      return 3_600_000;
    case 0x4d:
      return 60_000;
    case 0x53:
      return 1_000;
    case 0x6d:
      return 1;
    case 0x75:
      return 1e-3;
    case 0x6e:
      return 1e-6;
    default:
      return 0;
  }
}

/**
 * Milliseconds, with fractions, of a value like `100m`: one to eight digits and one of `H M S m u n`. `null` when it is
 * malformed, which must never be taken for a deadline (nor for NaN).
 * @param length the value's, at the beginning of `bytes`.
 */
export function parseGrpcTimeout(bytes: Uint8Array, length: number = bytes.length): number | null {
  const digits = length - 1;
  if (digits < 1 || digits > MAX_DIGITS) return null;
  let value = 0;
  for (let at = 0; at < digits; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  const unit = unitMs(bytes[digits]!);
  if (unit === 0) return null;
  // Dividing is exact where multiplying by 0.001 is not: 9u has to come back as 9u.
  return unit >= 1 ? value * unit : value / Math.round(1 / unit);
}

/**
 * The field's bytes for what remains of a deadline: never more than `remainingMs`, and less by at most a thousandth (or a nanosecond).
 * Whole milliseconds are written as such; `0n` when nothing remains.
 */
export function formatGrpcTimeout(remainingMs: number): Uint8Array {
  return Buffer.from(timeoutText(remainingMs), 'latin1');
}

function timeoutText(ms: number): string {
  if (!(ms > 0)) return '0n';
  if (Number.isInteger(ms) && ms <= MAX_VALUE) return `${ms}m`;
  if (ms < 1) return `${Math.floor(ms * 1e6)}n`;
  if (ms * 1e3 <= MAX_VALUE) return `${Math.floor(ms * 1e3)}u`;
  if (ms <= MAX_VALUE) return `${Math.floor(ms)}m`;
  if (ms / 1e3 <= MAX_VALUE) return `${Math.floor(ms / 1e3)}S`;
  if (ms / 6e4 <= MAX_VALUE) return `${Math.floor(ms / 6e4)}M`;
  return `${Math.min(MAX_VALUE, Math.floor(ms / 3.6e6))}H`;
}
