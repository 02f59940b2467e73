// Trailers as the last frame of a body, where pages can read them (PROTOCOL-WEB.md, "Message framing"): bit 7 of the
// frame's flags, then a block like that of HTTP/1.

const trailersFlag = 0x80;

export function encodeWebTrailers(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  let block = '';
  for (const [name, value] of fields) block += `${name.toLowerCase()}: ${value}\r\n`;
  const frame = Buffer.alloc(5 + Buffer.byteLength(block, 'latin1'));
  frame.writeUInt8(trailersFlag, 0);
  frame.writeUInt32BE(frame.length - 5, 1);
  frame.write(block, 5, 'latin1');
  return frame;
}
