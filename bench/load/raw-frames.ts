// The frames that our own load generator and endpoint send (RFC 9113 sections 3.4, 4.1 and 6).

export const frameHeaderBytes = 9;
export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;
export const endStream = 0x1;
export const ack = 0x1;
export const endHeaders = 0x4;

/** What we let the peer send: so much that it never waits. */
export const receiveWindow = 0x3fffffff;
const initialWindow = 65_535;

export function writeHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return out.writeUInt32BE(streamId, at + 5);
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const out = Buffer.alloc(frameHeaderBytes + payload.length);
  out.set(payload, writeHeader(out, 0, payload.length, type, flags, streamId));
  return out;
}

export function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(frameType.windowUpdate, 0, 0, payload);
}

export const settingsAckFrame: Buffer = frame(frameType.settings, ack, 0, Buffer.alloc(0));

const initialWindowSetting = [0, 4, ...bytesOf(receiveWindow)];

/** Preface, SETTINGS without push and with our windows, and the connection's window. */
export const clientPreface: Buffer = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  frame(frameType.settings, 0, 0, Buffer.from([0, 2, 0, 0, 0, 0, ...initialWindowSetting])),
  windowUpdate(receiveWindow - initialWindow),
]);

/** SETTINGS with our windows and room for 1000 streams, and the connection's window. */
export const serverPreface: Buffer = Buffer.concat([
  frame(frameType.settings, 0, 0, Buffer.from([0, 3, ...bytesOf(1000), ...initialWindowSetting])),
  windowUpdate(receiveWindow - initialWindow),
]);

function bytesOf(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
