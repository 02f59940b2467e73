// The frames that carry no message: SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM, PRIORITY, and those that are
// unknown. Each costs the peer's budget; all are checked before they do anything.
import type { ConnectionCore } from './connection-core.ts';
import { prematureMs } from './connection-guard.ts';
import { ErrorCode } from './errors.ts';
import { isWindowOverflow, streamSendWindow } from './flow-window.ts';
import { FrameFlag, FrameType, max31, readUint31, readUint32 } from './frame.ts';
import { settingBytes } from './settings.ts';

/** What the connection's life needs to know of these frames. */
export interface ControlEvents {
  onSettings(): void;
  onSettingsAck(): void;
  onPing(): void;
  onPingAck(payload: Buffer, start: number): void;
  /** `lastStreamId` and `code` have been checked; `debug` is latin1. */
  onGoAway(lastStreamId: number, code: number, debug: string): void;
}

const maxDebugBytes = 256;

export class ControlFrames {
  readonly #core: ConnectionCore;
  readonly #events: ControlEvents;
  /** At least the largest credit of any stream, so that most SETTINGS need no look at the streams. */
  #largestCredit = 0;
  #lastGoAway = max31;

  constructor(core: ConnectionCore, events: ControlEvents) {
    this.#core = core;
    this.#events = events;
  }

  onFrame(type: number, flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    const core = this.#core;
    const length = end - start;
    if (type === FrameType.RST_STREAM) {
      this.#onReset(streamId, buf, start, length);
      return;
    }
    if (core.enforce(core.guard.onControlFrame(core.nowMs))) return;
    switch (type) {
      case FrameType.SETTINGS:
        this.#onSettings(flags, streamId, buf, start, end);
        break;
      case FrameType.PING:
        if (this.#isSound('PING', length === 8, streamId === 0)) this.#onPing(flags, buf, start, end);
        break;
      case FrameType.GOAWAY:
        if (this.#isSound('GOAWAY', length >= 8, streamId === 0)) this.#onGoAway(buf, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        if (this.#isSound('WINDOW_UPDATE', length === 4, true)) this.#onWindowUpdate(streamId, readUint31(buf, start));
        break;
      case FrameType.PRIORITY:
        // Deprecated (RFC 9113 section 5.3.2): checked and ignored.
        if (this.#isSound('PRIORITY', length === 5, streamId !== 0) && readUint31(buf, start) === streamId) {
          core.fail(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} depends on itself`);
        }
        break;
    }
  }

  #isSound(name: string, hasRightLength: boolean, isOnRightStream: boolean): boolean {
    if (!isOnRightStream) this.#core.fail(ErrorCode.PROTOCOL_ERROR, `${name} on a stream where it can't be`);
    else if (!hasRightLength) this.#core.fail(ErrorCode.FRAME_SIZE_ERROR, `${name} of a wrong length`);
    return isOnRightStream && hasRightLength;
  }

  #onReset(streamId: number, buf: Buffer, start: number, length: number): void {
    const core = this.#core;
    if (!this.#isSound('RST_STREAM', length === 4, streamId !== 0)) return;
    const stream = core.streams.get(streamId);
    if (stream === undefined) {
      if (core.abandoned.take(streamId, true)) return;
      if (core.isIdle(streamId))
        core.fail(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on stream ${streamId}, which was never opened`);
      else core.enforce(core.guard.onControlFrame(core.nowMs));
      return;
    }
    const code = readUint32(buf, start);
    const isPremature = core.role === 'server' && !stream.sentHead && core.nowMs - stream.openedMs < prematureMs;
    core.closeByPeer(stream, code, core.role === 'client' && code === ErrorCode.REFUSED_STREAM);
    if (isPremature) core.enforce(core.guard.onPrematureReset(core.nowMs));
  }

  #onSettings(flags: number, streamId: number, buf: Buffer, start: number, end: number): void {
    const core = this.#core;
    const length = end - start;
    const isAck = (flags & FrameFlag.ACK) !== 0;
    if (!this.#isSound('SETTINGS', isAck ? length === 0 : length % settingBytes === 0, streamId === 0)) return;
    if (isAck) {
      if (core.hasPeerSettings) this.#events.onSettingsAck();
      else core.fail(ErrorCode.PROTOCOL_ERROR, 'the first SETTINGS are an acknowledgement');
      return;
    }
    if (length > core.limits.maxSettingsEntries * settingBytes) {
      core.enforce('maxSettingsEntries');
      return;
    }
    const { peerSettings } = core;
    const { initialWindowBytes, headerTableBytes } = peerSettings;
    const fault = peerSettings.apply(buf, start, end, core.role === 'server' ? 'client' : 'server');
    if (fault !== null) {
      core.fail(fault.code, fault.reason);
      return;
    }
    if (peerSettings.headerTableBytes !== headerTableBytes)
      core.encoder.setPeerMaxTableBytes(peerSettings.headerTableBytes);
    if (peerSettings.initialWindowBytes > initialWindowBytes) {
      if (this.#overflowsSomeStream(peerSettings.initialWindowBytes)) {
        core.fail(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window too large");
        return;
      }
      if (core.enforce(core.guard.onStreamsWoken(core.scheduler.wakeAll(), core.nowMs))) return;
    }
    core.hasPeerSettings = true;
    core.hasNewRoom = true;
    core.write.control(FrameType.SETTINGS, FrameFlag.ACK, buf, start, start);
    core.markDirty();
    this.#events.onSettings();
  }

  /** RFC 9113 section 6.9.2. The streams are looked at only when one of them may be concerned. */
  #overflowsSomeStream(initialWindow: number): boolean {
    if (!isWindowOverflow(streamSendWindow(this.#largestCredit, initialWindow))) return false;
    this.#largestCredit = 0;
    for (const { sendCredit } of this.#core.streams.all()) {
      if (sendCredit > this.#largestCredit) this.#largestCredit = sendCredit;
    }
    return isWindowOverflow(streamSendWindow(this.#largestCredit, initialWindow));
  }

  #onPing(flags: number, buf: Buffer, start: number, end: number): void {
    if ((flags & FrameFlag.ACK) !== 0) {
      this.#events.onPingAck(buf, start);
      return;
    }
    this.#core.write.control(FrameType.PING, FrameFlag.ACK, buf, start, end);
    this.#core.markDirty();
    this.#events.onPing();
  }

  #onGoAway(buf: Buffer, start: number, end: number): void {
    const lastStreamId = readUint31(buf, start);
    if (lastStreamId > this.#lastGoAway) {
      this.#core.fail(ErrorCode.PROTOCOL_ERROR, 'GOAWAY with a higher last stream than before');
      return;
    }
    this.#lastGoAway = lastStreamId;
    const debug = buf.toString('latin1', start + 8, Math.min(end, start + 8 + maxDebugBytes));
    this.#events.onGoAway(lastStreamId, readUint32(buf, start + 4), debug);
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    const core = this.#core;
    if (streamId === 0) {
      if (increment === 0) core.fail(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0 on the connection');
      else if (isWindowOverflow(core.sendWindow + increment)) {
        core.fail(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window exceeds 2^31-1");
      } else {
        core.sendWindow += increment;
        core.wakeIfQueued();
      }
      return;
    }
    const stream = core.streams.get(streamId);
    if (stream === undefined) {
      if (core.isIdle(streamId))
        core.fail(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on stream ${streamId}, which was never opened`);
      return;
    }
    if (increment === 0) {
      core.closeForFault(stream, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
      return;
    }
    stream.sendCredit += increment;
    if (isWindowOverflow(streamSendWindow(stream.sendCredit, core.peerSettings.initialWindowBytes))) {
      core.closeForFault(stream, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window exceeds 2^31-1");
      return;
    }
    if (stream.sendCredit > this.#largestCredit) this.#largestCredit = stream.sendCredit;
    core.scheduler.wake(stream);
    core.wakeIfQueued();
  }
}
