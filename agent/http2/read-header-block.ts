// A header block that comes in several frames: its fragments joined, in bounded memory.

const noBytes: Buffer = Buffer.alloc(0);

/** A larger buffer is not kept for the next block: few peers send one in several frames, and hardly any a second. */
const maxKeptBytes = 4096;

export class HeaderBlockBuffer {
  /** The stream whose block is incomplete; 0: none. */
  streamId = 0;
  endsStream = false;
  /** The fragments so far are `buffer[0, bytes)`. */
  buffer: Buffer = noBytes;
  bytes = 0;
  /** Blocks that came in several frames so far. */
  count = 0;
  #continuations = 0;
  readonly #maxContinuations: number;

  constructor(maxContinuations: number) {
    this.#maxContinuations = maxContinuations;
  }

  begin(streamId: number, endsStream: boolean, buf: Buffer, start: number, end: number): void {
    this.streamId = streamId;
    this.endsStream = endsStream;
    this.bytes = 0;
    this.count++;
    this.#continuations = 0;
    this.#copy(buf, start, end);
  }

  /** False when there are too many CONTINUATIONs: empty ones count too (CVE-2024-27316 and its kind). */
  append(buf: Buffer, start: number, end: number): boolean {
    this.#continuations++;
    if (this.#continuations > this.#maxContinuations) return false;
    this.#copy(buf, start, end);
    return true;
  }

  /** The block is complete: what is in `buffer` is its reader's from here on. */
  finish(): void {
    this.streamId = 0;
    if (this.buffer.length > maxKeptBytes) this.buffer = noBytes;
  }

  #copy(buf: Buffer, start: number, end: number): void {
    const needed = this.bytes + end - start;
    if (this.buffer.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buffer.length));
      this.buffer.copy(larger, 0, 0, this.bytes);
      this.buffer = larger;
    }
    buf.copy(this.buffer, this.bytes, start, end);
    this.bytes = needed;
  }
}
