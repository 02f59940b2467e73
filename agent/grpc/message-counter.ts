// Counts the payload of gRPC messages that pass by in DATA frames, whatever the frames' borders: the 5-byte prefixes are
// excluded (gRFC A66). Kept apart from the bytes' way: it looks, it never holds.

const PREFIX_BYTES = 5;

export class MessageCounter {
  /** Payload bytes of messages seen so far; a message counts as its bytes pass. */
  payloadBytes = 0;
  messages = 0;
  /** Bytes of the current prefix that have passed, 0 to 4; its length so far. */
  #prefixSeen = 0;
  #length = 0;
  /** Bytes of the current message still to come. */
  #remaining = 0;

  /** Takes note of `buf[start, end)`. */
  add(buf: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#remaining > 0) {
        const step = Math.min(this.#remaining, end - at);
        this.#remaining -= step;
        this.payloadBytes += step;
        at += step;
        continue;
      }
      // The first byte is the compressed flag; the four behind it are the length, big-endian.
      if (this.#prefixSeen > 0) this.#length = this.#length * 256 + buf[at]!;
      at++;
      if (++this.#prefixSeen === PREFIX_BYTES) {
        this.#remaining = this.#length;
        this.#prefixSeen = 0;
        this.#length = 0;
        this.messages++;
      }
    }
  }
}
