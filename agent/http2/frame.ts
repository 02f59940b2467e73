// The layout of frames (RFC 9113 sections 4.1 and 6): numbers, and how they are read and written.

/** RFC 9113 section 6. */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** ACK shares its bit with END_STREAM: which of them it is depends on the type. */
export const FrameFlag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

export const frameHeaderBytes = 9;

/** Every frame may be this large; a larger one only where the peer's SETTINGS allow it (RFC 9113 section 4.2). */
export const leastMaxFrameBytes = 16_384;

/** Windows, stream identifiers and increments have 31 bits. */
export const max31 = 0x7fff_ffff;

/** What a client sends first (RFC 9113 section 3.4). */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** A stream identifier, increment or dependency at `at`; its reserved bit is ignored (RFC 9113 section 4.1). */
export function readUint31(buf: Uint8Array, at: number): number {
  return ((buf[at]! & 0x7f) << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!;
}

export function readUint32(buf: Uint8Array, at: number): number {
  return ((buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!) >>> 0;
}

export function writeUint32(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value >>> 24;
  buf[at + 1] = value >>> 16;
  buf[at + 2] = value >>> 8;
  buf[at + 3] = value;
}

export function writeFrameHeader(
  buf: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  buf[at] = length >>> 16;
  buf[at + 1] = length >>> 8;
  buf[at + 2] = length;
  buf[at + 3] = type;
  buf[at + 4] = flags;
  buf[at + 5] = streamId >>> 24;
  buf[at + 6] = streamId >>> 16;
  buf[at + 7] = streamId >>> 8;
  buf[at + 8] = streamId;
}
