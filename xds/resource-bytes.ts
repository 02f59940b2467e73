// What can be told of a resource without decoding it.

/**
 * The name of a resource without decoding it: in all types it is field 1, which nearly every encoder writes first.
 * Only a guess, used to find bytes that were decoded before.
 */
export function peekName(bytes: Uint8Array): string | null {
  if (bytes[0] !== 0x0a) return null;
  let length = 0;
  for (let index = 1; index <= 3; index++) {
    const byte = bytes[index];
    if (byte === undefined) return null;
    length |= (byte & 0x7f) << (7 * (index - 1));
    if (byte < 0x80) {
      const start = index + 1;
      const end = start + length;
      return end > bytes.length ? null : Buffer.from(bytes.subarray(start, end)).toString('utf8');
    }
  }
  return null;
}

export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
