// The percent coding of grpc-message. Source: PROTOCOL-HTTP2.md "Responses"; reference http2.md 70.

/** A message of ours is cut to this many coded bytes: clients refuse trailers of more than 8 KiB by default. */
const MAX_ENCODED_BYTES = 4_096;
const CUT_MARK = '...';
const HEX = '0123456789ABCDEF';

/**
 * A message as the field's ASCII text: UTF-8, of which the bytes 0x20 to 0x7E but `%` stand for themselves and all others
 * as `%XX`, and so do spaces at its edges, which no field may have (RFC 9113 section 8.2.1). Longer than 4,096 bytes it
 * is cut, between characters, and ends in `...`.
 */
export function encodeGrpcMessage(message: string): string {
  const encoded = encodeText(message);
  return encoded.startsWith(' ') || encoded.endsWith(' ') ? encoded.replace(/^ | $/g, '%20') : encoded;
}

function encodeText(message: string): string {
  if (message.length <= MAX_ENCODED_BYTES && /^[ -$&-~]*$/.test(message)) return message;
  let encoded = '';
  for (const character of message) {
    const next = encodeCharacter(character);
    if (encoded.length + next.length > MAX_ENCODED_BYTES - CUT_MARK.length) return encoded + CUT_MARK;
    encoded += next;
  }
  return encoded;
}

/** The text of a field; a `%` that no two hex digits follow stays, and bytes that are no UTF-8 become U+FFFD. */
export function decodeGrpcMessage(field: string): string {
  if (!/[%\x80-\xff]/.test(field)) return field;
  const bytes = Buffer.allocUnsafe(field.length);
  let length = 0;
  for (let at = 0; at < field.length; at++) {
    const coded = field[at] === '%' ? field.slice(at + 1, at + 3) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(coded)) {
      bytes[length++] = Number.parseInt(coded, 16);
      at += 2;
    } else {
      bytes[length++] = field.charCodeAt(at);
    }
  }
  return bytes.toString('utf8', 0, length);
}

function encodeCharacter(character: string): string {
  if (/^[ -$&-~]$/.test(character)) return character;
  let encoded = '';
  for (const byte of Buffer.from(character, 'utf8')) encoded += `%${HEX[byte >> 4]}${HEX[byte & 15]}`;
  return encoded;
}
