// What of a request has come and may have to be sent (again): all of it until a connection is there, and up to a limit
// until the response begins, so that a stream which the upstream provably did not process can go to another one.
import type { HeaderBlock, Stream } from '../http2/index.ts';

/** A request that is under way is kept for a transparent retry up to this size. */
const MAX_REPLAY_BYTES = 65_536;

export class KeptRequest {
  /** The first block, once it must outlive the turn it came in. */
  head: HeaderBlock | null = null;
  /** The client has half-closed. */
  ended = false;
  #trailers: HeaderBlock | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** False once something was forgotten: the request can't be sent from its beginning any more. */
  #whole = true;

  get replayable(): boolean {
    return this.#whole && this.head !== null;
  }

  keepHead(block: HeaderBlock): void {
    this.head ??= block.retain();
  }

  /** Copies `buf[start, end)`. Without a stream it must be kept, and the stream's window bounds it; else the limit does. */
  keepData(buf: Buffer, start: number, end: number, underWay: boolean): void {
    if (!this.#whole || start === end) return;
    if (underWay && this.#bytes + (end - start) > MAX_REPLAY_BYTES) {
      this.forget();
      return;
    }
    const copy = Buffer.allocUnsafe(end - start);
    buf.copy(copy, 0, start, end);
    this.#chunks.push(copy);
    this.#bytes += copy.length;
  }

  keepTrailers(block: HeaderBlock): void {
    if (this.#whole) this.#trailers = block.retain();
  }

  /** Nothing stands behind the head. */
  get headOnly(): boolean {
    return this.ended && this.#chunks.length === 0 && this.#trailers === null;
  }

  /** Sends what has come since the head. */
  sendBody(stream: Stream): void {
    const chunks = this.#chunks;
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks[i]!;
      const last = this.ended && this.#trailers === null && i === chunks.length - 1;
      stream.sendData(chunk, 0, chunk.length, last);
    }
    if (this.#trailers !== null) stream.sendHeaders(this.#trailers, true);
  }

  /** The request is on its way for good. */
  forget(): void {
    this.head = null;
    this.#trailers = null;
    this.#chunks = [];
    this.#bytes = 0;
    this.#whole = false;
  }
}
