// SETTINGS (RFC 9113 section 6.5): what a peer has told us, what we tell it, and the rules of each value.
import { ErrorCode } from './errors.ts';
import { initialWindowBytes } from './flow-window.ts';
import { leastMaxFrameBytes, max31, readUint32 } from './frame.ts';
import type { Http2Limits, Role } from './limits.ts';

/** RFC 9113 section 6.5.2. */
const parameter = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

export const settingBytes = 6;

const maxMaxFrameBytes = 0xff_ffff;

/** What the peer allows us. The initial values are those of the RFC. */
export class PeerSettings {
  headerTableBytes = 4096;
  /** Infinity: no limit. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY;
  initialWindowBytes = initialWindowBytes;
  maxFrameBytes: number = leastMaxFrameBytes;
  /** What a server is willing to read of a request's head; Infinity: no limit. */
  maxHeaderListBytes = Number.POSITIVE_INFINITY;

  /**
   * Takes over the parameters in `buf[start, end)`, whose length is a multiple of 6. Those that are unknown are ignored,
   * and so is a client's MAX_HEADER_LIST_SIZE: it is advisory, and must not get a response reset that has been worked
   * for (CVE-2026-50560). Answers `null`, or what is wrong: the connection can only be ended then.
   */
  apply(buf: Uint8Array, start: number, end: number, peer: Role): SettingsFault | null {
    for (let at = start; at < end; at += settingBytes) {
      const value = readUint32(buf, at + 2);
      switch ((buf[at]! << 8) | buf[at + 1]!) {
        case parameter.HEADER_TABLE_SIZE:
          this.headerTableBytes = value;
          break;
        case parameter.ENABLE_PUSH:
          if (value > 1 || (value === 1 && peer === 'server')) {
            return { code: ErrorCode.PROTOCOL_ERROR, reason: `SETTINGS_ENABLE_PUSH of ${value}` };
          }
          break;
        case parameter.MAX_CONCURRENT_STREAMS:
          this.maxConcurrentStreams = value;
          break;
        case parameter.INITIAL_WINDOW_SIZE:
          if (value > max31) {
            return { code: ErrorCode.FLOW_CONTROL_ERROR, reason: `SETTINGS_INITIAL_WINDOW_SIZE of ${value}` };
          }
          this.initialWindowBytes = value;
          break;
        case parameter.MAX_FRAME_SIZE:
          if (value < leastMaxFrameBytes || value > maxMaxFrameBytes) {
            return { code: ErrorCode.PROTOCOL_ERROR, reason: `SETTINGS_MAX_FRAME_SIZE of ${value}` };
          }
          this.maxFrameBytes = value;
          break;
        case parameter.MAX_HEADER_LIST_SIZE:
          if (peer === 'server') this.maxHeaderListBytes = value;
          break;
      }
    }
    return null;
  }
}

export interface SettingsFault {
  readonly code: number;
  readonly reason: string;
}

/** The payload of our first SETTINGS. */
export function encodeSettings(limits: Http2Limits, role: Role): Buffer {
  const values: (readonly [id: number, value: number])[] = [
    [parameter.HEADER_TABLE_SIZE, limits.headerTableBytes],
    [parameter.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
    [parameter.MAX_FRAME_SIZE, limits.maxFrameBytes],
    [parameter.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ];
  // A server must not send ENABLE_PUSH 1, and need not send 0; a client says that it takes no pushes.
  if (role === 'client') values.push([parameter.ENABLE_PUSH, 0]);
  else values.push([parameter.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams]);
  const payload = Buffer.alloc(values.length * settingBytes);
  values.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * settingBytes);
    payload.writeUInt32BE(value, i * settingBytes + 2);
  });
  return payload;
}
