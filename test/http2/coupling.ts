// A downstream stream coupled with an upstream one, as a proxy couples them: what one receives the other sends, and credit
// is given as bytes leave.
import type { Connection, HeaderBlock, Stream, StreamHandler } from '../../agent/http2/index.ts';

export class Coupling implements StreamHandler {
  readonly #downstream: Stream;
  readonly #upstream: Stream;

  constructor(downstream: Stream, upstream: Connection) {
    this.#downstream = downstream;
    this.#upstream = upstream.openStream(this);
  }

  onHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    this.#other(stream).sendHeaders(block, endStream);
  }

  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    this.#other(stream).sendData(buf, start, end, endStream);
  }

  onReset(stream: Stream, code: number): void {
    this.#other(stream).reset(code);
  }

  onSent(stream: Stream, bytes: number): void {
    this.#other(stream).credit(bytes);
  }

  #other(stream: Stream): Stream {
    return stream === this.#downstream ? this.#upstream : this.#downstream;
  }
}
