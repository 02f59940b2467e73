// The hash behind ring hash, Maglev and hash policies: xxHash64, so that a call lands on the endpoint where Envoy and
// gRPC would send it (gRFC A42).
import xxhash from 'xxhash-wasm';

const { h64Raw } = await xxhash();

/** xxHash64 of those bytes: unsigned, 64 bits. */
export function hashBytes(bytes: Uint8Array, seed = 0n): bigint {
  return h64Raw(bytes, seed);
}

/** xxHash64 of the text's UTF-8 bytes. */
export function hashText(text: string, seed = 0n): bigint {
  return h64Raw(Buffer.from(text, 'utf8'), seed);
}

/** A hash for a call that has none: it may go anywhere. @param random uniform in [0, 1). */
export function randomHash(random: () => number): bigint {
  return (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32));
}
