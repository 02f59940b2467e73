// Private keys in the bytes of a message, wherever they are in it. PEM is the only form in which xDS carries them.

/** Of every PEM block with a private key: PKCS #8, SEC 1, PKCS #1, encrypted or not. */
const keyMark = 'PRIVATE KEY-----';
const endMark = '-----END';
const filler = 'x'.charCodeAt(0);

export function holdsPrivateKey(bytes: Uint8Array): boolean {
  return bufferOf(bytes).includes(keyMark);
}

/** The same message, of the same length, with nothing readable in its keys; `bytes` itself where it has none. */
export function maskPrivateKeys(bytes: Uint8Array): Uint8Array {
  if (!holdsPrivateKey(bytes)) return bytes;
  const masked = Buffer.from(bytes);
  for (let at = masked.indexOf(keyMark); at !== -1; at = masked.indexOf(keyMark, at)) {
    const start = at + keyMark.length;
    const end = masked.indexOf(endMark, start);
    // Without an end it is to be found nowhere, so nothing behind the mark is shown.
    const stop = end === -1 ? masked.length : end;
    masked.fill(filler, start, stop);
    // Behind the mark of the block's end.
    const closing = masked.indexOf(keyMark, stop);
    if (closing === -1) break;
    at = closing + keyMark.length;
  }
  return masked;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
