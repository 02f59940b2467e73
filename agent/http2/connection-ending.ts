// The end of a connection that has been decided: what was written before is delivered or given up, then the socket is
// closed, and a peer that neither reads nor closes is not waited for.
//
//   in order: written, however long the peer takes to read it ─┐
//   for a fault: GOAWAY, written within the time to linger ────┴─▶ our side closed ──the peer's, or time──▶ gone
//   lost, or never connected ──────────────────────────────────────────────────────────────────────────────▲
import type { Duplex } from 'node:stream';
import type { ConnectionCore } from './connection-core.ts';
import type { ConnectionQueues } from './connection-queues.ts';
import type { ConnectionReading } from './connection-reading.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';

export interface EndingParts {
  readonly core: ConnectionCore;
  readonly socket: Duplex;
  readonly timer: ConnectionTimer;
  readonly queues: ConnectionQueues;
  readonly reading: ConnectionReading;
}

export class ConnectionEnding {
  /** The end came in order: what has been written is still delivered, however long the peer takes to read it. */
  isOrderly = false;
  /** Nobody is there to deliver anything to: the peer is gone, or never came. */
  isLost = false;
  readonly #parts: EndingParts;
  #hasEndedSocket = false;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** With each flush from the end on; the streams have been told. */
  flush(): void {
    const { core, socket, timer, queues, reading } = this.#parts;
    const { output } = core;
    if (output.flush()) core.reportAllSent();
    if (this.isLost) {
      socket.destroy();
      return;
    }
    reading.stop();
    if (this.#hasEndedSocket) return;
    if (output.isWriting && this.isOrderly) {
      queues.watchSocket(false);
      reading.update();
      return;
    }
    timer.clear();
    timer.arm(Deadline.linger, core.limits.lingerTimeoutMs);
    if (output.isWriting) return;
    this.#hasEndedSocket = true;
    socket.end();
  }

  /** The peer has had its time: to read, or to close its side. */
  giveUp(): void {
    this.#parts.socket.destroy();
  }
}
