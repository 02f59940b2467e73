// Bytes of names and values: copying, comparing, hashing and checking them without making a string or a view.

/** Above this a native copy is faster than a loop (bench/header-shapes.ts). */
const longCopyBytes = 64;

/** Copies `from[start, end)` to `to` at `at`; answers the offset behind it. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const length = end - start;
  if (length > longCopyBytes) from.copy(to, at, start, end);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
  return at + length;
}

export function isEqualBytes(bytes: Uint8Array, buf: Uint8Array, start: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== buf[start + i]) return false;
  return true;
}

/**
 * Copies a plain value and checks it on the way (RFC 9113 section 8.2.1): no NUL, CR or LF, and no space or tab at an
 * edge. Answers whether it is sound.
 */
export function copyChecked(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): boolean {
  const shift = at - start;
  let isSound = true;
  for (let i = start; i < end; i++) {
    const byte = from[i]!;
    to[i + shift] = byte;
    if (byte <= 0x0d && (byte === 0x0d || byte === 0x0a || byte === 0)) isSound = false;
  }
  return isSound && (start === end || (!isBlank(from[start]!) && !isBlank(from[end - 1]!)));
}

/** The same check without a copy. */
export function isSoundValue(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte === 0x0d || byte === 0x0a || byte === 0) return false;
  return bytes.length === 0 || (!isBlank(bytes[0]!) && !isBlank(bytes[bytes.length - 1]!));
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

/**
 * A hash that a peer cannot steer, since it depends on a secret: what it sends can neither pile up in one place of a
 * table nor decide how fields are sorted.
 */
export class FieldHash {
  readonly #start: number;
  readonly #factor: number;

  /** @param seed 32 bits, secret, chosen once for a data plane. */
  constructor(seed: number) {
    this.#start = Math.imul(seed ^ 0x2545f491, 0x9e3779b1);
    this.#factor = (Math.imul(seed ^ (seed >>> 16), 0x85ebca6b) ^ 0x27d4eb2f) | 1;
  }

  /** A signed 32-bit hash of `buf[start, end)`, of what came before (`from`, 0 at first), and of the secret. */
  of(from: number, buf: Uint8Array, start: number, end: number): number {
    const factor = this.#factor;
    let hash = this.#start ^ from;
    for (let i = start; i < end; i++) {
      hash = Math.imul(hash ^ buf[i]!, factor);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (end - start), 0x7feb352d);
    return hash ^ (hash >>> 16);
  }
}
