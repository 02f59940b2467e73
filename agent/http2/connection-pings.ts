// Our own PINGs (RFC 9113 section 6.7): numbered, so that an answer is matched with its question and a made-up one with
// none.
import { FrameType, readUint32, writeUint32 } from './frame.ts';
import type { WriteBuffer } from './write-buffer.ts';

interface OutstandingPing {
  readonly sentMs: number;
  readonly onAck: (rttMs: number) => void;
}

/** Stands before the number in the payload. */
const mark = 0x6f_75_74_72;
/** Beyond this, the oldest that was not answered is forgotten. */
const maxOutstanding = 16;

export class Pings {
  /** `null` until one was sent. */
  #outstanding: Map<number, OutstandingPing> | null = null;
  #count = 0;

  send(write: WriteBuffer, nowMs: number, onAck: (rttMs: number) => void): void {
    this.#count = (this.#count + 1) >>> 0;
    const payload = Buffer.allocUnsafe(8);
    writeUint32(payload, 0, mark);
    writeUint32(payload, 4, this.#count);
    this.#outstanding ??= new Map();
    const oldest = this.#outstanding.keys().next();
    if (this.#outstanding.size >= maxOutstanding && !oldest.done) this.#outstanding.delete(oldest.value);
    this.#outstanding.set(this.#count, { sentMs: nowMs, onAck });
    write.control(FrameType.PING, 0, payload, 0, 8);
  }

  /** An answer that we did not ask for is ignored. */
  onAck(payload: Buffer, start: number, nowMs: number): void {
    if (readUint32(payload, start) !== mark) return;
    const count = readUint32(payload, start + 4);
    const ping = this.#outstanding?.get(count);
    if (ping === undefined) return;
    this.#outstanding!.delete(count);
    ping.onAck(nowMs - ping.sentMs);
  }

  clear(): void {
    this.#outstanding = null;
  }
}
