// One connection's way in: chunks into frames, no more of them in one turn than is fair, and none while the peer does
// not read our answers.
import type { Duplex } from 'node:stream';
import type { ConnectionStats } from './connection-contract.ts';
import type { ConnectionCore } from './connection-core.ts';
import type { ConnectionInput } from './connection-input.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';
import { FrameReader } from './frame-reader.ts';
import type { TurnQueue, TurnTaker } from './turn-queue.ts';

export class ConnectionReading implements TurnTaker {
  bytesIn = 0;
  readonly #core: ConnectionCore;
  readonly #input: ConnectionInput;
  readonly #reader: FrameReader;
  readonly #socket: Duplex;
  readonly #timer: ConnectionTimer;
  readonly #turns: TurnQueue;
  readonly #onRest: (rest: Buffer) => void;
  /** What a chunk held beyond the frames of one turn; read in the next. */
  #rest: Buffer | null = null;
  #isPaused = false;
  /** Which incomplete frame or block the deadline is for. */
  #partialMark = 0;

  /** @param onRest called in a later turn with what was put off. */
  constructor(
    core: ConnectionCore,
    input: ConnectionInput,
    socket: Duplex,
    timer: ConnectionTimer,
    onRest: (rest: Buffer) => void,
  ) {
    this.#core = core;
    this.#input = input;
    this.#socket = socket;
    this.#timer = timer;
    this.#onRest = onRest;
    const { flusher } = core.environment;
    this.#turns = flusher.turns;
    this.#reader = new FrameReader(input, flusher.chunk, core.limits.maxFrameBytes, core.role === 'server');
  }

  get stats(): ConnectionStats {
    const { output, streamsOpened, limitsHit } = this.#core;
    return {
      framesIn: this.#reader.framesIn,
      framesOut: output.write.totalFrames,
      bytesIn: this.bytesIn,
      bytesOut: output.bytesOut,
      streamsOpened,
      limitsHit: { ...limitsHit },
    };
  }

  /** Handles the frames of `buf[0, bytes)`. Throws what handlers throw. */
  read(buf: Buffer, bytes: number): void {
    // What was put off comes first.
    if (this.#rest !== null) {
      this.#rest = Buffer.concat([this.#rest, buf.subarray(0, bytes)]);
      return;
    }
    const at = this.#reader.read(buf, 0, bytes, this.#core.limits.maxFramesPerTurn);
    if (at < bytes) {
      this.#rest = Buffer.from(buf.subarray(at, bytes));
      this.#turns.wait(this);
      this.update();
    }
    this.#watchPartialFrame();
  }

  /** Pauses or resumes the socket, as things stand after a flush. */
  update(): void {
    const { output, limits } = this.#core;
    const isFull =
      output.isWriting && (output.pendingBytes > limits.maxOutputBytes || output.write.frames > limits.maxOutputFrames);
    const isPaused = isFull || this.#rest !== null;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isFull) this.#core.countLimit('maxOutputBytes');
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Nothing is handled any more; what still comes is read to its end. */
  stop(): void {
    this.#rest = null;
    this.#isPaused = false;
    this.#socket.resume();
  }

  takeTurn(): void {
    const rest = this.#rest;
    this.#rest = null;
    if (rest === null) return;
    this.#onRest(rest);
    this.update();
  }

  #watchPartialFrame(): void {
    const mark = this.#input.partialMark(this.#reader.framesIn, this.#reader.isInsideFrame);
    if (mark === this.#partialMark) return;
    this.#partialMark = mark;
    if (mark === 0) this.#timer.disarm(Deadline.partialFrame);
    else this.#timer.arm(Deadline.partialFrame, this.#core.limits.headerBlockTimeoutMs);
  }
}
