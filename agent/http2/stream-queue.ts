// What waits on one stream for a window or for the socket: bytes, then perhaps trailers, then the end. The bytes are
// copied together, so that a queue of many small frames holds what they carry and not what carried them.
import type { HeaderBlock } from './header-contract.ts';

const leastChunkBytes = 256;
const mostChunkBytes = 16_384;

export class StreamQueue {
  /** Bytes queued. */
  bytes = 0;
  /** Behind the bytes; retained. */
  trailers: HeaderBlock | null = null;
  /** What these hold. */
  trailerBytes = 0;
  /** END_STREAM follows the last of them. */
  ends = false;
  /** The first is filled up to `#firstEnd` and read up to `#firstStart`; the last is filled up to `#lastEnd`. */
  #chunks: Buffer[] = [];
  #firstStart = 0;
  #lastEnd = 0;

  /** Copies `buf[start, end)` behind what is there. */
  append(buf: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    let at = start;
    while (at < end) {
      const last = this.#chunks[this.#chunks.length - 1];
      if (last === undefined || this.#lastEnd === last.length) {
        const size = Math.max(leastChunkBytes, end - at, last === undefined ? 0 : 2 * last.length);
        this.#chunks.push(Buffer.allocUnsafeSlow(Math.min(size, mostChunkBytes)));
        this.#lastEnd = 0;
        continue;
      }
      const length = Math.min(end - at, last.length - this.#lastEnd);
      buf.copy(last, this.#lastEnd, at, at + length);
      this.#lastEnd += length;
      at += length;
    }
  }

  /** The first bytes, as many as are in one piece, are `firstChunk[firstStart, firstEnd)`. Only while `bytes > 0`. */
  get firstChunk(): Buffer {
    return this.#chunks[0]!;
  }

  get firstStart(): number {
    return this.#firstStart;
  }

  get firstEnd(): number {
    return this.#chunks.length === 1 ? this.#lastEnd : this.#chunks[0]!.length;
  }

  /** Removes `bytes` of the first piece. */
  consume(bytes: number): void {
    this.bytes -= bytes;
    this.#firstStart += bytes;
    if (this.#firstStart < this.firstEnd) return;
    this.#chunks.shift();
    this.#firstStart = 0;
    if (this.#chunks.length === 0) this.#lastEnd = 0;
  }
}
