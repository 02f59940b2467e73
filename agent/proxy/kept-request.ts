// What of a request has come and may have to be sent (again): all of it until a connection is there, and up to a limit
// until the response begins, so that a stream which the upstream provably did not process can go to another one.
import type { HeaderBlock, Stream } from '../http2/index.ts';

/** A request that is under way is kept for a transparent retry up to this size. */
const MAX_REPLAY_BYTES = 65_536;

const noChunks: Buffer[] = [];

export class KeptRequest {
  /** The first block, once it must outlive the turn it came in. */
  head: HeaderBlock | null = null;
  /** The client has half-closed. */
  ended = false;
  #trailers: HeaderBlock | null = null;
  /** Most requests are one chunk; an array is made for the second. */
  #first: Buffer | null = null;
  #more: Buffer[] = noChunks;
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
    if (this.#first === null) this.#first = copy;
    else if (this.#more === noChunks) this.#more = [copy];
    else this.#more.push(copy);
    this.#bytes += copy.length;
  }

  keepTrailers(block: HeaderBlock): void {
    if (this.#whole) this.#trailers = block.retain();
  }

  /** Nothing stands behind the head. */
  get headOnly(): boolean {
    return this.ended && this.#first === null && this.#trailers === null;
  }

  /** Sends what has come since the head. */
  sendBody(stream: Stream): void {
    const first = this.#first;
    if (first === null && this.#trailers === null) return;
    const more = this.#more;
    const ends = this.ended && this.#trailers === null;
    if (first !== null) stream.sendData(first, 0, first.length, ends && more.length === 0);
    for (let i = 0; i < more.length; i++) {
      const chunk = more[i]!;
      stream.sendData(chunk, 0, chunk.length, ends && i === more.length - 1);
    }
    if (this.#trailers !== null) stream.sendHeaders(this.#trailers, true);
  }

  /** The request is on its way for good. */
  forget(): void {
    this.head = null;
    this.#trailers = null;
    this.#first = null;
    this.#more = noChunks;
    this.#bytes = 0;
    this.#whole = false;
  }
}
