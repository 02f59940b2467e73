// What of a request has come and may have to be sent (again): all of it until a connection is there, and up to a limit
// until the response begins, so that a stream which the upstream provably did not process can go to another one.
import type { HeaderBlock, Stream } from '../http2/index.ts';

/** A request that is under way is kept for a transparent retry up to this size. */
const MAX_REPLAY_BYTES = 65_536;

const noBody = Buffer.alloc(0);

/** The connection that a request came on: what is kept of all of them is bounded there. */
export interface Keeper {
  keep(bytes: number): void;
  readonly keepsMuch: boolean;
}

export class KeptRequest {
  /** The first block, once it must outlive the turn it came in. */
  head: HeaderBlock | null = null;
  /** The client has half-closed. */
  ended = false;
  #trailers: HeaderBlock | null = null;
  /** `#body[0, #bytes)` is what came: one piece, so that a request in tiny frames costs what its bytes cost. */
  #body: Buffer = noBody;
  #bytes = 0;
  /** False once something was forgotten: the request can't be sent from its beginning any more. */
  #whole = true;
  readonly #keeper: Keeper;
  /** What the keeper has been told of. */
  #keptBytes = 0;

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  get replayable(): boolean {
    return this.#whole && this.head !== null;
  }

  keepHead(block: HeaderBlock): void {
    if (this.head !== null) return;
    this.head = block.retain();
    this.#note(block.ownBytes);
  }

  /** Copies `buf[start, end)`. Without a stream it must be kept, and the stream's window bounds it; else the limit does. */
  keepData(buf: Buffer, start: number, end: number, underWay: boolean): void {
    if (!this.#whole || start === end) return;
    if (underWay && (this.#bytes + (end - start) > MAX_REPLAY_BYTES || this.#keeper.keepsMuch)) {
      this.#forgetBody();
      return;
    }
    const bytes = this.#bytes + (end - start);
    if (bytes > this.#body.length) {
      // Most requests are one frame and take no more than that; those that go on grow by doubling.
      const grown = Buffer.allocUnsafe(this.#bytes === 0 ? bytes : 2 * bytes);
      this.#note(grown.length - this.#body.length);
      this.#body.copy(grown, 0, 0, this.#bytes);
      this.#body = grown;
    }
    buf.copy(this.#body, this.#bytes, start, end);
    this.#bytes = bytes;
  }

  keepTrailers(block: HeaderBlock): void {
    if (!this.#whole) return;
    this.#trailers = block.retain();
    this.#note(block.ownBytes);
  }

  /** Nothing stands behind the head. */
  get headOnly(): boolean {
    return this.ended && this.#bytes === 0 && this.#trailers === null;
  }

  /** Sends what has come since the head. */
  sendBody(stream: Stream): void {
    if (this.#bytes > 0) stream.sendData(this.#body, 0, this.#bytes, this.ended && this.#trailers === null);
    if (this.#trailers !== null) stream.sendHeaders(this.#trailers, true);
  }

  /** The request is on its way for good. */
  forget(): void {
    this.head = null;
    this.#forgetBody();
    this.#note(-this.#keptBytes);
  }

  #note(bytes: number): void {
    if (bytes === 0) return;
    this.#keptBytes += bytes;
    this.#keeper.keep(bytes);
  }

  #forgetBody(): void {
    this.#note(-this.#body.length);
    this.#trailers = null;
    this.#body = noBody;
    this.#bytes = 0;
    this.#whole = false;
  }
}
