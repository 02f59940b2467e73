// Client: streams that nobody wants any more and that may not be reset yet, since a peer that counts resets (Netty: 200
// in 30 s) would close the connection on calls of others. They are over on our side; what still comes for them is
// dropped. They are reset when their turn comes, or end with the connection, whichever is first.

/** Frames that may still come for each: what its window lets in, and its headers. Beyond, they count as control frames. */
const framesEach = 64;

interface Abandoned {
  readonly code: number;
  framesLeft: number;
}

export class AbandonedStreams {
  readonly #streams = new Map<number, Abandoned>();

  get isEmpty(): boolean {
    return this.#streams.size === 0;
  }

  add(streamId: number, code: number): void {
    this.#streams.set(streamId, { code, framesLeft: framesEach });
  }

  /** A frame came. Answers whether it is dropped without any charge. */
  take(streamId: number, endsStream: boolean): boolean {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return false;
    if (endsStream) this.#streams.delete(streamId);
    return --stream.framesLeft >= 0;
  }

  /** The one that was abandoned first, which is no more; `null`: there is none. */
  next(): { readonly streamId: number; readonly code: number } | null {
    for (const [streamId, { code }] of this.#streams) {
      this.#streams.delete(streamId);
      return { streamId, code };
    }
    return null;
  }
}
