// Is the peer still there? A PING is sent when nothing has come for a while, and the connection ends when nothing comes
// behind it (gRFC A8, A18). The other way round: a client that pings more than it needs to is told so (A8).
import type { ConnectionCore } from './connection-core.ts';
import type { Pings } from './connection-pings.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';
import { ErrorCode } from './errors.ts';

/** The part of the time for an answer behind which a connection is suspect, and at most so long. */
const suspectShare = 1 / 4;
const maxSuspectMs = 1000;

export class ConnectionKeepalive {
  readonly #core: ConnectionCore;
  readonly #timer: ConnectionTimer;
  readonly #pings: Pings;
  /** Bytes received so far: any byte is a sign of life. */
  readonly #bytesIn: () => number;
  readonly #onAck = (): void => {
    this.#timer.disarm(Deadline.keepaliveAnswer);
    this.watch();
  };
  #bytesSeen = 0;
  /** Looks for an answer to the PING that is out. */
  #looks = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #messageFramesSeen = 0;
  #strikes = 0;

  constructor(core: ConnectionCore, timer: ConnectionTimer, pings: Pings, bytesIn: () => number) {
    this.#core = core;
    this.#timer = timer;
    this.#pings = pings;
    this.#bytesIn = bytesIn;
  }

  /** The connection is up, or the peer has shown that it lives. */
  watch(): void {
    const core = this.#core;
    this.#bytesSeen = this.#bytesIn();
    if (core.isSuspect) {
      core.isSuspect = false;
      core.hasNewRoom = true;
      core.markDirty();
    }
    this.#timer.arm(Deadline.keepalive, core.limits.keepaliveTimeMs);
  }

  /** So long nothing may have come. A silent peer is asked between one and two times `keepaliveTimeMs` after its last byte. */
  onKeepaliveDeadline(): void {
    const core = this.#core;
    if (this.#hasHeard() || (core.activeStreams === 0 && !core.limits.keepaliveWithoutCalls)) {
      this.watch();
      return;
    }
    this.#pings.send(core.write, core.environment.now(), this.#onAck);
    this.#looks = 0;
    this.#timer.arm(Deadline.keepaliveAnswer, suspectMs(core.limits.keepaliveTimeoutMs));
    core.markDirty();
  }

  /**
   * First no more calls are sent here, so that fewer are lost if there is nobody; then time is up. What has come while this
   * program was held up is read before the last look.
   */
  onAnswerDeadline(): void {
    if (this.#hasHeard()) {
      this.watch();
      return;
    }
    const core = this.#core;
    const { keepaliveTimeoutMs } = core.limits;
    this.#looks++;
    if (this.#looks < 3) {
      core.isSuspect = true;
      const leftMs = this.#looks === 1 ? keepaliveTimeoutMs - suspectMs(keepaliveTimeoutMs) : 0;
      this.#timer.arm(Deadline.keepaliveAnswer, leftMs);
      return;
    }
    core.countLimit('keepaliveTimeoutMs');
    core.fail(ErrorCode.NO_ERROR, `keepalive: nothing came within ${keepaliveTimeoutMs} ms of a PING`);
  }

  /** Server: the client asks for an answer. Whoever is being sent messages may do so as often as it likes (BDP probes). */
  onPeerPing(): void {
    const core = this.#core;
    if (core.role !== 'server') return;
    const { minPingIntervalMs, maxPingStrikes } = core.limits;
    const { messageFrames } = core.write;
    if (messageFrames !== this.#messageFramesSeen) {
      this.#messageFramesSeen = messageFrames;
      this.#strikes = 0;
    } else if (core.nowMs - this.#lastPingMs < minPingIntervalMs) {
      this.#strikes++;
    }
    this.#lastPingMs = core.nowMs;
    if (this.#strikes <= maxPingStrikes || core.ending !== null) return;
    core.countLimit('maxPingStrikes');
    core.fail(ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings');
  }

  #hasHeard(): boolean {
    return this.#bytesIn() !== this.#bytesSeen;
  }
}

function suspectMs(keepaliveTimeoutMs: number): number {
  return Math.min(maxSuspectMs, keepaliveTimeoutMs * suspectShare);
}
