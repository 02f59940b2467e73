// Whole gRPC messages out of the bytes of DATA frames, whatever the frames' borders (PROTOCOL-HTTP2.md
// "Length-Prefixed-Message").

/** Why the bytes are no sound messages. */
export type MessageFault = 'too-large' | 'compressed';

const prefixBytes = 5;

export class MessageReader {
  readonly #maxBytes: number;
  readonly #onMessage: (message: Buffer) => void;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixSeen = 0;
  #message: Buffer | null = null;
  #messageSeen = 0;

  /** @param maxBytes of one message. */
  constructor(maxBytes: number, onMessage: (message: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onMessage = onMessage;
  }

  /** Whether bytes of a message have come that is not whole. */
  get isInside(): boolean {
    return this.#prefixSeen > 0;
  }

  /** Copies `buf[start, end)`. After a fault nothing more may be added. */
  add(buf: Buffer, start: number, end: number): MessageFault | null {
    let at = start;
    while (at < end) {
      if (this.#message === null) {
        this.#prefix[this.#prefixSeen++] = buf[at++]!;
        if (this.#prefixSeen < prefixBytes) continue;
        const fault = this.#begin();
        if (fault !== null) return fault;
      } else {
        const copied = buf.copy(this.#message, this.#messageSeen, at, end);
        this.#messageSeen += copied;
        at += copied;
      }
      this.#endIfWhole();
    }
    return null;
  }

  #begin(): MessageFault | null {
    if (this.#prefix[0] !== 0) return 'compressed';
    const bytes = this.#prefix.readUInt32BE(1);
    if (bytes > this.#maxBytes) return 'too-large';
    this.#message = Buffer.allocUnsafe(bytes);
    this.#messageSeen = 0;
    return null;
  }

  #endIfWhole(): void {
    const message = this.#message;
    if (message === null || this.#messageSeen < message.length) return;
    this.#message = null;
    this.#prefixSeen = 0;
    this.#onMessage(message);
  }
}
