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
import type { Http2Limits } from './limits.ts';

export class ConnectionDrain {
  /** What the peer's GOAWAY said, as the reason for the end. */
  peerGoAway: ConnectionEnd | null = null;
  readonly #core: ConnectionCore;
  readonly #timer: ConnectionTimer;
  readonly #pings: Pings;
  /** Our last GOAWAY is out, so that the end of the last stream is the end. */
  #mayClose = false;
  #why = '';
  #spread = 1;

  constructor(core: ConnectionCore, timer: ConnectionTimer, pings: Pings) {
    this.#core = core;
    this.#timer = timer;
    this.#pings = pings;
  }

  /**
   * Begins to drain, if that has not begun; a new `graceMs` replaces the one before (0: however long it takes).
   * @param why for the peer's people, in both GOAWAYs.
   */
  begin(graceMs: number, why = ''): void {
    const core = this.#core;
    if (graceMs > 0) this.#timer.arm(Deadline.drainGrace, graceMs);
    if (core.state !== 'open') return;
    core.state = 'draining';
    this.#why = why;
    if (core.role === 'server') {
      core.write.goAway(max31, ErrorCode.NO_ERROR, why);
      this.#pings.send(core.write, core.environment.now(), () => this.sayLast());
      this.#timer.arm(Deadline.drainPing, core.limits.drainPingTimeoutMs);
    } else {
      core.write.goAway(0, ErrorCode.NO_ERROR, why);
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
    core.write.goAway(core.lastPeerStreamId, ErrorCode.NO_ERROR, this.#why);
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

  /** What a GOAWAY has announced is how the connection ends, but what befell streams that were left is said too. */
  endOfLost(lost: ConnectionEnd): ConnectionEnd {
    const said = this.peerGoAway;
    if (said === null) return lost;
    return this.#core.activeStreams === 0 ? said : { ...said, reason: `${said.reason}, then: ${lost.reason}` };
  }

  /** The peer has closed its side. Answers whether calls go on for a while; their requests are whole. */
  outlivesPeerEnd(): boolean {
    const core = this.#core;
    const graceMs = core.limits.halfClosedGraceMs;
    if (core.role === 'client' || graceMs === 0 || core.ending !== null) return false;
    for (const stream of core.streams.all()) {
      if (!stream.receivedEnd) core.closeByPeer(stream, ErrorCode.CANCEL, false);
    }
    if (core.activeStreams === 0) return false;
    core.state = 'draining';
    this.#mayClose = true;
    this.#timer.disarm(Deadline.drainPing);
    this.#timer.arm(Deadline.drainGrace, graceMs);
    return true;
  }

  /** How the connection has ended in order, `null` while it has not. */
  get end(): ConnectionEnd | null {
    const core = this.#core;
    if (core.activeStreams > 0 || (core.state === 'open' && this.peerGoAway === null)) return null;
    const isClientGone = core.role === 'server' && this.peerGoAway !== null;
    if (!this.#mayClose && !isClientGone) return null;
    return this.peerGoAway ?? { connected: true, code: ErrorCode.NO_ERROR, by: 'local', reason: 'drained' };
  }

  /** Connections that began together shall not end together (gRFC A9). */
  watchIdleAndAge(): void {
    const { limits, environment } = this.#core;
    this.#spread = 0.9 + 0.2 * (environment.random?.() ?? 0.5);
    this.#timer.arm(Deadline.idle, limits.idleTimeoutMs * this.#spread);
    this.#timer.arm(Deadline.age, limits.maxConnectionAgeMs * this.#spread);
  }

  onIdleDeadline(): void {
    const core = this.#core;
    const timeoutMs = core.limits.idleTimeoutMs * this.#spread;
    const leftMs = core.activeStreams > 0 ? timeoutMs : core.idleSinceMs + timeoutMs - core.nowMs;
    if (leftMs > 0) this.#timer.arm(Deadline.idle, leftMs);
    else this.#rotate('idleTimeoutMs', 0, 'max_idle');
  }

  onAgeDeadline(): void {
    this.#rotate('maxConnectionAgeMs', this.#core.limits.maxConnectionAgeGraceMs, 'max_age');
  }

  onOutOfIds(): void {
    this.#rotate('lastStreamId', 0, 'max_stream_id');
  }

  /** The connection has lived long enough, by one of its own limits. */
  #rotate(limit: keyof Http2Limits, graceMs: number, why: string): void {
    if (this.#core.state !== 'open') return;
    this.#core.countLimit(limit);
    this.begin(graceMs, why);
  }
}
