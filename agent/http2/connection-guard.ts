// What a peer may cost a connection: token buckets and counters, pure (time is passed in). A method answers the name of
// the limit that was exceeded, or `null`.
import type { Http2Limits } from './limits.ts';

/** Premature: closed by the peer this soon, with nothing answered (the measure of Envoy's rule against rapid resets). */
export const prematureMs = 1000;

/** Tokens that a frame of real traffic brings back: a peer may update two windows and ping for each (BDP probes). */
const refundPerFrame = 3;

/** Bytes sent that bring back a token: whoever draws them in small pieces gets few. */
const sentBytesPerToken = 512;

/** Of a header block that says far more than it has, so many bytes cost a token: decoding it was its only use. */
const expandedBytesPerToken = 128;

/** A bucket of `burst` tokens that refills with time. The clock only matters when it is empty. */
export class RateBudget {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #filledMs = Number.NaN;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
  }

  /** False when there were not so many tokens left. */
  spend(nowMs: number, tokens = 1): boolean {
    if (Number.isNaN(this.#filledMs)) this.#filledMs = nowMs;
    if (this.#tokens >= tokens) {
      this.#tokens -= tokens;
      return true;
    }
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledMs) * this.#perMs);
    this.#filledMs = nowMs;
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }

  refund(tokens: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens);
  }
}

export class ConnectionGuard {
  readonly #limits: Http2Limits;
  readonly #control: RateBudget;
  readonly #peerResets: RateBudget;
  readonly #ownResets: RateBudget;
  #emptyFrames = 0;
  #closed = 0;
  #premature = 0;
  /** When the last `resetsBeforeRotation` resets were sent, ms, the oldest at `#oldestReset`; `null`: none was. */
  #resetTimes: Float64Array | null = null;
  #oldestReset = 0;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
    this.#control = new RateBudget(limits.controlFrameBurst, limits.controlFramesPerSecond);
    this.#peerResets = new RateBudget(limits.peerResetBurst, limits.peerResetsPerSecond);
    this.#ownResets = new RateBudget(limits.ownResetBurst, limits.ownResetsPerSecond);
  }

  onControlFrame(nowMs: number): keyof Http2Limits | null {
    return this.#control.spend(nowMs) ? null : 'controlFrameBurst';
  }

  /** A header block beyond `maxHeaderExpansionBytes`, of that decoded size. */
  onExpansion(bytes: number, nowMs: number): keyof Http2Limits | null {
    return this.#control.spend(nowMs, bytes / expandedBytesPerToken) ? null : 'controlFrameBurst';
  }

  /** SETTINGS have opened the windows of so many streams that had waited for that: each will send. */
  onStreamsWoken(streams: number, nowMs: number): keyof Http2Limits | null {
    return this.#control.spend(nowMs, streams) ? null : 'controlFrameBurst';
  }

  /** DATA of that payload was sent, for which the peer may update two windows. */
  onDataSent(bytes: number): void {
    this.#control.refund(bytes / sentBytesPerToken);
  }

  /** HEADERS of a call in either direction, or DATA that came and carries something. */
  onTraffic(): void {
    this.#emptyFrames = 0;
    this.#control.refund(refundPerFrame);
  }

  /** DATA that carries nothing and ends nothing. */
  onEmptyFrame(nowMs: number): keyof Http2Limits | null {
    this.#emptyFrames++;
    return this.#emptyFrames > this.#limits.maxEmptyFrames ? 'maxEmptyFrames' : this.onControlFrame(nowMs);
  }

  onStreamClosed(): void {
    this.#closed++;
  }

  onPrematureReset(nowMs: number): keyof Http2Limits | null {
    this.#premature++;
    const sample = this.#limits.prematureResetSample;
    if (sample > 0 && this.#closed >= sample && this.#premature * 2 >= this.#closed) return 'prematureResetSample';
    return this.#peerResets.spend(nowMs) ? null : 'peerResetBurst';
  }

  /** A stream that the codec itself has to reset or refuse. */
  onOwnReset(nowMs: number): keyof Http2Limits | null {
    return this.#ownResets.spend(nowMs) ? null : 'ownResetBurst';
  }

  /** A reset may be sent: fewer than `resetsBeforeRotation` were within the last `rotationWindowMs`. */
  mayReset(nowMs: number): boolean {
    const { resetsBeforeRotation, rotationWindowMs } = this.#limits;
    if (resetsBeforeRotation === 0 || this.#resetTimes === null) return true;
    return nowMs - this.#resetTimes[this.#oldestReset]! > rotationWindowMs;
  }

  /** A reset is sent. */
  noteReset(nowMs: number): void {
    const { resetsBeforeRotation } = this.#limits;
    if (resetsBeforeRotation === 0) return;
    this.#resetTimes ??= new Float64Array(resetsBeforeRotation).fill(Number.NEGATIVE_INFINITY);
    this.#resetTimes[this.#oldestReset] = nowMs;
    this.#oldestReset = (this.#oldestReset + 1) % resetsBeforeRotation;
  }
}
