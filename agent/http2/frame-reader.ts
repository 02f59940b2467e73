// Bytes into frames, whatever the chunks they come in. DATA is passed on as it arrives, in parts where a chunk ends in
// the middle of it; every other frame is passed on whole. Frames are parsed in place: only what a chunk cuts is copied.
import { ErrorCode } from './errors.ts';
import { FrameFlag, FrameType, frameHeaderBytes, preface, readUint31 } from './frame.ts';
import type { ChunkInHand } from './write-slab.ts';

export interface FrameSink {
  /** After a connection error: what follows is dropped. */
  readonly isStopped: boolean;
  /** A whole frame other than DATA: `buf[start, end)` is its payload, valid during the call. */
  onFrame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void;
  /** DATA begins: `length` is the frame's, of which `padding` bytes, its length field included, carry nothing. */
  onDataBegin(flags: number, streamId: number, length: number, padding: number): void;
  /** What has arrived of its payload; at least once for each frame. `isLast`: the payload is complete. */
  onDataPart(buf: Buffer, start: number, end: number, isLast: boolean): void;
  /** The bytes can't be frames: nothing further is read. */
  onReadError(code: number, reason: string): void;
}

const noBytes: Buffer = Buffer.alloc(0);

/**
 * What HEADERS count for in a server's turn: a call costs some sixteen times as much as a frame of another kind. So a
 * client that begins a thousand at once lets others have their turn in between.
 */
const framesPerCall = 16;

export class FrameReader {
  framesIn = 0;
  readonly #sink: FrameSink;
  readonly #chunk: ChunkInHand;
  readonly #maxFrameBytes: number;
  readonly #framesPerHeaders: number;
  /** Frames that may still be read in this turn. */
  #turnLeft = 0;
  /** Bytes of the client's preface that are still to come. */
  #prefaceLeft: number;
  /** A frame other than DATA, or a header, that a chunk has cut: `stash[0, stashed)`. */
  #stash: Buffer = noBytes;
  #stashed = 0;
  /** In the middle of DATA: payload and padding still to come; -1 payload: not in DATA. */
  #dataLeft = -1;
  #paddingLeft = 0;
  /** DATA with padding whose length field is still to come: the frame's length, flags and stream. */
  #paddedLength = -1;
  #paddedFlags = 0;
  #paddedStream = 0;

  /** @param isServer it expects the client's preface first (RFC 9113 section 3.4). */
  constructor(sink: FrameSink, chunk: ChunkInHand, maxFrameBytes: number, isServer: boolean) {
    this.#sink = sink;
    this.#chunk = chunk;
    this.#maxFrameBytes = maxFrameBytes;
    this.#prefaceLeft = isServer ? preface.length : 0;
    this.#framesPerHeaders = isServer ? framesPerCall : 1;
  }

  /** A frame has begun and is not complete; DATA may take its time. */
  get isInsideFrame(): boolean {
    return this.#stashed > 0 || this.#paddedLength >= 0;
  }

  /** Reads about `maxFrames` frames of `buf[start, end)`; answers where it stopped, `end` when all is read. */
  read(buf: Buffer, start: number, end: number, maxFrames: number): number {
    let at = start;
    if (this.#prefaceLeft > 0) at = this.#readPreface(buf, at, end);
    this.#turnLeft = maxFrames;
    while (at < end && !this.#sink.isStopped) {
      if (this.#stashed > 0) at = this.#readIntoStash(buf, at, end);
      else if (this.#dataLeft >= 0) at = this.#readData(buf, at, end);
      else if (this.#paddedLength >= 0) at = this.#readPadLength(buf, at);
      else if (this.#turnLeft <= 0) return at;
      else at = this.#readFrame(buf, at, end);
    }
    return end;
  }

  /** A frame that begins at `at`. */
  #readFrame(buf: Buffer, at: number, end: number): number {
    const payload = at + frameHeaderBytes;
    if (payload > end) return this.#stashRest(buf, at, end, frameHeaderBytes);
    const length = (buf[at]! << 16) | (buf[at + 1]! << 8) | buf[at + 2]!;
    if (length > this.#maxFrameBytes) return this.#refuseLength(length, end);
    const type = buf[at + 3]!;
    this.#turnLeft -= type === FrameType.HEADERS ? this.#framesPerHeaders : 1;
    if (type === FrameType.DATA) {
      this.#beginData(length, buf[at + 4]!, readUint31(buf, at + 5));
      if (this.#dataLeft < 0 || this.#sink.isStopped) return payload;
      // The payload's own header is directly before it: see ChunkInHand.
      if (this.#chunk.buffer === buf) this.#chunk.payloadAt = payload;
      const next = this.#readData(buf, payload, end);
      this.#chunk.payloadAt = -1;
      return next;
    }
    if (payload + length > end) return this.#stashRest(buf, at, end, frameHeaderBytes + length);
    this.framesIn++;
    this.#sink.onFrame(type, buf[at + 4]!, readUint31(buf, at + 5), buf, payload, payload + length);
    return payload + length;
  }

  #refuseLength(length: number, end: number): number {
    this.#sink.onReadError(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes exceeds SETTINGS_MAX_FRAME_SIZE`);
    return end;
  }

  // ---- DATA ----------------------------------------------------------------------------------------------------

  #beginData(length: number, flags: number, streamId: number): void {
    this.framesIn++;
    if ((flags & FrameFlag.PADDED) === 0) {
      this.#dataLeft = length;
      this.#paddingLeft = 0;
      this.#sink.onDataBegin(flags, streamId, length, 0);
      if (length === 0 && !this.#sink.isStopped) this.#endEmptyData();
      return;
    }
    if (length === 0) {
      this.#sink.onReadError(ErrorCode.FRAME_SIZE_ERROR, 'padded DATA without a pad length');
      return;
    }
    this.#paddedLength = length;
    this.#paddedFlags = flags;
    this.#paddedStream = streamId;
  }

  #readPadLength(buf: Buffer, at: number): number {
    const length = this.#paddedLength;
    const padding = buf[at]!;
    this.#paddedLength = -1;
    if (padding >= length) {
      this.#sink.onReadError(ErrorCode.PROTOCOL_ERROR, `DATA of ${length} bytes with ${padding} bytes of padding`);
      return at + 1;
    }
    this.#dataLeft = length - 1 - padding;
    this.#paddingLeft = padding;
    this.#sink.onDataBegin(this.#paddedFlags, this.#paddedStream, length, padding + 1);
    if (this.#dataLeft === 0 && !this.#sink.isStopped) this.#endEmptyData();
    return at + 1;
  }

  #endEmptyData(): void {
    this.#sink.onDataPart(this.#stash, 0, 0, true);
    if (this.#paddingLeft === 0) this.#dataLeft = -1;
  }

  #readData(buf: Buffer, at: number, end: number): number {
    let next = at;
    if (this.#dataLeft > 0) {
      if (at === end) return end;
      next = Math.min(at + this.#dataLeft, end);
      this.#dataLeft -= next - at;
      this.#sink.onDataPart(buf, at, next, this.#dataLeft === 0);
      if (this.#dataLeft > 0) return next;
    }
    const skipped = Math.min(this.#paddingLeft, end - next);
    this.#paddingLeft -= skipped;
    if (this.#paddingLeft === 0) this.#dataLeft = -1;
    return next + skipped;
  }

  // ---- what chunks cut -----------------------------------------------------------------------------------------

  #stashRest(buf: Buffer, at: number, end: number, expected: number): number {
    if (this.#stash.length < expected) this.#stash = Buffer.allocUnsafeSlow(Math.max(expected, 256));
    buf.copy(this.#stash, 0, at, end);
    this.#stashed = end - at;
    return end;
  }

  #readIntoStash(buf: Buffer, start: number, end: number): number {
    let at = this.#fillStash(buf, start, end, frameHeaderBytes);
    if (this.#stashed < frameHeaderBytes) return at;
    const stash = this.#stash;
    const length = (stash[0]! << 16) | (stash[1]! << 8) | stash[2]!;
    if (length > this.#maxFrameBytes) return this.#refuseLength(length, end);
    const type = stash[3]!;
    const flags = stash[4]!;
    const streamId = readUint31(stash, 5);
    if (type === FrameType.DATA) {
      this.#stashed = 0;
      this.#beginData(length, flags, streamId);
      return at;
    }
    const size = frameHeaderBytes + length;
    if (stash.length < size) {
      this.#stash = Buffer.allocUnsafeSlow(size);
      stash.copy(this.#stash, 0, 0, this.#stashed);
    }
    at = this.#fillStash(buf, at, end, size);
    if (this.#stashed < size) return at;
    this.#stashed = 0;
    this.framesIn++;
    this.#sink.onFrame(type, flags, streamId, this.#stash, frameHeaderBytes, size);
    return at;
  }

  #fillStash(buf: Buffer, start: number, end: number, size: number): number {
    const wanted = size - this.#stashed;
    if (wanted <= 0) return start;
    const at = Math.min(start + wanted, end);
    buf.copy(this.#stash, this.#stashed, start, at);
    this.#stashed += at - start;
    return at;
  }

  #readPreface(buf: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefaceLeft > 0) {
      if (buf[at] !== preface[preface.length - this.#prefaceLeft]) {
        this.#sink.onReadError(ErrorCode.PROTOCOL_ERROR, 'the connection does not begin with the HTTP/2 preface');
        return end;
      }
      at++;
      this.#prefaceLeft--;
    }
    return at;
  }
}
