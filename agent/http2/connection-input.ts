// What a frame means: the rules of RFC 9113 sections 5 and 6 for both roles. Malformed messages end their stream, a peer
// that can't be understood ends the connection, and whatever is dropped is accounted for all the same.

import type { ControlFrames } from './connection-control.ts';
import type { ConnectionCore } from './connection-core.ts';
import { ErrorCode } from './errors.ts';
import { dueIncrement, initialWindowBytes, unacknowledgedSlack } from './flow-window.ts';
import { FrameFlag, FrameType, readUint31 } from './frame.ts';
import type { FrameSink } from './frame-reader.ts';
import type { HeaderBlock } from './header-contract.ts';
import type { HeaderDecoder } from './header-decoder.ts';
import { HeaderBlockBuffer } from './read-header-block.ts';
import { StreamImpl } from './stream.ts';
import { afterReceivingEnd, judgeLateFrame, StreamState } from './stream-state.ts';

/** A block this many times larger than allowed ends the connection: its sender does not mean a call. */
const hopelessFactor = 4;

export class ConnectionInput implements FrameSink {
  /** What the peer has seen of our SETTINGS. */
  settingsAcknowledged = false;
  readonly #core: ConnectionCore;
  readonly #control: ControlFrames;
  readonly #isServer: boolean;
  readonly #block: HeaderBlockBuffer;
  /** `null` until a header block came: most connections of a fleet are idle. */
  #decoder: HeaderDecoder | null = null;
  /** Received on the connection and not given back yet. */
  #unreturned = 0;
  #receiveWindow: number;
  readonly #windowBytes: number;
  /** Of the DATA frame that is being read; `null`: its stream takes none. */
  #dataStream: StreamImpl | null = null;
  #dataEndsStream = false;

  constructor(core: ConnectionCore, control: ControlFrames) {
    const { limits } = core;
    this.#core = core;
    this.#control = control;
    this.#isServer = core.role === 'server';
    this.#windowBytes = Math.max(limits.connectionWindowBytes, initialWindowBytes);
    this.#receiveWindow = this.#windowBytes;
    this.#block = new HeaderBlockBuffer(limits.maxContinuations);
  }

  get decoder(): HeaderDecoder {
    return this.#decoder ?? this.#createDecoder();
  }

  get isStopped(): boolean {
    return this.#core.ending !== null;
  }

  /** What has begun and is not complete: a number that changes with what it is, 0 when there is nothing. */
  partialMark(framesIn: number, isInsideFrame: boolean): number {
    if (this.#block.streamId !== 0) return -this.#block.count;
    return isInsideFrame ? framesIn + 1 : 0;
  }

  onReadError(code: number, reason: string): void {
    this.#core.fail(code, reason);
  }

  onFrame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    if (this.#block.streamId !== 0) {
      this.#onContinuation(type, flags, streamId, buf, start, end);
      return;
    }
    const core = this.#core;
    if (!core.hasPeerSettings && type !== FrameType.SETTINGS) {
      core.fail(ErrorCode.PROTOCOL_ERROR, 'the first frame is not SETTINGS');
      return;
    }
    switch (type) {
      case FrameType.HEADERS:
        this.#onHeaders(flags, streamId, buf, start, end);
        break;
      case FrameType.CONTINUATION:
        core.fail(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION without HEADERS');
        break;
      case FrameType.PUSH_PROMISE:
        core.fail(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, which was never allowed');
        break;
      default:
        this.#control.onFrame(type, flags, streamId, buf, start, end);
    }
  }

  // ---- header blocks -------------------------------------------------------------------------------------------

  #onHeaders(flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    const core = this.#core;
    if (streamId === 0) {
      core.fail(ErrorCode.PROTOCOL_ERROR, 'HEADERS on stream 0');
      return;
    }
    let from = start;
    let to = end;
    if ((flags & FrameFlag.PADDED) !== 0) {
      if (from === to) {
        core.fail(ErrorCode.FRAME_SIZE_ERROR, 'padded HEADERS without a pad length');
        return;
      }
      to -= buf[from]!;
      from++;
    }
    if ((flags & FrameFlag.PRIORITY) !== 0) {
      if (to - from >= 5 && readUint31(buf, from) === streamId) {
        core.fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} depends on itself`);
        return;
      }
      from += 5;
    }
    if (from > to) {
      core.fail(ErrorCode.PROTOCOL_ERROR, 'HEADERS shorter than their padding and priority');
      return;
    }
    const endsStream = (flags & FrameFlag.END_STREAM) !== 0;
    if ((flags & FrameFlag.END_HEADERS) !== 0) this.#onBlock(streamId, endsStream, buf, from, to);
    else this.#block.begin(streamId, endsStream, buf, from, to);
  }

  #onContinuation(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (type !== FrameType.CONTINUATION || streamId !== block.streamId) {
      this.#core.fail(ErrorCode.PROTOCOL_ERROR, `a header block of stream ${block.streamId} is interrupted`);
      return;
    }
    if (!block.append(buf, start, end)) {
      this.#core.enforce('maxContinuations');
      return;
    }
    if ((flags & FrameFlag.END_HEADERS) === 0) return;
    const { endsStream, buffer, bytes } = block;
    block.finish();
    this.#onBlock(streamId, endsStream, buffer, 0, bytes);
  }

  /** A whole block. It is decoded whatever becomes of it, so that the table stays in step (RFC 9113 section 4.3). */
  #onBlock(streamId: number, endsStream: boolean, buf: Buffer, start: number, end: number): void {
    const core = this.#core;
    const { decoder } = this;
    const block = decoder.decode(buf, start, end);
    if (block === null) {
      core.fail(ErrorCode.COMPRESSION_ERROR, decoder.error ?? 'a header block that can not be decoded');
      return;
    }
    const { oversize } = decoder;
    if (oversize) {
      core.countLimit(decoder.listBytes > core.limits.maxHeaderListBytes ? 'maxHeaderListBytes' : 'maxHeaderFields');
      if (decoder.listBytes > hopelessFactor * core.limits.maxHeaderListBytes) {
        core.fail(ErrorCode.ENHANCE_YOUR_CALM, `a header block of ${decoder.listBytes} bytes`);
        return;
      }
    }
    const isBomb = decoder.listBytes > 2 * (end - start) + core.limits.maxHeaderExpansionBytes;
    if (isBomb) {
      core.countLimit('maxHeaderExpansionBytes');
      if (core.enforce(core.guard.onExpansion(decoder.listBytes, core.nowMs))) return;
    }
    const isTooLarge = oversize || isBomb;
    const stream = core.streams.get(streamId);
    if (stream !== undefined) this.#onBlockOf(stream, endsStream, block, isTooLarge);
    else if (this.#isServer && streamId > core.lastPeerStreamId)
      this.#onNewStream(streamId, endsStream, block, isTooLarge);
    else this.#onLateFrame(FrameType.HEADERS, streamId, endsStream);
  }

  #onNewStream(streamId: number, endsStream: boolean, block: HeaderBlock, isTooLarge: boolean): void {
    const core = this.#core;
    if ((streamId & 1) === 0) {
      core.fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} is not a client's`);
      return;
    }
    // Behind our last GOAWAY: the client knows that it was not served (RFC 9113 section 6.8).
    if (streamId > core.lastStreamId) return;
    core.lastPeerStreamId = streamId;
    if (core.activeStreams >= core.limits.maxConcurrentStreams) {
      core.countLimit('maxConcurrentStreams');
      core.refuse(streamId, ErrorCode.REFUSED_STREAM, 'too many streams');
      return;
    }
    if (core.pinnedBytes > core.limits.maxQueuedBytes) {
      core.countLimit('maxQueuedBytes');
      core.refuse(streamId, ErrorCode.REFUSED_STREAM, 'too much is queued and kept for this client');
      return;
    }
    if (isTooLarge) {
      core.refuse(streamId, ErrorCode.ENHANCE_YOUR_CALM, 'the header block is too large');
      return;
    }
    const problem = block.problem('request');
    if (problem !== null) {
      core.refuse(streamId, ErrorCode.PROTOCOL_ERROR, problem);
      return;
    }
    const expectedBytes = core.heads.contentLength(block);
    if (endsStream && expectedBytes > 0) {
      core.refuse(streamId, ErrorCode.PROTOCOL_ERROR, 'content-length differs from the content');
      return;
    }
    core.guard.onTraffic();
    const stream = new StreamImpl(streamId, core.face, core, core.nowMs);
    stream.receivedHead = true;
    stream.expectedBytes = expectedBytes;
    if (endsStream) stream.state = afterReceivingEnd(stream.state);
    core.addPeerStream(stream);
    stream.handler = core.handler.onStream(stream);
    stream.handler.onHeaders(stream, block, endsStream);
  }

  /** A block on a stream that is there: a response, or trailers. */
  #onBlockOf(stream: StreamImpl, endsStream: boolean, block: HeaderBlock, isTooLarge: boolean): void {
    const core = this.#core;
    if (stream.receivedEnd) {
      this.#onFrameAfterEnd(stream);
      return;
    }
    if (isTooLarge) {
      core.closeForFault(stream, ErrorCode.ENHANCE_YOUR_CALM, 'the header block is too large');
      return;
    }
    const problem = stream.receivedHead
      ? this.#readTrailers(stream, endsStream, block)
      : this.#readResponse(stream, endsStream, block);
    if (problem !== null) {
      core.closeForFault(stream, ErrorCode.PROTOCOL_ERROR, problem);
      return;
    }
    // A 1xx may be repeated without end, and says nothing.
    if (stream.headersAre !== 'informational') core.guard.onTraffic();
    else if (core.enforce(core.guard.onControlFrame(core.nowMs))) return;
    if (endsStream) this.#endReceiving(stream);
    stream.handler.onHeaders(stream, block, endsStream);
  }

  #readTrailers(stream: StreamImpl, endsStream: boolean, block: HeaderBlock): string | null {
    if (!endsStream) return 'a second header block that does not end the stream';
    stream.headersAre = 'trailers';
    return block.problem('trailers') ?? contentProblem(stream);
  }

  #readResponse(stream: StreamImpl, endsStream: boolean, block: HeaderBlock): string | null {
    const problem = block.problem('response');
    if (problem !== null) return problem;
    const status = this.#core.heads.status(block);
    if (status < 200) {
      stream.headersAre = 'informational';
      // RFC 9113 sections 8.1 and 8.6.
      if (endsStream) return `a response of status ${status} that ends the stream`;
      if (status === 101) return 'a response of status 101';
      if (++stream.informationalResponses <= this.#core.limits.maxInformationalResponses) return null;
      this.#core.countLimit('maxInformationalResponses');
      return `more than ${this.#core.limits.maxInformationalResponses} informational responses`;
    }
    stream.headersAre = 'head';
    stream.receivedHead = true;
    // Whatever their content-length says, these have no content (RFC 9110 sections 6.4.1 and 9.3.2), and a client that
    // gets some may end its whole connection.
    const isBare = status === 204 || status === 304 || stream.sentHeadRequest;
    stream.expectedBytes = isBare ? 0 : this.#core.heads.contentLength(block);
    return endsStream ? contentProblem(stream) : null;
  }

  // ---- DATA ----------------------------------------------------------------------------------------------------

  onDataBegin(flags: number, streamId: number, length: number, padding: number): void {
    const core = this.#core;
    this.#dataStream = null;
    if (this.#block.streamId !== 0 || !core.hasPeerSettings || streamId === 0) {
      core.fail(
        ErrorCode.PROTOCOL_ERROR,
        streamId === 0 ? 'DATA on stream 0' : 'DATA inside a header block or before SETTINGS',
      );
      return;
    }
    if (!this.#chargeConnection(length)) return;
    const stream = core.streams.get(streamId);
    if (stream === undefined) {
      this.#onLateFrame(FrameType.DATA, streamId, (flags & FrameFlag.END_STREAM) !== 0);
      return;
    }
    if (stream.receivedEnd) {
      this.#onFrameAfterEnd(stream);
      return;
    }
    if (!stream.receivedHead) {
      core.closeForFault(stream, ErrorCode.PROTOCOL_ERROR, 'DATA before the response');
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow + unacknowledgedSlack(this.settingsAcknowledged, core.streamWindowBytes) < 0) {
      core.countLimit('streamWindowBytes');
      core.closeForFault(stream, ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than its window allows');
      return;
    }
    const endsStream = (flags & FrameFlag.END_STREAM) !== 0;
    if (length > padding) core.guard.onTraffic();
    else if (!endsStream && core.enforce(core.guard.onEmptyFrame(core.nowMs))) return;
    stream.receivedBytes += length - padding;
    const hasTooMuch = stream.expectedBytes >= 0 && stream.receivedBytes > stream.expectedBytes;
    if (hasTooMuch || (endsStream && contentProblem(stream) !== null)) {
      core.closeForFault(stream, ErrorCode.PROTOCOL_ERROR, 'content-length differs from the content');
      return;
    }
    if (padding > 0) stream.credit(padding);
    this.#dataStream = stream;
    this.#dataEndsStream = endsStream;
  }

  onDataPart(buf: Buffer, start: number, end: number, isLast: boolean): void {
    const stream = this.#dataStream;
    // It may have been reset since the frame began.
    if (stream === null || stream.state === StreamState.reset) return;
    const endsStream = isLast && this.#dataEndsStream;
    if (endsStream) this.#endReceiving(stream);
    if (start === end && !endsStream) return;
    stream.handler.onData(stream, buf, start, end, endsStream);
  }

  /** The connection's window is charged whatever becomes of the frame, and credited at once: queues bound the memory. */
  #chargeConnection(length: number): boolean {
    const core = this.#core;
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) {
      core.countLimit('connectionWindowBytes');
      core.fail(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window allows");
      return false;
    }
    this.#unreturned += length;
    const increment = dueIncrement(this.#unreturned, this.#windowBytes);
    if (increment > 0) {
      this.#unreturned = 0;
      this.#receiveWindow += increment;
      core.write.windowUpdate(0, increment);
      core.markDirty();
    }
    return true;
  }

  #endReceiving(stream: StreamImpl): void {
    stream.state = afterReceivingEnd(stream.state);
    if (stream.state === StreamState.ended) this.#core.end(stream);
  }

  #createDecoder(): HeaderDecoder {
    const { limits, environment } = this.#core;
    this.#decoder = environment.shapes.createDecoder({
      maxTableBytes: Math.max(limits.headerTableBytes, 4096),
      maxListBytes: limits.maxHeaderListBytes,
      maxFields: limits.maxHeaderFields,
    });
    return this.#decoder;
  }

  // ---- frames that come too late -------------------------------------------------------------------------------

  /** HEADERS or DATA on a stream that the peer has ended. */
  #onFrameAfterEnd(stream: StreamImpl): void {
    const core = this.#core;
    // A server may treat it as an error of the connection (5.4.1), and so gives a client no reset for nothing.
    if (this.#isServer) core.fail(ErrorCode.STREAM_CLOSED, `a frame behind the end of stream ${stream.id}`);
    else core.closeForFault(stream, ErrorCode.STREAM_CLOSED, 'a frame behind the end of the stream');
  }

  /** HEADERS or DATA on a stream that is not there. */
  #onLateFrame(type: number, streamId: number, endsStream: boolean): void {
    const core = this.#core;
    if (!core.abandoned.isEmpty && core.abandoned.take(streamId, endsStream)) return;
    if (core.isIdle(streamId)) {
      core.fail(ErrorCode.PROTOCOL_ERROR, `a frame on stream ${streamId}, which was never opened`);
      return;
    }
    const verdict = judgeLateFrame(type, core.closedStreams.closedBy(streamId), core.role);
    if (verdict === 'protocol-error')
      core.fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} is not above the last one`);
    else if (verdict === 'stream-closed')
      core.fail(ErrorCode.STREAM_CLOSED, `a frame on stream ${streamId}, which is closed`);
    else core.enforce(core.guard.onControlFrame(core.nowMs));
  }
}

/** What is wrong with the content of a message that is complete (RFC 9113 section 8.1.1). */
function contentProblem(stream: StreamImpl): string | null {
  const { expectedBytes, receivedBytes } = stream;
  return expectedBytes < 0 || expectedBytes === receivedBytes ? null : 'content-length differs from the content';
}
