// One connection's way out: what has been written is handed to the socket in one write, and the next one follows when
// that has completed. Mostly it completes at once, and its memory is free again before the next chunk is read.
import type { Duplex } from 'node:stream';
import type { Flusher } from './flusher.ts';
import { WriteBuffer, WriteFlight } from './write-buffer.ts';

export class ConnectionOutput {
  readonly write: WriteBuffer;
  /** A write has not completed: the socket is full, or encrypts. */
  isWriting = false;
  bytesOut = 0;
  readonly #flusher: Flusher;
  readonly #onDrained: () => void;
  readonly #flight = new WriteFlight();
  readonly #onWritten = (): void => this.#written();
  #socket: Duplex | null = null;
  #issued = 0;
  #completed = 0;

  /** @param onDrained the write that was under way has completed, or failed. */
  constructor(flusher: Flusher, onDrained: () => void) {
    this.#flusher = flusher;
    this.#onDrained = onDrained;
    this.write = new WriteBuffer(flusher.slabs, flusher.chunk);
  }

  /** The socket is connected. */
  attach(socket: Duplex): void {
    this.#socket = socket;
  }

  /** Bytes that wait for the socket, or are under way. */
  get pendingBytes(): number {
    return this.write.bytes + this.#flight.bytes;
  }

  /** Hands over what has been written, unless a write is under way; answers whether it did. */
  flush(): boolean {
    const socket = this.#socket;
    if (this.isWriting || socket === null || this.write.bytes === 0) return false;
    const flight = this.#flight;
    this.write.take(flight);
    this.bytesOut += flight.bytes;
    if (socket.writable) this.#hand(socket, flight.parts);
    if (socket.writable && socket.writableLength > 0) this.isWriting = true;
    else flight.release(this.#flusher.slabs);
    return true;
  }

  #hand(socket: Duplex, parts: readonly Uint8Array[]): void {
    const last = parts.length - 1;
    this.#issued++;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(parts[i]!);
    socket.write(parts[last]!, this.#onWritten);
    if (last > 0) socket.uncork();
  }

  #written(): void {
    this.#completed++;
    if (!this.isWriting || this.#completed < this.#issued) return;
    this.isWriting = false;
    this.#flight.release(this.#flusher.slabs);
    this.#onDrained();
  }
}
