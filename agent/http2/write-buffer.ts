// Frames on their way to one socket: small ones are written into slabs, large DATA of the chunk in hand stands beside
// them as slices. No socket here: `take` hands everything over as a list of buffers.
import { FrameFlag, FrameType, frameHeaderBytes, writeFrameHeader, writeUint32 } from './frame.ts';
import type { HeaderBlock } from './header-contract.ts';
import type { HeaderEncoder } from './header-encoder.ts';
import type { ReadBuffer } from './read-buffer.ts';
import type { StreamQueue } from './stream-queue.ts';
import { type ChunkInHand, type SlabPool, slabBytes } from './write-slab.ts';

/** From here on a slice costs less than a copy. */
const minSliceBytes = 8192;

const noSlab: Buffer = Buffer.alloc(0);

/** What has been handed to a socket and may be in use until its callback. */
export class WriteFlight {
  parts: Uint8Array[] = [];
  slabs: Buffer[] = [];
  sources: ReadBuffer[] = [];
  bytes = 0;

  /** The socket needs none of it any more. */
  release(pool: SlabPool): void {
    for (let i = 0; i < this.slabs.length; i++) pool.give(this.slabs[i]!);
    for (let i = 0; i < this.sources.length; i++) this.sources[i]!.release();
    this.parts.length = 0;
    this.slabs.length = 0;
    this.sources.length = 0;
    this.bytes = 0;
  }
}

export class WriteBuffer {
  /** Frames since the last `take`, and since the beginning. */
  frames = 0;
  totalFrames = 0;
  /** HEADERS and DATA since the beginning: a header block counts once. */
  messageFrames = 0;
  readonly #pool: SlabPool;
  readonly #chunk: ChunkInHand;
  /** What stands before `slab[from, at)`. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #slabs: Buffer[] = [];
  #sources: ReadBuffer[] = [];
  #slab: Buffer = noSlab;
  #from = 0;
  #at = 0;
  /** A slice that may still grow, behind the parts and before the slab's bytes; `null`: none. */
  #slice: Buffer | null = null;
  #sliceFrom = 0;
  #sliceTo = 0;

  constructor(pool: SlabPool, chunk: ChunkInHand) {
    this.#pool = pool;
    this.#chunk = chunk;
  }

  get bytes(): number {
    return this.#partBytes + this.#sliceTo - this.#sliceFrom + this.#at - this.#from;
  }

  // ---- frames --------------------------------------------------------------------------------------------------

  /** HEADERS, and CONTINUATION where the block exceeds `maxFrameBytes`. */
  headers(
    encoder: HeaderEncoder,
    block: HeaderBlock,
    streamId: number,
    endStream: boolean,
    maxFrameBytes: number,
  ): void {
    this.messageFrames++;
    this.#reserve(frameHeaderBytes + encoder.maxBytes(block));
    const at = this.#at;
    const slab = this.#slab;
    const end = encoder.encode(block, slab, at + frameHeaderBytes);
    const length = end - at - frameHeaderBytes;
    const endFlag = endStream ? FrameFlag.END_STREAM : 0;
    if (length <= maxFrameBytes) {
      writeFrameHeader(slab, at, length, FrameType.HEADERS, endFlag | FrameFlag.END_HEADERS, streamId);
      this.#at = end;
      this.#count();
      return;
    }
    const encoded = Buffer.from(slab.subarray(at + frameHeaderBytes, end));
    for (let from = 0; from < length; from += maxFrameBytes) {
      const to = Math.min(from + maxFrameBytes, length);
      const type = from === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const flags = (from === 0 ? endFlag : 0) | (to === length ? FrameFlag.END_HEADERS : 0);
      const payload = this.#frame(to - from, type, flags, streamId);
      encoded.copy(this.#slab, payload, from, to);
    }
  }

  /** One DATA frame with `buf[start, end)`, which is copied unless it is large and of the chunk in hand. */
  data(streamId: number, buf: Buffer, start: number, end: number, endStream: boolean, mayRefer: boolean): void {
    this.messageFrames++;
    const length = end - start;
    const flags = endStream ? FrameFlag.END_STREAM : 0;
    if (length >= minSliceBytes && mayRefer && this.#chunk.mayRefer(buf)) {
      this.#sliceOf(streamId, buf, start, end, flags);
      return;
    }
    const at = this.#frame(length, FrameType.DATA, flags, streamId);
    if (length > 64) buf.copy(this.#slab, at, start, end);
    else {
      const slab = this.#slab;
      for (let i = 0; i < length; i++) slab[at + i] = buf[start + i]!;
    }
  }

  /** One DATA frame with the first `bytes` of a queue, whatever pieces they are in, which are taken from it. */
  queuedData(streamId: number, queue: StreamQueue, bytes: number, endStream: boolean): void {
    this.messageFrames++;
    let at = this.#frame(bytes, FrameType.DATA, endStream ? FrameFlag.END_STREAM : 0, streamId);
    for (let left = bytes; left > 0; ) {
      const start = queue.firstStart;
      const length = Math.min(left, queue.firstEnd - start);
      queue.firstChunk.copy(this.#slab, at, start, start + length);
      queue.consume(length);
      at += length;
      left -= length;
    }
  }

  reset(streamId: number, code: number): void {
    const at = this.#frame(4, FrameType.RST_STREAM, 0, streamId);
    writeUint32(this.#slab, at, code);
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#frame(4, FrameType.WINDOW_UPDATE, 0, streamId);
    writeUint32(this.#slab, at, increment);
  }

  /** PING or SETTINGS or GOAWAY, or anything else whose payload is at hand. */
  control(type: number, flags: number, payload: Uint8Array, start: number, end: number): void {
    const at = this.#frame(end - start, type, flags, 0);
    const slab = this.#slab;
    for (let i = start; i < end; i++) slab[at + i - start] = payload[i]!;
  }

  goAway(lastStreamId: number, code: number, debug: string): void {
    const text = Buffer.from(debug.slice(0, 256), 'latin1');
    const at = this.#frame(8 + text.length, FrameType.GOAWAY, 0, 0);
    writeUint32(this.#slab, at, lastStreamId);
    writeUint32(this.#slab, at + 4, code);
    text.copy(this.#slab, at + 8);
  }

  /** Bytes that are no frame: the client's preface. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Writes a frame's header and makes room for its payload; answers where in the slab that is. */
  #frame(length: number, type: number, flags: number, streamId: number): number {
    this.#reserve(frameHeaderBytes + length);
    const at = this.#at;
    writeFrameHeader(this.#slab, at, length, type, flags, streamId);
    this.#at = at + frameHeaderBytes + length;
    this.#count();
    return at + frameHeaderBytes;
  }

  // ---- memory --------------------------------------------------------------------------------------------------

  /** Moves everything to `flight`, which is empty. */
  take(flight: WriteFlight): void {
    this.#endSlice();
    this.#endSlabPart();
    flight.bytes = this.#partBytes;
    if (this.#slab !== noSlab) this.#slabs.push(this.#slab);
    const { parts, slabs, sources } = flight;
    flight.parts = this.#parts;
    flight.slabs = this.#slabs;
    flight.sources = this.#sources;
    this.#parts = parts;
    this.#slabs = slabs;
    this.#sources = sources;
    this.#partBytes = 0;
    this.#slab = noSlab;
    this.#from = 0;
    this.#at = 0;
    this.frames = 0;
  }

  #count(): void {
    this.frames++;
    this.totalFrames++;
  }

  #reserve(bytes: number): void {
    // What stands in the slab now comes behind the slice.
    if (this.#slice !== null) this.#endSlice();
    if (this.#slab.length - this.#at >= bytes) return;
    this.#endSlabPart();
    if (this.#slab !== noSlab) this.#slabs.push(this.#slab);
    this.#slab = bytes <= slabBytes ? this.#pool.take() : Buffer.allocUnsafeSlow(bytes);
    this.#from = 0;
    this.#at = 0;
  }

  #sliceOf(streamId: number, buf: Buffer, start: number, end: number, flags: number): void {
    const chunk = this.#chunk;
    const length = end - start;
    if (chunk.payloadAt !== start) {
      this.#reserve(frameHeaderBytes);
      writeFrameHeader(this.#slab, this.#at, length, FrameType.DATA, flags, streamId);
      this.#at += frameHeaderBytes;
      this.#count();
      this.#beginSlice(buf, start, end);
      return;
    }
    // The frame is as it came but for its header, which is rewritten where it stands: frames that follow each other in
    // the chunk are one slice. Once only: the same bytes may go to a second stream.
    chunk.payloadAt = -1;
    const from = start - frameHeaderBytes;
    writeFrameHeader(buf, from, length, FrameType.DATA, flags, streamId);
    this.#count();
    if (this.#slice === buf && this.#sliceTo === from) this.#sliceTo = end;
    else this.#beginSlice(buf, from, end);
  }

  #beginSlice(buf: Buffer, from: number, to: number): void {
    this.#endSlice();
    this.#endSlabPart();
    this.#slice = buf;
    this.#sliceFrom = from;
    this.#sliceTo = to;
    const { source } = this.#chunk;
    if (this.#sources[this.#sources.length - 1] === source) return;
    source.hold();
    this.#sources.push(source);
  }

  #endSlice(): void {
    const slice = this.#slice;
    if (slice === null) return;
    this.#parts.push(slice.subarray(this.#sliceFrom, this.#sliceTo));
    this.#partBytes += this.#sliceTo - this.#sliceFrom;
    this.#slice = null;
    this.#sliceFrom = 0;
    this.#sliceTo = 0;
  }

  #endSlabPart(): void {
    if (this.#at === this.#from) return;
    this.#parts.push(this.#slab.subarray(this.#from, this.#at));
    this.#partBytes += this.#at - this.#from;
    this.#from = this.#at;
  }
}
