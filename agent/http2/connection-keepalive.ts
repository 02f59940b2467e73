// Is the peer still there? A PING is sent when nothing has come for a while, and the connection ends when nothing comes
// behind it (gRFC A8, A18). The other way round: a client that pings more than it needs to is told so (A8).
import type { ConnectionCore } from './connection-core.ts';
import type { Pings } from './connection-pings.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';
import { ErrorCode } from './errors.ts';

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
    this.#bytesSeen = this.#bytesIn();
    this.#timer.arm(Deadline.keepalive, this.#core.limits.keepaliveTimeMs);
  }

  /** So long nothing may have come. A silent peer is asked between one and two times `keepaliveTimeMs` after its last byte. */
  onKeepaliveDeadline(): void {
    const core = this.#core;
    if (this.#hasHeard() || (core.activeStreams === 0 && !core.limits.keepaliveWithoutCalls)) {
      this.watch();
      return;
    }
    this.#pings.send(core.write, core.environment.now(), this.#onAck);
    this.#timer.arm(Deadline.keepaliveAnswer, core.limits.keepaliveTimeoutMs);
    core.markDirty();
  }

  onAnswerDeadline(): void {
    if (this.#hasHeard()) {
      this.watch();
      return;
    }
    const { limits } = this.#core;
    this.#core.countLimit('keepaliveTimeoutMs');
    this.#core.fail(ErrorCode.NO_ERROR, `keepalive: nothing came within ${limits.keepaliveTimeoutMs} ms of a PING`);
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
