// How a connection ends in order (RFC 9113 section 6.8), whichever side wants it.
//
//   server: GOAWAY(2^31-1), PING ──answer, or time──▶ GOAWAY(last stream) ──its streams end──▶ close
//   client: GOAWAY, no new streams ──its streams end──▶ close
//
// The first GOAWAY of a server only says that the end is near: streams that were on their way are still served.
import type { ConnectionCore } from './connection-core.ts';
import type { Pings } from './connection-pings.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';
import { type ConnectionEnd, ErrorCode, errorCodeName } from './errors.ts';
import { max31 } from './frame.ts';

export class ConnectionDrain {
  /** What the peer's GOAWAY said, as the reason for the end. */
  peerGoAway: ConnectionEnd | null = null;
  readonly #core: ConnectionCore;
  readonly #timer: ConnectionTimer;
  readonly #pings: Pings;
  /** Our last GOAWAY is out, so that the end of the last stream is the end. */
  #mayClose = false;
  /** Streams opened when idleness was last looked at. */
  #streamsAtIdleCheck = 0;

  constructor(core: ConnectionCore, timer: ConnectionTimer, pings: Pings) {
    this.#core = core;
    this.#timer = timer;
    this.#pings = pings;
  }

  /** Begins to drain, if that has not begun; a new `graceMs` replaces the one before (0: however long it takes). */
  begin(graceMs: number): void {
    const core = this.#core;
    if (graceMs > 0) this.#timer.arm(Deadline.drainGrace, graceMs);
    if (core.state !== 'open') return;
    core.state = 'draining';
    if (core.role === 'server') {
      core.write.goAway(max31, ErrorCode.NO_ERROR, '');
      this.#pings.send(core.write, core.environment.now(), () => this.sayLast());
      this.#timer.arm(Deadline.drainPing, core.limits.drainPingTimeoutMs);
    } else {
      core.write.goAway(0, ErrorCode.NO_ERROR, '');
      this.#mayClose = true;
    }
    core.markDirty();
  }

  /** Server: the client has heard the first GOAWAY, or does not answer. Streams that come from now on are ignored. */
  sayLast(): void {
    const core = this.#core;
    if (this.#mayClose || core.state !== 'draining') return;
    this.#mayClose = true;
    this.#timer.disarm(Deadline.drainPing);
    core.lastStreamId = core.lastPeerStreamId;
    core.write.goAway(core.lastPeerStreamId, ErrorCode.NO_ERROR, '');
    core.markDirty();
  }

  /** The peer is leaving: no new streams on our side, and the connection closes behind the last one. */
  onPeerGoAway(lastStreamId: number, code: number, debug: string): void {
    const core = this.#core;
    const said = debug === '' ? '' : ` "${debug}"`;
    const reason = `the peer said GOAWAY ${errorCodeName(code)}${said}`;
    this.peerGoAway = { connected: true, code, by: 'peer', reason };
    if (core.role === 'client') {
      core.state = 'draining';
      this.#mayClose = true;
    }
    core.markDirty();
    core.handler.onGoAway(core.face, lastStreamId, code, debug);
    if (core.role === 'client') core.dropUnprocessed(lastStreamId);
  }

  /** How the connection has ended in order, `null` while it has not. */
  get end(): ConnectionEnd | null {
    const core = this.#core;
    if (core.activeStreams > 0 || (core.state === 'open' && this.peerGoAway === null)) return null;
    const isClientGone = core.role === 'server' && this.peerGoAway !== null;
    if (!this.#mayClose && !isClientGone) return null;
    return this.peerGoAway ?? { connected: true, code: ErrorCode.NO_ERROR, by: 'local', reason: 'drained' };
  }

  /** Any stream since the last look is activity: an idle connection ends between one and two times its timeout. */
  onIdleDeadline(): void {
    const { activeStreams, streamsOpened, limits } = this.#core;
    if (activeStreams === 0 && streamsOpened === this.#streamsAtIdleCheck) {
      this.begin(0);
      return;
    }
    this.#streamsAtIdleCheck = streamsOpened;
    this.#timer.arm(Deadline.idle, limits.idleTimeoutMs);
  }
}
