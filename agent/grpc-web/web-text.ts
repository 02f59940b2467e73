// The body of grpc-web-text: base64 in pieces, each of which may end with padding (PROTOCOL-WEB.md, "Message framing").
import { Transform, type TransformCallback } from 'node:stream';

/** Base64 to bytes. Fails where it is none, or ends in the middle of four characters. */
export class TextDecoder64 extends Transform {
  #rest = '';

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const text = this.#rest + chunk.toString('latin1');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    const bytes = decodePieces(text.slice(0, whole));
    if (bytes === null) done(new Error('the body is no base64'));
    else done(null, bytes);
  }

  override _flush(done: TransformCallback): void {
    done(this.#rest === '' ? null : new Error('the body ends in the middle of its base64'));
  }
}

/** `text` is fours of characters; padding may end any of them. */
function decodePieces(text: string): Buffer | null {
  if (!/^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/.test(text)) return null;
  if (!text.slice(0, -4).includes('=')) return Buffer.from(text, 'base64');
  // Node stops at the first padding.
  const pieces = text.match(/[^=]+={0,2}/g) ?? [];
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64')));
}

/** Bytes to base64, each piece as it comes, so that no message waits for the next. */
export class TextEncoder64 extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    done(null, Buffer.from(chunk.toString('base64'), 'latin1'));
  }
}
