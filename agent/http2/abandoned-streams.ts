// Client: streams that nobody wants any more and that may not be reset yet, since a peer that counts resets (Netty: 200
// in 30 s) would close the connection on calls of others. They are over on our side; what still comes for them is
// dropped. They are reset when their turn comes, or end with the connection, whichever is first, and until then their
// handlers count them as work of the peer's.
import type { StreamImpl } from './stream.ts';

/** Frames that may still come for each: what its window lets in, and its headers. Beyond, they count as control frames. */
const framesEach = 64;

interface Abandoned {
  readonly stream: StreamImpl;
  readonly code: number;
  framesLeft: number;
}

export class AbandonedStreams {
  /** `null` until there was one. */
  #streams: Map<number, Abandoned> | null = null;

  add(stream: StreamImpl, code: number): void {
    stream.isAbandoned = true;
    this.#streams ??= new Map();
    this.#streams.set(stream.id, { stream, code, framesLeft: framesEach });
  }

  /** A frame came for that stream. Answers whether it is dropped without any charge. */
  take(streamId: number, endsStream: boolean): boolean {
    const abandoned = this.#streams?.get(streamId);
    if (abandoned === undefined) return false;
    if (endsStream) this.#end(abandoned);
    return --abandoned.framesLeft >= 0;
  }

  /** Ends the one that was abandoned first, and answers how it is to be reset; `null`: there is none. */
  next(): { readonly streamId: number; readonly code: number } | null {
    for (const abandoned of this.#streams?.values() ?? []) {
      this.#end(abandoned);
      return { streamId: abandoned.stream.id, code: abandoned.code };
    }
    return null;
  }

  #end({ stream }: Abandoned): void {
    this.#streams?.delete(stream.id);
    stream.isAbandoned = false;
    stream.handler.onGone?.(stream);
  }
}
